"""Aggregates: a call in an argument is asked for the groups that are wanted, one above a GROUP BY for each group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, exactly, is_clean, loosely, tainted
from ddb_aiquery._planner.functions import REPEATABLE_AGGREGATES
from ddb_aiquery._planner.rules.filter import filtered

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
        super().__init__({*given, alive}, [rel.node] if self.exact else [], {*waits, *exists})
        self.rel, self.keys, self.aggregates, self.sets, self.alive = rel, keys, aggregates, sets, alive

    def restricted(self, rel: Rel, predicates: Sequence[Ast]) -> tuple[Rel, list[Ast]]:
        """Return the groups with the predicates that use keys alone put below, and the other predicates.

        >>> from ddb_aiquery._planner.examples import compare
        >>> compare("select k, max(ai_query('e', p)) from t group by k having k = 1")
        before: p1 p4
        after:  p1 p4
        """
        keys = dict(self.keys)
        own = [p for p in predicates if not self.sets and ast.symbols(p) and ast.symbols(p) <= set(keys)]
        if not own:
            return rel, list(predicates)
        inner = self.rel
        for predicate in own:
            inner = filtered(inner, ast.substituted(predicate, keys))
        again = grouped(inner, self.keys, self.aggregates, self.sets, self.alive)
        others = [p for p in rel.pending if p not in again.pending and ast.symbols(p) != {self.alive}]
        rest = [p for p in predicates if p not in own]
        return Rel(again.node, [*again.pending, *others], rel.order), rest

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
        sets = self.sets if len(groups) == len(self.keys) else ()
        query["group_sets"] = [list(s) for s in sets] or [list(range(len(groups)))]
        query["select_list"] = listed[: len(items)] or [ast.number(1)]
        if (
            not groups
            and not self.keys
            and not any(state.functions.is_aggregate(part) for part in ast.walk(query["select_list"]))
        ):
            return ast.select([(item, item.get("alias", "")) for item in query["select_list"]])
        return query

    def unsteady(self, state: State) -> bool:
        """Return whether an aggregate depends on the order of its rows."""
        used = (part for _, value in self.aggregates for part in ast.walk(value))
        return any(
            state.functions.is_aggregate(part) and part["function_name"] not in REPEATABLE_AGGREGATES for part in used
        )

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask what keys and aggregates need, for the groups that are wanted above.

        >>> from ddb_aiquery._planner.examples import compare
        >>> compare("select k, count(*) filter (where ai_query('e', p) = 'P1') from t group by k having max(id) > 4")
        before: p0 p1 p2 p3 p4 p5
        after:  p2 p5
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
