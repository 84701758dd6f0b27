"""DISTINCT ON picks its rows before calls that it does not need are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, exactly, is_clean, loosely, tainted

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Around, Solver


class Distinct(Node):
    """One row for each value of `keys`, the first in order; `alive` waits until pending predicates are answered."""

    __slots__ = ("alive", "keys", "orders", "rel", "whole")

    def __init__(self, rel: Rel, keys: Sequence[Ast], orders: Sequence[Ast], alive: str, *, whole: bool) -> None:
        unknown = tainted(rel.node)
        clean_keys = all(is_clean(key, unknown) for key in keys)
        clean = rel.exact and clean_keys and all(is_clean(order, unknown) for order in orders)
        waits = () if clean else (alive,)
        super().__init__({alive}, [rel.node], waits, passes=[rel.node])
        self.rel, self.keys, self.orders, self.alive = rel, list(keys), list(orders), alive
        self.whole = whole

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the DISTINCT ON, or all rows while answers are missing."""
        items = [(ast.boolean(True) if s == self.alive else ast.column(s), s) for s in sorted(need)]
        if not state.is_ready(self):
            return loosely(self.rel, items, state)
        on = {**ast.distinct(), "distinct_on_targets": self.keys}
        return exactly(self.rel, items, state, [on, *([ast.order(self.orders)] if self.orders else [])])

    def unsteady(self, state: State) -> bool:
        """Return whether the columns beside the keys come from whichever row is first."""
        del state
        return not self.whole

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask what keys and order need, for the keys that are wanted above."""
        clean = [key for key in self.keys if is_clean(key, solver.unknown(self.rel.node))]
        demand = solver.demand(around, self, [(key, key) for key in clean])
        solver.solve(self.rel, [*self.keys, *(order["expression"] for order in self.orders)], demand)

    def expressions(self) -> Iterator[Ast]:
        """Yield keys and order."""
        yield from [*self.keys, *self.orders]


def made_distinct(rel: Rel, keys: Sequence[Ast], orders: Sequence[Ast], alive: str, *, whole: bool) -> Rel:
    """Return one row of the relation for each value of the keys.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select distinct on (k) k, ai_query('e', p) from t order by k, id")
    before: p0 p1 p2 p3 p4 p5
    after:  p0 p1 p2
    """
    node = Distinct(rel, keys, orders, alive, whole=whole)
    return Rel(node, [ast.column(alive)] if node.tainted else [], list(orders))
