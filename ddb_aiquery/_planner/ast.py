"""DuckDB's own syntax tree (the JSON of `json_serialize_sql`): built, walked and changed as plain dictionaries.

Columns that the planner carries are *symbols*: unique names, so an expression means the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson

Ast = dict[str, Any]
_NESTED = frozenset({dict, list, tuple})
_NAMING = frozenset({"COLUMN_REF", "LAMBDA"})
_PLACES = frozenset({"query_location", "query_location_length"})


def column(symbol: str, alias: str = "") -> Ast:
    """Return a reference to a symbol."""
    node: Ast = {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [symbol]}
    return {**node, "alias": alias} if alias else node


def text(value: str) -> Ast:
    """Return a VARCHAR constant."""
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "literal": {"kind": "STRING", "text": value}}


def number(value: int) -> Ast:
    """Return an INTEGER or BIGINT constant."""
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "literal": {"kind": "INTEGER", "text": str(value)}}


def boolean(value: bool) -> Ast:
    """Return TRUE or FALSE."""
    literal = {"kind": "BOOLEAN", "text": "true" if value else "false"}
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "literal": literal}


NULL: Ast = {"class": "CONSTANT", "type": "VALUE_CONSTANT", "literal": {"kind": "NULL_LITERAL"}}


def case(checks: Sequence[tuple[Ast, Ast]], otherwise: Ast) -> Ast:
    """Return CASE WHEN ... THEN ... ELSE ... END."""
    arms = [{"when_expr": when, "then_expr": then} for when, then in checks]
    return {"class": "CASE", "type": "CASE_EXPR", "case_checks": arms, "else_expr": otherwise}


def operator(kind: str, *children: Ast) -> Ast:
    """Return an operator node such as OPERATOR_IS_NULL."""
    return {"class": "OPERATOR", "type": kind, "children": list(children)}


def same(left: Ast, right: Ast) -> Ast:
    """Return `left IS NOT DISTINCT FROM right`."""
    return {"class": "COMPARISON", "type": "COMPARE_NOT_DISTINCT_FROM", "left": left, "right": right}


def equal(left: Ast, right: Ast) -> Ast:
    """Return `left = right`."""
    return {"class": "COMPARISON", "type": "COMPARE_EQUAL", "left": left, "right": right}


def exact(value: Ast) -> Ast:
    """Return a VARCHAR so that it is compared byte by byte, whatever its column's collation."""
    if value == NULL:
        return value
    return {"class": "COLLATE", "type": "COLLATE", "child": value, "collation": "C"}


def both(predicates: Iterable[Ast]) -> Ast | None:
    """Return the conjunction, None of nothing."""
    parts = list(predicates)
    if len(parts) < 2:  # noqa: PLR2004 (a conjunction has two sides)
        return parts[0] if parts else None
    return {"class": "CONJUNCTION", "type": "CONJUNCTION_AND", "children": parts}


def is_not_true(predicate: Ast) -> Ast:
    """Return a predicate that is TRUE exactly where the given one is FALSE or NULL."""
    return case([(predicate, boolean(False))], boolean(True))


def is_not_false(predicate: Ast) -> Ast:
    """Return a predicate that is TRUE exactly where the given one is TRUE or NULL."""
    return case([(operator("OPERATOR_NOT", predicate), boolean(False))], boolean(True))


def exists(query: Ast) -> Ast:
    """Return EXISTS (query)."""
    return _nested("EXISTS", query)


def scalar(query: Ast) -> Ast:
    """Return the query as a scalar subquery."""
    return _nested("SCALAR", query)


def _nested(kind: str, query: Ast) -> Ast:
    return {
        "class": "SUBQUERY",
        "type": "SUBQUERY",
        "subquery_type": kind,
        "subquery": {"node": query},
        "comparison_type": "INVALID",
    }


def select(
    items: Sequence[tuple[Ast, str]],
    source: Ast | None = None,
    where: Ast | None = None,
    modifiers: Sequence[Ast] = (),
    groups: Sequence[Ast] = (),
    sets: Sequence[Sequence[int]] = (),
) -> Ast:
    """Return a SELECT; no items select the constant 1, so that the rows can still be counted."""
    listed = [{**expression, "alias": name} for expression, name in items] or [number(1)]
    node: Ast = {
        "type": "SELECT_NODE",
        "cte_map": {},
        "select_list": listed,
        "from_table": source or {"type": "EMPTY"},
        "aggregate_handling": "STANDARD_HANDLING",
    }
    if where is not None:
        node["where_clause"] = where
    if modifiers:
        node["modifiers"] = list(modifiers)
    if groups or sets:
        node["group_expressions"] = list(groups)
        node["group_sets"] = [list(s) for s in sets] or [list(range(len(groups)))]
    return node


def union_all(queries: Sequence[Ast]) -> Ast:
    """Return the queries one below the other."""
    if len(queries) == 1:
        return queries[0]
    return set_operation("UNION", queries, keep_all=True)


def set_operation(kind: str, queries: Sequence[Ast], *, keep_all: bool) -> Ast:
    """Return UNION, INTERSECT or EXCEPT of queries with the same columns."""
    return {
        "type": "SET_OPERATION_NODE",
        "cte_map": {},
        "setop_type": kind,
        "setop_all": keep_all,
        "children": list(queries),
    }


def derived(query: Ast, alias: str) -> Ast:
    """Return the query as a table of a FROM clause."""
    return {"type": "SUBQUERY", "alias": alias, "subquery": {"node": query}}


def table(path: tuple[str, str, str], alias: str) -> Ast:
    """Return a table (catalog, schema, name) of a FROM clause."""
    catalog, schema, name = path
    return {
        "type": "BASE_TABLE",
        "alias": alias,
        "catalog_name": catalog,
        "schema_name": schema,
        "table_name": name,
    }


def join(kind: str, left: Ast, right: Ast, condition: Ast | None, reference: str = "REGULAR") -> Ast:
    """Return a join of two tables; without a condition an inner join is a cross join."""
    node: Ast = {"type": "JOIN", "left": left, "right": right, "join_type": kind, "ref_type": reference}
    if condition is not None:
        return {**node, "condition": condition}
    if kind == "INNER" and reference == "REGULAR":
        return {**node, "ref_type": "CROSS"}
    return node if reference != "REGULAR" else {**node, "condition": boolean(True)}


def counted(query: Ast, name: str) -> Ast:
    """Return the query with equal rows as one, and how many they were."""
    count = {"class": "FUNCTION", "type": "FUNCTION", "alias": name, "function_name": "count_star"}
    function = {**count, "order_bys": {"type": "ORDER_MODIFIER"}, "qualified_name": {"path": ["count_star"]}}
    return {**query, "select_list": [*query["select_list"], function], "aggregate_handling": "FORCE_AGGREGATES"}


def distinct() -> Ast:
    """Return the DISTINCT modifier."""
    return {"type": "DISTINCT_MODIFIER"}


def order(orders: Sequence[Ast]) -> Ast:
    """Return the ORDER BY modifier."""
    return {"type": "ORDER_MODIFIER", "orders": list(orders)}


def limit(count: Ast, offset: Ast | None = None) -> Ast:
    """Return the LIMIT modifier."""
    node: Ast = {"type": "LIMIT_MODIFIER", "limit": count}
    return node if offset is None else {**node, "offset": offset}


def ascending(expression: Ast) -> Ast:
    """Return one key of an ORDER BY."""
    return {"type": "ASCENDING", "null_order": "NULLS LAST", "expression": expression}


def walk(node: Any) -> Iterator[Ast]:
    """Yield every dictionary of the tree, parents first."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if type(part) is dict:
            yield part
            waiting.extend([value for value in reversed(part.values()) if type(value) in _NESTED])
        elif type(part) is list or type(part) is tuple:
            waiting.extend(reversed(part))


def rewrite(node: Any, change: Callable[[Ast], Ast | None]) -> Any:
    """Return a copy in which each dictionary that `change` answers is replaced, and not looked into again."""
    if isinstance(node, dict):
        new = change(node)
        if new is not None:
            return new
        return {key: rewrite(value, change) if isinstance(value, dict | list) else value for key, value in node.items()}
    if isinstance(node, list):
        return [rewrite(value, change) for value in node]
    return node


def without_places(node: Any) -> Any:
    """Return the tree without the positions in the text, so that equal trees compare equal."""
    if isinstance(node, dict):
        return {key: without_places(value) for key, value in node.items() if key not in _PLACES}
    if isinstance(node, list):
        return [without_places(value) for value in node]
    return node


def fingerprint(node: Any) -> str:
    """Return a text that equal expressions share, whatever they are called."""
    if isinstance(node, dict) and node.get("alias"):
        node = {key: value for key, value in node.items() if key != "alias"}
    return orjson.dumps(node, option=orjson.OPT_SORT_KEYS).decode()


def is_column(node: Ast) -> bool:
    """Return whether the node is a column reference."""
    return node.get("class") == "COLUMN_REF"


def symbols(node: Any) -> frozenset[str]:
    """Return the symbols that an expression refers to; a lambda's parameters are none."""
    parts = [part for part in walk(node) if part.get("class") in _NAMING]
    own = [name for part in parts if not is_column(part) for name in walk(part["lhs"]) if is_column(name)]
    found = frozenset(part["column_names"][0] for part in parts if is_column(part))
    return found - {name["column_names"][0] for name in own}


def renamed(node: Any, names: dict[str, str]) -> Any:
    """Return the expression with symbols replaced by others."""

    def change(part: Ast) -> Ast | None:
        if is_column(part) and len(part["column_names"]) == 1 and part["column_names"][0] in names:
            return {**part, "column_names": [names[part["column_names"][0]]]}
        return None

    return rewrite(node, change)


def substituted(node: Any, values: dict[str, Ast]) -> Any:
    """Return the expression with symbols replaced by expressions."""

    def change(part: Ast) -> Ast | None:
        if is_column(part) and part["column_names"][0] in values:
            return values[part["column_names"][0]]
        return None

    return rewrite(node, change)


def conjuncts(predicate: Ast) -> list[Ast]:
    """Return the parts of an AND, nested ones flattened."""
    if predicate.get("type") == "CONJUNCTION_AND":
        return [part for child in predicate["children"] for part in conjuncts(child)]
    return [predicate]
