"""Aggregates: a call in an argument is asked for the groups that are wanted, one above a GROUP BY for each group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, columns, exactly, is_clean, loosely, needs, tainted
from ddb_aiquery._planner.calls import has_call
from ddb_aiquery._planner.functions import REPEATABLE_AGGREGATES

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Around, Solver


class Group(Node):
    """GROUP BY with its aggregates; `alive` is TRUE in groups that really exist."""

    __slots__ = ("aggregates", "alive", "exact", "keys", "rel", "sets")

    def __init__(
        self,
        rel: Rel,
        keys: Sequence[tuple[str, Ast]],
        aggregates: Sequence[tuple[str, Ast]],
        sets: Sequence[Sequence[int]],
        alive: str,
    ) -> None:
        unknown = tainted(rel.node)
        late = {symbol for symbol, key in keys if not is_clean(key, unknown)}
        self.exact = rel.exact and not late
        waits = late | {symbol for symbol, value in aggregates if not self.exact or not is_clean(value, unknown)}
        exists = () if self.exact or not keys else (alive,)
        given = [symbol for symbol, _ in [*keys, *aggregates]]
        clean = self.exact and not waits
        super().__init__({*given, alive}, [rel.node] if clean else [], {*waits, *exists})
        self.rel, self.keys, self.aggregates, self.sets, self.alive = rel, keys, aggregates, sets, alive

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the GROUP BY; while answers are missing, of all rows and without the aggregates that need them."""
        ready = state.is_ready(self)
        items = [(key, symbol) for symbol, key in self.keys if symbol in need]
        items += [(value, symbol) for symbol, value in self.aggregates if symbol in need]
        items += [(ast.boolean(True), self.alive)] if self.alive in need else []
        groups = [key for symbol, key in self.keys if ready or symbol not in self.tainted]
        grouped = exactly if ready else loosely
        if not groups and not self.aggregates and not self.keys:
            return ast.select(items)
        query = grouped(self.rel, [*items, *((key, "") for key in groups)], state)
        listed = query["select_list"]
        query["group_expressions"] = [{**key, "alias": ""} for key in listed[len(items) :]]
        if ready and any(has_call(key) for key in groups):
            return self._keyed_first(items, state)
        sets = self.sets if len(groups) == len(self.keys) else ()
        query["group_sets"] = [list(s) for s in sets] or [list(range(len(groups)))]
        query["select_list"] = listed[: len(items)] or [ast.number(1)]
        if not groups and not self.keys and not any(state.functions.is_aggregate(part) for part in ast.walk(query["select_list"])):
            return ast.select([(item, item.get("alias", "")) for item in query["select_list"]])
        return query

    def _keyed_first(self, items: list[tuple[Ast, str]], state: State) -> Ast:
        """Return the GROUP BY over keys that were looked up below: a lookup is not recognised when it is repeated."""
        named = {ast.fingerprint(key): symbol for symbol, key in self.keys}
        used = needs([value for _, value in self.aggregates]) & self.rel.node.outputs
        inner = exactly(self.rel, [*((key, symbol) for symbol, key in self.keys), *columns(used)], state)

        def change(part: Ast) -> Ast | None:
            return ast.column(named[ast.fingerprint(part)]) if ast.fingerprint(part) in named else None

        listed = [(state.answered(ast.rewrite(item, change)), symbol) for item, symbol in items]
        groups = [ast.column(symbol) for symbol, _ in self.keys]
        return ast.select(listed, ast.derived(inner, state.alias()), groups=groups, sets=self.sets)

    def unsteady(self, state: State) -> bool:
        """Return whether an aggregate depends on the order of its rows."""
        used = (part for _, value in self.aggregates for part in ast.walk(value))
        return any(
            state.functions.is_aggregate(part) and part["function_name"] not in REPEATABLE_AGGREGATES for part in used
        )

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask what keys and aggregates need, for the groups that are wanted above.

        >>> from ddb_aiquery._planner.testing import planned
        >>> planned("select k, count(*) filter (where ai_query('e', p) = 'A') from t group by k having count(*) > 8")
        []
        """
        demand: list[Ast] = []
        if not self.sets:
            clean = [(symbol, key) for symbol, key in self.keys if symbol not in self.tainted]
            demand = solver.demand(around, self, [(ast.column(symbol), key) for symbol, key in clean])
        used = [value for symbol, value in self.aggregates if symbol in solver.used]
        wanted = [*(key for _, key in self.keys), *used]
        solver.solve(self.rel, wanted, demand)

    def expressions(self) -> Iterator[Ast]:
        """Yield keys and aggregates."""
        yield from (expression for _, expression in [*self.keys, *self.aggregates])


def grouped(
    rel: Rel,
    keys: Sequence[tuple[str, Ast]],
    aggregates: Sequence[tuple[str, Ast]],
    sets: Sequence[Sequence[int]],
    alive: str,
) -> Rel:
    """Return a relation of groups."""
    node = Group(rel, keys, aggregates, sets, alive)
    return Rel(node, [ast.column(alive)] if alive in node.tainted else [])
