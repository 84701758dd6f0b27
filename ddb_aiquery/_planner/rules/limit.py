"""LIMIT runs before calls that it does not need; `WHERE model(...) LIMIT n` is asked in chunks that stop at n."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, columns, exactly, is_clean, loosely, needs, tainted
from ddb_aiquery._planner.calls import Unplannable
from ddb_aiquery._planner.rules.group import Group
from ddb_aiquery._planner.rules.mark_join import MarkJoin
from ddb_aiquery._planner.rules.outer_join import OuterJoin

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Around, Solver


class Limit(Node):
    """The first rows of an ordered relation."""

    __slots__ = ("modifier", "orders", "rel")
    loose = True

    def __init__(self, rel: Rel, orders: Sequence[Ast], modifier: Ast) -> None:
        unknown = tainted(rel.node)
        clean = rel.exact and all(is_clean(order, unknown) for order in orders)
        super().__init__((), [rel.node] if clean else [], passes=[rel.node], blocked=not clean)
        self.rel, self.orders, self.modifier = rel, list(orders), modifier

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT with its ORDER BY and LIMIT."""
        if not state.is_ready(self):
            return loosely(self.rel, columns(need), state)
        ordered = [ast.order(self.orders)] if self.orders else []
        return exactly(self.rel, columns(need), state, [*ordered, self.modifier])

    def unsteady(self, state: State) -> bool:
        """Return whether any of equal rows may be the first: groups ordered by all their keys have no equals."""
        node = self.rel.node
        if not isinstance(node, Group) or node.sets or not node.keys or node.unsteady(state):
            return True
        told = {s for order in self.orders if _tells(order["expression"]) for s in ast.symbols(order)}
        return not {symbol for symbol, _ in node.keys} <= told

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask for the order, or chunk by chunk until enough rows have passed."""
        del around
        from ddb_aiquery._planner.chunks import in_chunks  # noqa: PLC0415 (chunks are made of scans, a rule too)

        solver.settle(self.rel.node)
        count = _count(self.modifier)
        unknown = solver.unknown(self.rel.node)
        orderly = all(is_clean(order, unknown) for order in self.orders)
        if self.rel.exact or count is None or not orderly:
            solver.solve(self.rel, [order["expression"] for order in self.orders], [])
            return
        self.rel, self.orders = in_chunks(solver, self.rel, self.orders, count)

    def expressions(self) -> Iterator[Ast]:
        """Yield the keys of the order."""
        yield from self.orders


def _tells(expression: Ast) -> bool:
    """Return whether an order by the expression parts all values: a column, its texts byte by byte."""
    if expression.get("class") == "COLLATE":
        return expression["collation"] == "C" and _tells(expression["child"])
    return ast.is_column(expression)


def _count(modifier: Ast) -> int | None:
    """Return how many rows LIMIT and OFFSET need together, None where that is no constant."""
    if modifier.get("limit_type", "LITERAL") == "PERCENTAGE":
        return None
    parts = [_constant(modifier[name]) for name in ("limit", "offset") if name in modifier]
    return None if "limit" not in modifier or None in parts else sum(part or 0 for part in parts)


def _constant(node: Ast) -> int | None:
    while node.get("class") == "CAST":
        node = node["child"]
    digits = node.get("literal", {}).get("text", "")
    return int(digits) if digits.isdigit() else None


def limited(rel: Rel, modifier: Ast) -> Rel:
    """Return the first rows of a relation in its order.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select id from t where ai_query('e', p) <> 'P0' order by id limit 1")
    before: p0 p1 p2 p3 p4 p5
    after:  p0 p1
    >>> compare("select id, exists (from u where u.k = t.k and ai_query('e', name) = 'N1') from t order by id limit 1")
    before: n0 n1 n2
    after:  n0

    Raises:
        Unplannable: how many is for a query to say.
    """
    if any(node.get("class") == "SUBQUERY" for node in ast.walk(modifier)):
        raise Unplannable("a LIMIT or OFFSET that is a query")
    return Rel(_limit(rel, modifier), [], rel.order)


def _limit(rel: Rel, modifier: Ast) -> Node:
    """Return the first rows, taken below joins that wait for answers and give each row of their left side once."""
    node = rel.node
    if (
        isinstance(node, MarkJoin | OuterJoin)
        and node.kind != "LEFT"
        and tainted(node)
        and needs([rel.pending, rel.order]) <= node.keeps.outputs
    ):
        return node.over(_limit(Rel(node.keeps, rel.pending, rel.order), modifier))
    return Limit(rel, rel.order, modifier)
