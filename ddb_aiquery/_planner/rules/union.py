"""UNION ALL: each branch's calls are carried above it, guarded by the branch that a row came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, source

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast


class Union(Node):
    """The rows of several trees; `tag` says which tree a row came from, columns of the others are NULL."""

    __slots__ = ("branches", "tag")

    def __init__(self, branches: Sequence[Node], tag: str) -> None:
        super().__init__({tag}, branches, passes=branches)
        self.branches, self.tag = list(branches), tag

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the branches one below the other."""
        queries = []
        for place, branch in enumerate(self.branches):
            items = [(self._value(symbol, branch, place), symbol) for symbol in sorted(need)]
            queries.append(ast.select(items, source(branch, need, state)))
        return ast.union_all(queries)

    def _value(self, symbol: str, branch: Node, place: int) -> Ast:
        if symbol == self.tag:
            return ast.number(place)
        return ast.column(symbol) if symbol in branch.outputs else ast.NULL


def united(
    branches: Sequence[tuple[Rel, Sequence[Ast]]], tag: str, types: Sequence[Ast | None] = ()
) -> tuple[Rel, list[Ast]]:
    """Return the union of relations and its columns, each a choice among the branches' columns.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select a from (select id, ai_query('e', p) as a from t union all select k, name from u) where id = 1")
    before: p1
    after:  p1
    """
    del types
    node = Union([rel.node for rel, _ in branches], tag)

    def here(place: int) -> Ast:
        return ast.equal(ast.column(tag), ast.number(place))

    pending = [
        ast.case([(here(place), predicate)], ast.boolean(True))
        for place, (rel, _) in enumerate(branches)
        for predicate in rel.pending
    ]
    width = len(branches[0][1])
    chosen = [
        ast.case([(here(place), {**outs[at], "alias": ""}) for place, (_, outs) in enumerate(branches)], ast.NULL)
        for at in range(width)
    ]
    return Rel(node, pending), chosen
