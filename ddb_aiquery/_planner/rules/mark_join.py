"""IN, EXISTS, ANY, semi- and anti-joins: rows on the right are asked about only where a row on the left wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import (
    Node,
    Rel,
    State,
    columns,
    exactly,
    is_clean,
    needs,
    nodes,
    sided,
    source,
    tainted,
)
from ddb_aiquery._planner.calls import sites
from ddb_aiquery._planner.rules.filter import compares_null
from ddb_aiquery._planner.rules.join import Join, wanted_left

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Around, Solver

MARKER = "__mark_join_marker"
"""DuckDB's name for the column that a MARK join adds."""


class MarkJoin(Node):
    """All rows of the left side, and for each of them whether the right side has a match (TRUE, FALSE or NULL)."""

    __slots__ = ("conditions", "keeps", "kind", "mark", "right")

    def __init__(self, kind: str, left: Node, right: Rel, conditions: Sequence[Ast], mark: str) -> None:
        unknown = tainted(left) | tainted(right.node)
        clean = right.exact and all(is_clean(condition, unknown) for condition in conditions)
        shown = [left, right.node] if clean else [left]
        super().__init__({mark}, shown, () if clean else [mark], passes=[left])
        self.keeps, self.right, self.conditions, self.mark = left, right, list(conditions), mark
        self.kind = kind

    def over(self, left: Node) -> MarkJoin:
        """Return the same join of another left side."""
        return MarkJoin(self.kind, left, self.right, self.conditions, self.mark)

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT over the join, or over the left side alone while the marks are unknown or unused."""
        if self.mark not in need:
            return ast.select(columns(need), source(self.keeps, need, state))
        if self.kind != "MARK":
            return self._tested(need, state)
        ours, theirs, conditions = sided(self.conditions, self.keeps.outputs, self.right.node.outputs, state)
        passed = columns(need & self.keeps.outputs)
        left = ast.derived(exactly(Rel(self.keeps), [*passed, *ours], state), state.alias())
        right = ast.derived(exactly(self.right, theirs, state), state.alias())
        both = ast.join("MARK", left, right, ast.both(conditions) or ast.boolean(True))
        listed = [(ast.column(MARKER if s == self.mark else s), s) for s in sorted(need)]
        return ast.select(listed, both)

    def _tested(self, need: frozenset[str], state: State) -> Ast:
        """Return a semi- or anti-join's rows with EXISTS as the mark, which takes any condition."""
        wanted = needs(self.conditions)
        right = exactly(self.right, columns(wanted & self.right.node.outputs), state)
        matches = ast.both(state.answered(self.conditions))
        found = ast.exists(ast.select([], ast.derived(right, state.alias()), matches))
        listed = [(found if s == self.mark else ast.column(s), s) for s in sorted(need)]
        return ast.select(listed, source(self.keeps, need | wanted, state))

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask about the left side where it stands alone, about the right where the left wants it, else about pairs."""
        if self._only_true(solver) and any(map(compares_null, self.conditions)):
            return
        left = wanted_left(self, self.keeps, solver, around)
        unknown = solver.unknown(left) | solver.unknown(self.right.node)
        clean = [condition for condition in self.conditions if is_clean(condition, unknown)]
        if self._one_sided():
            parts = [part for condition in self.conditions for part in _sides(condition, unknown)]
            ours = [part for part in parts if ast.symbols(part) <= left.outputs]
            theirs = [part for part in parts if not ast.symbols(part) <= left.outputs]
            matches = [condition if self._only_true(solver) else ast.is_not_false(condition) for condition in clean]
            decided = self._only_true(solver) or not needs(ours) & solver.unknown(left)
            solver.solve(Rel(left), ours, self._partners(solver, matches, theirs) if decided else [])
            wanted = ast.exists(solver.loosely(Rel(left), [], matches))
            solver.solve(self.right, theirs, [wanted])
            return
        late = [condition for condition in self.conditions if not is_clean(condition, unknown)]
        solver.solve(Rel(Join(left, self.right.node, clean), list(self.right.pending)), late, [])

    def _partners(self, solver: Solver, matches: Sequence[Ast], theirs: Sequence[Ast]) -> list[Ast]:
        """Return the predicate that keeps left rows for which a row on the right may decide the mark."""
        if any(node.blocked and not solver.state.is_ready(node) for node in nodes(self.right.node)):
            return []
        given = [side for c in self.conditions if c.get("class") == "COMPARISON" for side in (c["left"], c["right"])]
        given = [side for side in given if is_clean(side, solver.unknown(self.right.node)) and side not in theirs]
        sides = [side for side in given if ast.symbols(side) and ast.symbols(side) <= self.right.node.outputs]
        filled = [ast.operator("OPERATOR_IS_NOT_NULL", side) for side in sides] if self._only_true(solver) else []
        return [ast.exists(solver.loosely(self.right, [], [*matches, *filled]))]

    def _one_sided(self) -> bool:
        """Return whether each call of the conditions uses one side only."""
        left, right = self.keeps.outputs, self.right.node.outputs
        found = [site for condition in self.conditions for site in sites(condition)]
        return all(ast.symbols(site.call) <= left or ast.symbols(site.call) <= right for site in found)

    def _only_true(self, solver: Solver) -> bool:
        return self.mark in solver.positive

    def expressions(self) -> Iterator[Ast]:
        """Yield the conditions."""
        yield from self.conditions


def _sides(condition: Ast, unknown: frozenset[str]) -> list[Ast]:
    """Return the sides of a comparison that need answers, else the condition itself if it does."""
    sides = [condition["left"], condition["right"]] if condition.get("class") == "COMPARISON" else [condition]
    return [side for side in sides if not is_clean(side, unknown)]


def mark_joined(kind: str, left: Rel, right: Rel, conditions: Sequence[Ast], state: State) -> tuple[Rel, str]:
    """Return the left relation with a mark for each row, and the mark's symbol.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select id from t where k in (select k from u where ai_query('e', name) = 'N1') and id = 1")
    before: n0 n1 n2
    after:  n1
    """
    node = MarkJoin(kind, left.node, right, conditions, state.symbol())
    return Rel(node, left.pending, left.order), node.mark
