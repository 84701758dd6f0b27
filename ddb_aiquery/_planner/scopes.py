"""What the columns of a FROM clause are: expressions over symbols, by table alias and name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.calls import Unplannable

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast

Columns = Callable[[str], "Ast"]
Scope = dict[str, Columns]
"""What a column of each table alias is, by its name; `MARKER` stands for the mark of a MARK join."""


def without_star(tree: Ast, scope: Scope) -> list[Ast]:
    """Return the select list; the only star in a bound query is the one over VALUES."""
    listed: list[Ast] = tree["select_list"]
    if all(item.get("class") != "STAR" for item in listed):
        return listed
    if tree["from_table"]["type"] != "EXPRESSION_LIST" or len(listed) > 1:
        raise Unplannable("a star")
    alias, width = tree["from_table"].get("alias", ""), len(tree["from_table"]["values"][0])
    names = tree["from_table"].get("column_name_alias") or [f"col{at}" for at in range(width)]
    return [{**scope[alias](name), "alias": name} for name in names]


def by_name(outs: dict[str, Ast]) -> Columns:
    """Return the columns of a query by their names."""

    def find(name: str) -> Ast:
        if name not in outs:
            raise Unplannable(f"a column that its table does not list: {name}")
        return {key: value for key, value in outs[name].items() if key != "alias"}

    return find


def aliases(tree: Ast) -> list[str]:
    """Return the aliases that a FROM clause gives."""
    if tree["type"] == "JOIN":
        return [*aliases(tree["left"]), *aliases(tree["right"])]
    return [tree["alias"]] if tree.get("alias") else []


def mentions(function: Ast, scope: Scope) -> bool:
    """Return whether a table function uses columns of a scope."""
    return any(ast.is_column(part) and part["column_names"][0] in scope for part in ast.walk(function))


def where_marked(scope: Scope, marker: str) -> Scope:
    """Return the columns of a side that may be missing: NULL where it has no row."""

    def guarded(find: Columns) -> Columns:
        def column(name: str) -> Ast:
            value = find(name)
            return value if ast.is_column(value) else ast.case([(ast.column(marker), value)], ast.NULL)

        return column

    return {alias: guarded(find) for alias, find in scope.items()}
