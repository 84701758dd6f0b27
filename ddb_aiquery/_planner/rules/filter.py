"""Cheap predicates run at once, below everything that waits for an answer; predicates with calls become pending."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, is_clean, needs, source, tainted

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast


class Filter(Node):
    """Rows for which cheap predicates hold."""

    __slots__ = ("child", "predicates")

    def __init__(self, child: Node, predicates: Sequence[Ast]) -> None:
        super().__init__((), [child], passes=[child])
        self.child = child
        self.predicates = list(predicates)

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT with its WHERE."""
        inner = source(self.child, need | needs(self.predicates), state)
        return ast.select([(ast.column(s), s) for s in sorted(need)], inner, ast.both(self.predicates))

    def unsteady(self, state: State) -> bool:
        """Return whether a predicate is volatile."""
        return any(state.functions.is_volatile(predicate) for predicate in self.predicates)

    def expressions(self) -> Iterator[Ast]:
        """Yield the predicates."""
        yield from self.predicates


def filtered(rel: Rel, predicate: Ast) -> Rel:
    """Return the rows of a relation for which a predicate holds.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select id from t where ai_query('e', p) = 'P1' and k = 1")
    before: p1 p4
    after:  p1 p4
    """
    restricted = getattr(rel.node, "restricted", None)
    if restricted is not None:
        rel, parts = restricted(rel, ast.conjuncts(predicate))
    else:
        parts = ast.conjuncts(predicate)
    unknown = tainted(rel.node)
    node, pending = rel.node, list(rel.pending)
    for part in parts:
        if compares_null(part):
            node = below(node, ast.boolean(False))
        elif is_clean(part, unknown):
            node = below(node, part)
        else:
            pending.append(part)
    return Rel(node, pending, rel.order)


def compares_null(predicate: Ast) -> bool:
    """Return whether the predicate compares with a constant NULL, which is never TRUE."""
    if predicate.get("class") != "COMPARISON" or "DISTINCT" in predicate["type"]:
        return False
    sides = [predicate["left"], predicate["right"]]
    for at, side in enumerate(sides):
        while side.get("class") == "CAST":
            side = side["child"]  # noqa: PLW2901 (down to what is cast)
        sides[at] = side
    return any(side.get("literal", {}).get("kind") == "NULL_LITERAL" for side in sides)


def below(node: Node, predicate: Ast) -> Node:
    """Return the node filtered, the predicate put below joins that keep all rows of their left side."""
    left = getattr(node, "keeps", None)
    if left is not None and ast.symbols(predicate) <= left.outputs:
        return node.over(below(left, predicate))  # type: ignore[attr-defined,no-any-return]
    if isinstance(node, Filter):
        return Filter(node.child, [*node.predicates, predicate])
    return Filter(node, [predicate])
