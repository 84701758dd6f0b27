"""A call in an outer join's ON is asked for matching pairs only; a call on the outer side, for matched rows only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, columns, exactly, is_clean, needs, source, tainted
from ddb_aiquery._planner.rules.join import Join, wanted_left

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Around, Solver


class OuterJoin(Node):
    """A LEFT or SINGLE join; `marker` is TRUE in matched rows, `alive` waits until the matches are known."""

    __slots__ = ("alive", "conditions", "keeps", "kind", "marker", "right")

    def __init__(self, kind: str, left: Node, right: Rel, conditions: Sequence[Ast], marker: str, alive: str) -> None:
        unknown = tainted(left) | tainted(right.node)
        clean = right.exact and all(is_clean(condition, unknown) for condition in conditions)
        waits = () if clean else (marker, alive)
        shown = [left, right.node] if clean else [left]
        hidden = [] if clean else [right.node]
        super().__init__({marker, alive}, shown, waits, passes=[left, right.node], hides=hidden)
        self.kind, self.keeps, self.right = kind, left, right
        self.conditions, self.marker, self.alive = list(conditions), marker, alive

    def over(self, left: Node) -> OuterJoin:
        """Return the same join of another left side."""
        return OuterJoin(self.kind, left, self.right, self.conditions, self.marker, self.alive)

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT over the join, or over the left side alone while the matches are unknown."""
        if not state.is_ready(self):
            return ast.select(columns(need), source(self.keeps, need, state))
        wanted = need | needs(self.conditions)
        items = [*columns(wanted & self.right.node.outputs), (ast.boolean(True), self.marker)]
        right = ast.derived(exactly(self.right, items, state), state.alias())
        both = ast.join(self.kind, source(self.keeps, wanted, state), right, ast.both(state.answered(self.conditions)))
        listed = [(ast.boolean(True) if s == self.alive else ast.column(s), s) for s in sorted(need)]
        return ast.select(listed, both)

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask about the pairs that match on everything cheap."""
        left = wanted_left(self, self.keeps, solver, around)
        unknown = solver.unknown(left) | solver.unknown(self.right.node)
        clean = [condition for condition in self.conditions if is_clean(condition, unknown)]
        late = [condition for condition in self.conditions if not is_clean(condition, unknown)]
        solver.solve(Rel(Join(left, self.right.node, clean), [*self.right.pending, *late]), [], [])

    def expressions(self) -> Iterator[Ast]:
        """Yield the conditions."""
        yield from self.conditions


def outer_joined(kind: str, left: Rel, right: Rel, conditions: Sequence[Ast], state: State) -> tuple[Rel, str]:
    """Return the outer join of two relations and the symbol that marks matched rows.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select id, name from t left join u on t.k = u.k and ai_query('e', name) = 'N1' where id = 1")
    before: n1
    after:  n1
    """
    node = OuterJoin(kind, left.node, right, conditions, state.symbol(), state.symbol())
    waits = [ast.column(node.alive)] if node.tainted and kind == "LEFT" else []
    return Rel(node, [*left.pending, *waits], []), node.marker
