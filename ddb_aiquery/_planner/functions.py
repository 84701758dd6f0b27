"""What DuckDB's functions may be trusted with: which give the same rows again, which fold many rows into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.calls import CALL
from ddb_aiquery._sql import named

if TYPE_CHECKING:
    import duckdb

    from ddb_aiquery._planner.ast import Ast

REPEATABLE_AGGREGATES = frozenset(
    {"count", "count_star", "min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor"}
)
"""Aggregates that do not depend on the order of their rows; sums of floats, lists and firsts do."""
REPEATABLE_WINDOWS = frozenset({"rank", "dense_rank", "percent_rank", "cume_dist"}) | REPEATABLE_AGGREGATES
REPEATABLE_SOURCES = frozenset({"range", "generate_series", "unnest", "read_csv", "read_csv_auto", "read_parquet"}) | {
    "parquet_scan", "read_json", "read_json_auto", "read_ndjson", "read_ndjson_auto", "read_text", "read_blob", "glob",
}  # fmt: skip
"""Table functions that may be read twice."""


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of one database: names of aggregates, and names of scalar functions that are not volatile."""

    aggregates: frozenset[str]
    steady: frozenset[str]

    def is_aggregate(self, node: Ast) -> bool:
        """Return whether the node folds many rows into one."""
        return node.get("class") == "FUNCTION" and node.get("function_name") in self.aggregates

    def is_volatile(self, expression: Any) -> bool:
        """Return whether evaluating the expression again may give another value."""
        return any(
            part.get("class") == "FUNCTION"
            and part["function_name"] not in self.steady
            and part["function_name"] not in self.aggregates
            for part in ast.walk(expression)
        )

    def is_unsteady(self, node: Any) -> bool:
        """Return whether a query or expression may give other rows or values when it is evaluated again."""
        return any(self._unsteady(part) for part in ast.walk(node))

    def _unsteady(self, part: Ast) -> bool:  # noqa: PLR0911 (one answer for each kind of part)
        kind, name = part.get("type"), part.get("function_name")
        if kind == "LIMIT_MODIFIER" or "sample" in part or part.get("ref_type") == "POSITIONAL":
            return True
        if kind == "TABLE_FUNCTION":
            return part["function"].get("function_name") not in REPEATABLE_SOURCES or _is_pipe(part)
        if part.get("class") == "WINDOW":
            return name not in REPEATABLE_WINDOWS or any(
                not _whole_peers(part[e]) for e in ("start", "end") if e in part
            )
        if kind == "SELECT_NODE":
            return _picks_rows(part)
        if part.get("class") == "FUNCTION":
            if name in self.aggregates:
                return name not in REPEATABLE_AGGREGATES
            return name not in self.steady and name not in REPEATABLE_SOURCES
        return False


def _is_pipe(part: Ast) -> bool:
    return any("/dev/" in node.get("literal", {}).get("text", "") for node in ast.walk(part) if "literal" in node)


def _whole_peers(bound: str) -> bool:
    return "ROWS" not in bound


def _picks_rows(select: Ast) -> bool:
    """DISTINCT ON fewer columns than there are keeps whichever row comes first."""
    for modifier in select.get("modifiers", ()):
        if modifier["type"] == "DISTINCT_MODIFIER" and modifier.get("distinct_on_targets"):
            kept = {ast.fingerprint(target) for target in modifier["distinct_on_targets"]}
            return not {ast.fingerprint(item) for item in select["select_list"]} <= kept
    return False


def read_functions(connection: duckdb.DuckDBPyConnection) -> Functions:
    """Return what the database says about its functions; about 30 ms, so keep the result."""
    rows = connection.execute(named("planner.sql")["functions"]).fetchall()
    return Functions(
        frozenset(name for name, kind, _ in rows if kind == "aggregate"),
        frozenset(name for name, kind, stability in rows if kind == "scalar" and stability != "VOLATILE")
        | {"error", CALL},
    )
