"""Predicates with calls that are asked before an unnest of answers, so that only rows that they leave are unnested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, nodes
from ddb_aiquery._planner.rules.compute import Lateral
from ddb_aiquery._planner.rules.filter import Filter
from ddb_aiquery._planner.rules.join import Join

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Solver


def ask_ahead(solver: Solver, rel: Rel) -> None:
    """Ask what is pending on rows that are unnested further up, and tell the unnest which of them are left.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select id, w from t, unnest(['x', ai_query('e', p || '!')]) s(w) where ai_query('e', p) = 'P1'")
    before: p0 p1 p1! p2 p3 p4 p5
    after:  p0 p1 p1! p2 p3 p4 p5
    """
    join = _below_filters(rel.node)
    if not isinstance(join, Join):
        return
    lateral = _below_filters(join.right)
    if not isinstance(lateral, Lateral) or not lateral.blocked or solver.state.is_ready(lateral):
        return
    if any(node.blocked for node in nodes(join.left)):
        return
    early = [predicate for predicate in rel.pending if ast.symbols(predicate) <= join.left.outputs]
    pairs = [pair for condition in join.conditions if (pair := _pair(condition, join.left, lateral)) is not None]
    if not early or not pairs:
        return
    solver.solve(Rel(join.left, early), [], [])
    if all(solver.renders(join.left, predicate) for predicate in early):
        lateral.demand = solver.matching(Rel(join.left, early), [], pairs)


def _below_filters(node: Node) -> Node:
    while isinstance(node, Filter):
        node = node.child
    return node


def _pair(condition: Ast, left: Node, lateral: Lateral) -> tuple[Ast, Ast] | None:
    """Return the sides of an equality, the left one first, where the other is passed on by the unnest."""
    if condition.get("type") not in {"COMPARE_EQUAL", "COMPARE_NOT_DISTINCT_FROM"}:
        return None
    passed = lateral.rel.node.outputs
    for ours, theirs in ((condition["left"], condition["right"]), (condition["right"], condition["left"])):
        if ast.symbols(ours) <= left.outputs and ast.symbols(theirs) and ast.symbols(theirs) <= passed:
            return ours, theirs
    return None
