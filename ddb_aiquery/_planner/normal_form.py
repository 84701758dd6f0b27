"""DuckDB as the planner's reader and writer: text to a bound, unoptimised tree, and a tree back to text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import orjson

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.calls import Unplannable
from ddb_aiquery._sql import named

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast


_DELIM_DEDUP = "__duckdb_delim_dedup_"
"""How DuckDB names the distinct correlated values of a subquery."""
DEDUP = "_dedup"
"""Ends the unique name of such a CTE."""


class Unbound(Exception):
    """DuckDB could not show a statement, and its optimiser is still off; `error` is what it said."""

    def __init__(self, error: duckdb.Error) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def unoptimised(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Switch the connection's optimiser off, and back to what it was."""
    statements = named("planner.sql")
    ((before,),) = connection.execute(statements["optimiser"]).fetchall()
    if not before:
        yield
        return
    connection.execute(statements["optimiser_off"])
    try:
        yield
    except duckdb.Error as error:
        raise Unbound(error) from None  # the transaction is aborted: the optimiser waits for its rollback
    except BaseException:
        connection.execute(statements["optimiser_on"])
        raise
    connection.execute(statements["optimiser_on"])


def bound_text(connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> str:
    """Return the statement as DuckDB binds it: views, macros, stars and parameters expanded, nothing moved.

    Raises:
        Unbound: the statement is wrong, or has a part that EXPLAIN (SQL) cannot show.
    """
    with unoptimised(connection):
        rows = connection.execute(f"EXPLAIN (SQL) {query}", parameters).fetchall()
    return str(rows[0][1])


def bind(connection: duckdb.DuckDBPyConnection, text: str, parameters: Any = None) -> None:
    """Let DuckDB bind a statement, its target included, and do nothing.

    Raises:
        Unbound: the statement is wrong.
    """
    with unoptimised(connection):
        connection.execute(f"EXPLAIN {text}", parameters)


def read(connection: duckdb.DuckDBPyConnection, query: str) -> Ast:
    """Return the tree of one SELECT, without positions.

    Raises:
        Unplannable: DuckDB does not show this statement as a tree.
    """
    ((raw,),) = connection.execute(named("planner.sql")["serialize"], [query]).fetchall()
    document = orjson.loads(raw)
    if document.get("error", True) or len(document["statements"]) != 1:
        raise Unplannable(str(document.get("error_message", "no tree for this statement")))
    node: Ast = ast.without_places(document["statements"][0]["node"])
    return node


def write(connection: duckdb.DuckDBPyConnection, node: Ast) -> str:
    """Return the text of a tree; DuckDB quotes every name and literal."""
    document = orjson.dumps({"error": False, "statements": [{"node": node}]}).decode()
    ((query,),) = connection.execute(named("planner.sql")["deserialize"], [document]).fetchall()
    return str(query)


def with_unique_ctes(query: Ast, prefix: str) -> Ast:
    """Return the tree with every CTE named apart, so that definitions can be moved between levels."""
    counter = iter(range(1_000_000))

    def visit(node: Any, scope: dict[str, str]) -> Any:
        if isinstance(node, list):
            return [visit(value, scope) for value in node]
        if not isinstance(node, dict):
            return node
        if node.get("type") == "BASE_TABLE" and not node.get("schema_name") and node["table_name"] in scope:
            kept = {key: value for key, value in node.items() if key != "qualified_name"}
            return {**kept, "table_name": scope[node["table_name"]]}
        if not (entries := node.get("cte_map", {}).get("map")):
            return {key: visit(value, scope) for key, value in node.items()}
        inner, moved = dict(scope), []
        for entry in entries:
            new = f"{prefix}w{next(counter)}{DEDUP if entry['key'].startswith(_DELIM_DEDUP) else ''}"
            itself = {**inner, entry["key"]: new}
            moved.append({"key": new, "value": _recursive(visit(entry["value"], itself), new)})
            inner = itself
        rest = {key: visit(value, inner) for key, value in node.items() if key != "cte_map"}
        return {**rest, "cte_map": {"map": moved}}

    named_apart: Ast = visit(query, {})
    return named_apart


def _recursive(definition: Ast, name: str) -> Ast:
    body = definition["query_node"]
    if "cte_name" not in body:
        return definition
    return {**definition, "query_node": {**body, "cte_name": name}}
