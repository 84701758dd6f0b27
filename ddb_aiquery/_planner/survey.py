"""Looks a plan over before it is walked: what is used where, and what can only be asked after what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, needs, reads
from ddb_aiquery._planner.calls import Site, is_call
from ddb_aiquery._planner.rules.compute import CteReading
from ddb_aiquery._planner.rules.filter import Filter
from ddb_aiquery._planner.rules.join import Join

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast


def everything(top: Node) -> Iterator[Node]:
    """Yield all nodes that a node reads, also those below barriers."""
    yield top
    for rel in reads(top):
        yield from everything(rel.node)


def unshown(rel: Rel, state: State, wanted: Sequence[Ast] = ()) -> list[Node]:
    """Return the nodes, at whatever depth, that before they are answered show no rows, or not what is read of them."""
    every = list(everything(rel.node))
    waiting = [node for node in every if not state.is_ready(node)]
    hidden = {symbol for node in waiting for symbol in node.tainted}

    def is_read(node: Node) -> bool:
        below = set(everything(node))
        above = [e for other in every if other not in below for e in other.expressions()]
        return bool(node.outputs & hidden & ast.symbols([*above, *wanted]))

    return [node for node in waiting if node.blocked and (not node.loose or is_read(node))]


def anchored(top: Node, anchor: Node | None = None) -> Iterator[tuple[Node, Node]]:
    """Yield the nodes of a tree, each after the highest node in which its surplus rows are but surplus rows."""
    anchor = anchor or top
    yield anchor, top
    for child in top.children:
        yield from anchored(child, anchor if isinstance(top, Filter | Join) else child)


def ranked(found: Iterable[Site]) -> list[list[Site]]:
    """Return the sites in stages: each after those that its arguments and guards need; equal sites once."""
    ranks: dict[str, int] = {}
    stages: dict[int, dict[str, Site]] = {}
    for site in found:
        inner = [part for node in [*site.arguments, *site.guards] for part in ast.walk(node) if is_call(part)]
        rank = 1 + max((ranks.get(ast.fingerprint(part), 0) for part in inner), default=-1)
        own = ast.fingerprint(site.call)
        ranks[own] = max(rank, ranks.get(own, 0))
        stages.setdefault(rank, {})[own + ast.fingerprint(list(site.guards))] = site
    return [list(stages[rank].values()) for rank in sorted(stages)]


def shape(predicate: Ast) -> Ast:
    """Return the predicate without the symbols' numbers, so that a later run of the statement knows it again."""
    names = {symbol: f"#{at}" for at, symbol in enumerate(sorted(ast.symbols(predicate)))}
    shape: Ast = ast.renamed(predicate, names)
    return shape


def uses(root: Rel, outs: Sequence[Ast]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the symbols that occur as whole predicates alone, where FALSE and NULL mean the same, and all of them."""
    bare: set[str] = set()
    other: set[str] = set(needs(outs)) | set(needs(root.order))
    seen: set[Node] = set()
    open_rels = [root]
    while open_rels:
        rel = open_rels.pop()
        for predicate in rel.pending:
            (bare if ast.is_column(predicate) else other).update(ast.symbols(predicate))
        if rel.node in seen:
            continue
        seen.add(rel.node)
        for expression in rel.node.expressions():
            plain = isinstance(rel.node, Filter) and ast.is_column(expression)
            (bare if plain else other).update(ast.symbols(expression))
        open_rels.extend(reads(rel.node))
    other |= _read(seen, bare | other)
    return frozenset(bare - other), frozenset(bare | other)


def _read(seen: Iterable[Node], used: set[str]) -> set[str]:
    """Return the symbols of CTEs whose other names in a reading are used, also through a CTE that reads them."""
    names = [pair for node in seen if isinstance(node, CteReading) for pair in node.names.items()]
    found: set[str] = set()
    while more := {own for own, name in names if name in used | found} - found:
        found |= more
    return found
