"""The bound tree of DuckDB to the planner's operators; each clause goes through the rule of its operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, is_clean, nodes, tainted
from ddb_aiquery._planner.calls import Unplannable, has_call
from ddb_aiquery._planner.clauses import computed, grouping, padded, set_operation
from ddb_aiquery._planner.normal_form import DEDUP
from ddb_aiquery._planner.rules.compute import CteReading, Lateral
from ddb_aiquery._planner.rules.distinct import made_distinct
from ddb_aiquery._planner.rules.filter import filtered
from ddb_aiquery._planner.rules.join import joined
from ddb_aiquery._planner.rules.limit import limited
from ddb_aiquery._planner.rules.mark_join import MARKER, mark_joined
from ddb_aiquery._planner.rules.outer_join import outer_joined
from ddb_aiquery._planner.rules.scan import Scan
from ddb_aiquery._planner.scopes import Columns, Scope, aliases, by_name, mentions, where_marked, without_star

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast

MOST_COPIES = 16
"""Readings of CTEs in one statement that get a tree of their own; further ones share."""
LARGEST = 60_000
"""Bytes of an expression; what nests deeper than that by repetition runs unplanned."""


@dataclass(slots=True)
class Bound:
    """A query taken apart: its rows, its columns as expressions over them, and the columns' names."""

    rel: Rel
    outs: list[Ast]
    names: list[str]


class Binder:
    """Takes one statement's tree apart."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.with_calls: dict[str, Ast] = {}
        self.readers: dict[str, int] = {}
        self.trees: dict[str, Bound] = {}
        self.copies = 0
        self.in_dedup = False
        """Within the distinct values of a correlated subquery: each is joined back to the row that it came from, so
        values of rows that a pending predicate may still remove do no harm."""

    def statement(self, tree: Ast) -> Bound:
        """Return the whole statement taken apart.

        Raises:
            Unplannable: it has a shape for which there is no rule.
        """
        for part in ast.walk(tree):
            if part.get("type") == "BASE_TABLE" and not part.get("schema_name"):
                self.readers[part["table_name"]] = self.readers.get(part["table_name"], 0) + 1
        return self.query(tree)

    def query(self, tree: Ast) -> Bound:
        """Return a query taken apart: a SELECT or a set operation, with its CTEs."""
        for entry in tree.get("cte_map", {}).get("map", ()):
            self._define(entry["key"], entry["value"])
        if tree["type"] == "SELECT_NODE":
            return self._select(tree)
        if tree["type"] == "SET_OPERATION_NODE":
            if tree.get("modifiers"):
                raise Unplannable("an order directly on a set operation")
            branches = [self.query(child) for child in tree["children"]]
            rel, outs = set_operation(tree, [(b.rel, b.outs) for b in branches], self.state)
            return Bound(rel, outs, branches[0].names)
        raise Unplannable(f"a call in a {tree['type']}")

    def _define(self, name: str, definition: Ast) -> None:
        if self._waits(definition["query_node"]):
            self.with_calls[name] = definition
        else:
            self.state.ctes[name] = definition

    def _waits(self, tree: Any) -> bool:
        """Return whether a tree has calls, itself or through a CTE."""
        tables = (part.get("table_name") for part in ast.walk(tree) if part.get("type") == "BASE_TABLE")
        return has_call(tree) or any(name in self.with_calls for name in tables)

    def _select(self, tree: Ast) -> Bound:
        rel, scope = self._from(tree["from_table"])
        if "sample" in tree:
            raise Unplannable("a sample over calls")
        if "where_clause" in tree:
            rel = filtered(rel, self.resolved(tree["where_clause"], scope))
        items = [self.resolved(item, scope) for item in without_star(tree, scope)]
        modifiers = self.resolved(tree.get("modifiers", []), scope)
        keys = [self.resolved(key, scope) for key in tree.get("group_expressions", ())]
        if keys or tree.get("group_sets") or any(self._folds(item) for item in items):
            if self.in_dedup:
                rel = Rel(rel.node)
            rel, items, modifiers = grouping(rel, keys, tree.get("group_sets", ()), items, modifiers, self.state)
        rel, items, modifiers = computed(rel, items, modifiers, self.state)
        rel = self._modified(rel, items, modifiers)
        for item in items:
            if len(ast.fingerprint(item)) > LARGEST:
                raise Unplannable("expressions that repeat each other too often")
        return Bound(rel, items, [item.get("alias", "") for item in items])

    def _folds(self, item: Ast) -> bool:
        if item.get("class") == "WINDOW":
            return any(self._folds(value) for value in item.get("arguments", ()) if isinstance(value, dict))
        if self.state.functions.is_aggregate(item):
            return True
        inner = [value for value in item.values() if isinstance(value, dict | list)]
        flat = [part for value in inner for part in (value if isinstance(value, list) else [value])]
        return any(self._folds(part) for part in flat if isinstance(part, dict))

    def _modified(self, rel: Rel, items: list[Ast], modifiers: list[Ast]) -> Rel:
        orders = [order for m in modifiers if m["type"] == "ORDER_MODIFIER" for order in m["orders"]]
        if orders:
            rel = Rel(rel.node, rel.pending, orders)
        for modifier in modifiers:
            if modifier["type"] == "DISTINCT_MODIFIER":
                targets = modifier.get("distinct_on_targets") or [{**item, "alias": ""} for item in items]
                named = {ast.fingerprint(target) for target in targets}
                whole = all(ast.fingerprint(item) in named for item in items)
                rel = made_distinct(rel, targets, orders, self.state.symbol(), whole=whole)
            elif modifier["type"] == "LIMIT_MODIFIER":
                rel = limited(rel, modifier)
            elif modifier["type"] != "ORDER_MODIFIER":
                raise Unplannable(modifier["type"])
        return rel

    def resolved(self, tree: Any, scope: Scope) -> Any:
        """Return an expression over symbols instead of aliased columns."""

        def change(part: Ast) -> Ast | None:
            if not ast.is_column(part):
                return None
            names = part["column_names"]
            if names == [MARKER] and MARKER in scope:
                return scope[MARKER](MARKER)
            if len(names) > 1 and names[0] in scope:
                if len(names) > 2:  # noqa: PLR2004 (alias and column)
                    raise Unplannable("a column of a column")
                found = {**scope[names[0]](names[1]), "alias": part.get("alias", "")}
                return found if found["alias"] else {k: v for k, v in found.items() if k != "alias"}
            return None

        return ast.rewrite(tree, change)

    def _from(self, tree: Ast) -> tuple[Rel, Scope]:
        if not self._waits(tree):
            return self._scan(tree)
        if tree["type"] == "SUBQUERY":
            bound = self.query(tree["subquery"]["node"])
            labels = tree.get("column_name_alias") or bound.names
            return bound.rel, {tree["alias"]: by_name(dict(zip(labels, bound.outs, strict=False)))}
        if tree["type"] == "BASE_TABLE":
            return self._shared(tree)
        if tree["type"] == "JOIN":
            return self._join(tree)
        if tree["type"] == "TABLE_FUNCTION":
            rel, scope = self._scan({"type": "EMPTY"})
            return self._lateral(rel, scope, tree)
        if tree["type"] == "EXPRESSION_LIST":
            return self._values(tree)
        raise Unplannable(f"a call in a {tree['type']}")

    def _scan(self, tree: Ast) -> tuple[Rel, Scope]:
        scan = Scan(tree)

        def columns_of(alias: str) -> Columns:
            return lambda name: ast.column(scan.symbol((alias, name), self.state))

        scope = {alias: columns_of(alias) for alias in aliases(tree)}
        scope[MARKER] = lambda name: ast.column(scan.symbol((name,), self.state))
        return Rel(scan), scope

    def _values(self, tree: Ast) -> tuple[Rel, Scope]:
        rows = [(Rel(Scan({"type": "EMPTY"})), list(row)) for row in tree["values"]]
        operation = {"setop_type": "UNION", "setop_all": True}
        rel, outs = set_operation(operation, rows, self.state)
        labels = tree.get("column_name_alias") or [f"col{at}" for at in range(len(outs))]
        return rel, {tree["alias"]: by_name(dict(zip(labels, outs, strict=True)))}

    def _shared(self, tree: Ast) -> tuple[Rel, Scope]:
        name = tree["table_name"]
        alone = self.readers.get(name, 0) == 1 or self._may_copy(name)
        if name not in self.trees or alone:
            outer, self.in_dedup = self.in_dedup, name.endswith(DEDUP)
            self.trees[name] = self.query(self.with_calls[name]["query_node"])
            self.in_dedup = outer
        bound = self.trees[name]
        labels = tree.get("column_name_alias") or self.with_calls[name].get("aliases") or bound.names
        rel, outs = bound.rel, bound.outs
        if not alone:
            used = {s for e in [*outs, *rel.pending, *rel.order] for s in ast.symbols(e)} & rel.node.outputs
            names = {symbol: self.state.symbol() for symbol in sorted(used)}
            blocked = any(node.blocked for node in nodes(rel.node))
            waits = tainted(rel.node) & used
            reading = CteReading(rel.node, names, blocked=blocked, waits=waits)
            rel = Rel(reading, ast.renamed(rel.pending, names), ast.renamed(rel.order, names))
            outs = ast.renamed(outs, names)
        return rel, {tree["alias"]: by_name(dict(zip(labels, outs, strict=False)))}

    def _may_copy(self, name: str) -> bool:
        """Return whether each reader of a CTE may have a tree of its own, restricted by what it wants."""
        body = self.with_calls[name]["query_node"]
        tables = [part.get("table_name") for part in ast.walk(body) if part.get("type") == "BASE_TABLE"]
        unsteady = [body, *(self.state.ctes[table] for table in tables if table in self.state.ctes)]
        self.copies += 1
        return self.copies <= MOST_COPIES and not self.state.functions.is_unsteady(unsteady)

    def _join(self, tree: Ast) -> tuple[Rel, Scope]:
        left, ours = self._from(tree["left"])
        if tree["right"]["type"] == "TABLE_FUNCTION" and mentions(tree["right"], ours):
            if tree["join_type"] != "INNER":
                raise Unplannable("an outer join to a table function of calls")
            rel, scope = self._lateral(left, ours, tree["right"])
            condition = self.resolved(tree.get("condition"), scope) if "condition" in tree else None
            return (filtered(rel, condition) if condition else rel), scope
        right, theirs = self._from(tree["right"])
        kind, reference = tree["join_type"], tree["ref_type"]
        if kind == "RIGHT" and reference == "REGULAR":
            left, right, ours, theirs, kind = right, left, theirs, ours, "LEFT"
        condition = self.resolved(tree["condition"], {**ours, **theirs}) if "condition" in tree else None
        conditions = ast.conjuncts(condition) if condition else []
        if reference in {"REGULAR", "CROSS"}:
            if kind == "INNER":
                return joined(left, right, conditions), {**ours, **theirs}
            if kind in {"LEFT", "SINGLE"}:
                rel, marker = outer_joined(kind, left, right, conditions, self.state)
                return rel, {**ours, **where_marked(theirs, marker)}
            if kind in {"MARK", "SEMI", "ANTI"}:
                return self._marked(kind, left, right, conditions, ours)
        rel, markers = padded(kind, reference, left, right, conditions, self.state)
        return rel, {**where_marked(ours, markers[0]), **where_marked(theirs, markers[1])}

    def _marked(self, kind: str, left: Rel, right: Rel, on: Sequence[Ast], scope: Scope) -> tuple[Rel, Scope]:
        rel, mark = mark_joined(kind, left, right, on, self.state)
        if kind == "SEMI":
            return filtered(rel, ast.column(mark)), scope
        if kind == "ANTI":
            return filtered(rel, ast.is_not_true(ast.column(mark))), scope
        return rel, {**scope, MARKER: lambda _: ast.column(mark)}

    def _lateral(self, left: Rel, scope: Scope, tree: Ast) -> tuple[Rel, Scope]:
        function = self.resolved(tree["function"], scope)
        labels = tree.get("column_name_alias") or []
        names = {label: self.state.symbol() for label in labels}
        clean = is_clean(function, tainted(left.node))
        node: Node = Lateral(Rel(left.node) if clean else left, function, names)
        outs = {label: ast.column(symbol) for label, symbol in names.items()}
        return Rel(node, left.pending if clean else []), {**scope, tree["alias"]: by_name(outs)}
