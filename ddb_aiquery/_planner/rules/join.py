"""Predicates with calls are applied above inner joins, so that only rows with a partner are asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, columns, is_clean, needs, source, tainted, used_beside
from ddb_aiquery._planner.rules.filter import Filter

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Around, Solver


class Join(Node):
    """An inner or cross join on cheap conditions."""

    __slots__ = ("conditions", "left", "right")

    def __init__(self, left: Node, right: Node, conditions: Sequence[Ast]) -> None:
        super().__init__((), [left, right], passes=[left, right])
        self.left, self.right = left, right
        self.conditions = list(conditions)

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT over the join."""
        inner = need | needs(self.conditions)
        both = ast.join(
            "INNER", source(self.left, inner, state), source(self.right, inner, state), ast.both(self.conditions)
        )
        return ast.select(columns(need), both)

    def unsteady(self, state: State) -> bool:
        """Return whether a condition is volatile."""
        return any(state.functions.is_volatile(condition) for condition in self.conditions)

    def expressions(self) -> Iterator[Ast]:
        """Yield the conditions."""
        yield from self.conditions


def joined(left: Rel, right: Rel, conditions: Sequence[Ast]) -> Rel:
    """Return the inner join of two relations.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select id from t join u using (k) where ai_query('e', p) = 'P1' and name = 'n1'")
    before: p1 p4
    after:  p1 p4
    """
    unknown = tainted(left.node) | tainted(right.node)
    clean = [condition for condition in conditions if is_clean(condition, unknown)]
    late = [condition for condition in conditions if not is_clean(condition, unknown)]
    return Rel(paired(left.node, right.node, clean), [*left.pending, *right.pending, *late], [])


def paired(left: Node, right: Node, conditions: Sequence[Ast]) -> Node:
    """Return the join of two trees, put below joins on the left that wait for answers and keep all rows."""
    if isinstance(left, Filter) and getattr(left.child, "keeps", None) is not None:
        return Filter(paired(left.child, right, conditions), left.predicates)
    kept = getattr(left, "keeps", None)
    if kept is not None and needs(conditions) <= kept.outputs | right.outputs:
        return left.over(paired(kept, right, conditions))  # type: ignore[attr-defined,no-any-return]
    return Join(left, right, conditions)


def narrowed(node: Node, need: frozenset[str], state: State) -> Node:
    """Return a tree with the same distinct values of some symbols: a cross join's other side need only have a row.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select t.id from t, u where ai_query('e', p) = ai_query('e', name) and t.id = 1")
    before: n0 n1 n2 p1
    after:  n0 n1 n2 p1
    """
    if node in state.kept or not isinstance(node, Filter | Join):
        return node
    if isinstance(node, Filter):
        child = narrowed(node.child, need | needs(node.predicates), state)
        return node if child is node.child else Filter(child, node.predicates)
    sides = [(node.left, node.right), (node.right, node.left)]
    for side, other in sides if not node.conditions else ():
        if not need & other.outputs:
            exists = ast.exists(ast.select([], source(other, frozenset(), state)))
            return Filter(narrowed(side, need, state), [exists])
    inner = need | needs(node.conditions)
    left, right = (narrowed(side, inner, state) for side, _ in sides)
    return node if left is node.left and right is node.right else Join(left, right, node.conditions)


def wanted_left(node: Node, left: Node, solver: Solver, around: Around | None) -> Node:
    """Return the rows of a join's left side, which the join keeps all, that may be wanted above it.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select t.id from t, (select k from u where ai_query('e', name) in (select p from t)) s "
    ...         "where s.k = t.k and t.id = 1")
    before: n0 n1 n2
    after:  n1
    """
    solver.settle(left)
    if around is None:
        return left
    usable = [p for p in around.where if ast.symbols(p) <= left.outputs and solver.renders(left, p)]
    wanted = solver.state.answered(usable)
    if around.rel.node is not node or len(usable) < len(around.where):
        used = used_beside(node, around.rel.node) | needs(around.where)
        used &= left.outputs - solver.unknown(around.rel.node)
        wanted += solver.demand(around, node, [(ast.column(s), ast.column(s)) for s in sorted(used)])
    return Filter(left, wanted) if wanted else left
