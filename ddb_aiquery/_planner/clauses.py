"""The clauses that need new columns: GROUP BY, window functions, unnest, set operations, padding joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Rel, State, is_clean, tainted
from ddb_aiquery._planner.calls import Unplannable
from ddb_aiquery._planner.rules.compute import Compute, Padded, Whole
from ddb_aiquery._planner.rules.distinct import made_distinct
from ddb_aiquery._planner.rules.group import grouped
from ddb_aiquery._planner.rules.union import united
from ddb_aiquery._planner.rules.window import windowed

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast

Branch = tuple[Rel, Sequence["Ast"]]


def grouping(
    rel: Rel, keys: Sequence[Ast], sets: Sequence[Sequence[int]], items: list[Ast], modifiers: Any, state: State
) -> tuple[Rel, list[Ast], Any]:
    """Return the groups of a relation, and the select list and its modifiers over their keys and aggregates.

    Raises:
        Unplannable: the select list uses a column that is neither.
    """
    keyed = {ast.fingerprint(key): state.symbol() for key in keys}
    aggregates: dict[str, tuple[str, Ast]] = {}

    def change(part: Ast) -> Ast | None:
        own = ast.fingerprint(part)
        if own in keyed:
            return _named(ast.column(keyed[own]), part)
        if state.functions.is_aggregate(part) or part.get("type") == "GROUPING_FUNCTION":
            symbol, _ = aggregates.setdefault(own, (state.symbol(), {**part, "alias": ""}))
            return _named(ast.column(symbol), part)
        return None

    listed, modified = [ast.rewrite(item, change) for item in items], ast.rewrite(modifiers, change)
    named = [(keyed[ast.fingerprint(key)], key) for key in keys]
    alive = state.symbol()
    groups = grouped(rel, named, list(aggregates.values()), _sets(sets, len(keys)), alive)
    if any(not ast.symbols(item) <= groups.node.outputs for item in listed):
        raise Unplannable("a column beside GROUP BY that is neither a key nor an aggregate")
    return groups, listed, modified


def _sets(sets: Sequence[Sequence[int]], width: int) -> list[list[int]]:
    plain = [list(range(width))]
    listed = [list(s) for s in sets]
    return [] if listed in (plain, []) else listed


def _named(new: Ast, old: Ast) -> Ast:
    return {**new, "alias": old["alias"]} if old.get("alias") else new


def computed(rel: Rel, items: list[Ast], modifiers: Any, state: State) -> tuple[Rel, list[Ast], Any]:
    """Return the relation with windows, unnests and volatile values as columns, and what is left of the expressions."""
    windows: dict[str, tuple[str, Ast]] = {}

    def change(part: Ast) -> Ast | None:
        if part.get("class") != "WINDOW":
            return None
        symbol, _ = windows.setdefault(ast.fingerprint(part), (state.symbol(), {**part, "alias": ""}))
        return _named(ast.column(symbol), part)

    items, modifiers = ast.rewrite(items, change), ast.rewrite(modifiers, change)
    if windows:
        rel = windowed(rel, list(windows.values()), state.symbol())
    moved = [(at, state.symbol()) for at, item in enumerate(items) if state.functions.is_volatile(item)]
    if not moved:
        return rel, items, modifiers
    made = [(symbol, {**items[at], "alias": ""}) for at, symbol in moved]
    clean = all(is_clean(item, tainted(rel.node)) for _, item in made)
    rel = Rel(Compute(Rel(rel.node) if clean else rel, made), rel.pending if clean else [], rel.order)
    for at, symbol in moved:
        items[at] = _named(ast.column(symbol), items[at])
    return rel, items, modifiers


def set_operation(tree: Ast, branches: Sequence[Branch], state: State) -> tuple[Rel, list[Ast]]:
    """Return UNION, INTERSECT or EXCEPT of relations, and its columns."""
    kind, keep_all = tree["setop_type"], tree.get("setop_all", True)
    if kind == "UNION":
        rel, outs = united(branches, state.symbol())
        if not keep_all:
            rel = made_distinct(rel, outs, [], state.symbol(), whole=True)
        return rel, outs
    names = [state.symbol() for _ in branches[0][1]]
    node = Whole(kind, branches, names, state.symbol(), keep_all=keep_all)
    alive = [ast.column(node.alive)] if node.tainted else []
    return Rel(node, alive), [ast.column(name) for name in names]


def padded(
    kind: str, reference: str, left: Rel, right: Rel, conditions: Sequence[Ast], state: State
) -> tuple[Rel, tuple[str, str]]:
    """Return a FULL, ASOF or POSITIONAL join of relations, and the markers of its sides."""
    markers = (state.symbol(), state.symbol())
    return Rel(Padded(kind, reference, left, right, conditions, markers)), markers
