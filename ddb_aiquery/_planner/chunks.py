"""`WHERE model(...) LIMIT n`: rows are asked about in growing runs until n of them have passed."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, columns, exactly, needs
from ddb_aiquery._planner.rules.filter import Filter
from ddb_aiquery._planner.rules.scan import Scan, Table

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Solver

CHUNK_GROWTH = 2
"""A chunk is at most this many times the one before; the first is this many times what is wanted."""


def in_chunks(solver: Solver, rel: Rel, orders: list[Ast], count: int) -> tuple[Rel, list[Ast]]:
    """Ask about growing runs of rows until `count` of them pass; return the rows that were looked at."""
    if needs(rel.pending) & solver.unknown(rel.node):
        solver.solve(rel, [], [])
        return rel, orders
    need = solver.worth_keeping(rel.node)
    cut = _cutter(solver, rel, orders, need)
    position, size, found, edge = 0, CHUNK_GROWTH * count, 0, None
    path = solver.runner.keep(solver.complete(cut(0, 0)))
    while found < count:
        taken, last = solver.runner.append(path, solver.complete(cut(position, size)))
        part = Rel(Table(path, need, edge), rel.pending)
        solver.solve(part, [], [])
        passed = solver.runner.count(exactly(part, [], solver.state)) if solver.runner.answers else count
        found, position, edge = found + passed, position + taken, last
        if taken < size:
            break
        size = _next_size(count - found, found / max(position, 1), size)
    return Rel(Table(path, need), rel.pending), orders or [ast.ascending(ast.column("rowid"))]


def _cutter(solver: Solver, rel: Rel, orders: list[Ast], need: frozenset[str]) -> Callable[[int, int], Ast]:
    """Return what makes the query for rows `position` to `position + size`: of one table, else of a kept copy."""
    base = solver.loosely(rel, columns(need | needs(orders)), [])
    if orders or not _reads_one_table(rel.node):
        path = solver.runner.keep(solver.complete({**base, "modifiers": [ast.order(orders)] if orders else []}))
        in_order = ast.order([ast.ascending(ast.column("rowid"))])
        base = ast.select(columns(need), ast.table(path, solver.state.alias()), None, [in_order])
    before = base.get("modifiers", [])
    return lambda position, size: {**base, "modifiers": [*before, ast.limit(ast.number(size), ast.number(position))]}


def _reads_one_table(node: Node) -> bool:
    while isinstance(node, Filter):
        node = node.child
    return isinstance(node, Scan) and node.origin.get("type") == "BASE_TABLE" and bool(node.origin.get("schema_name"))


def _next_size(missing: int, share: float, before: int) -> int:
    guess = ceil(1.2 * missing / share) if share > 0 else before * CHUNK_GROWTH
    return max(missing, min(guess, before * CHUNK_GROWTH), 1)
