"""Runs one statement and returns what it gives to look at."""

from __future__ import annotations

import warnings
from typing import Any

import duckdb

from ddb_aiquery._duckdb_errors import pointing_to_translate
from ddb_aiquery._planner.prepared import EXECUTE
from ddb_aiquery._sql import identifier

_SILENT = (["Count"], ["Success"])
"""The columns of a result that only says that something was done."""


def asks(con: Any, text: str) -> bool:
    """Return whether a statement may call a model: through a call, a view, a macro or a prepared statement."""
    return bool(con.has_calls(text) or EXECUTE.search(text))


def run(con: Any, text: str) -> duckdb.DuckDBPyRelation | None:
    """Run one statement of an AiConnection; its rows as DuckDB's relation, None where there is nothing to see.

    Without a call the relation is lazy and DuckDB's own; it must be read once, which is when it runs.

    Raises:
        duckdb.Error: as DuckDB raises it. AiQueryError: from a call.
    """
    with pointing_to_translate(text):
        parsed = con.raw.extract_statements(text)
        if not parsed:
            return None
        if asks(con, text):
            con.execute(text)
            relation = _answered(con)
        else:
            relation = con.raw.sql(text)
    expected = parsed[-1].expected_result_type
    if relation is None or duckdb.ExpectedResultType.QUERY_RESULT not in expected:
        return None
    only_rows = expected == [duckdb.ExpectedResultType.QUERY_RESULT] and relation.columns != ["Success"]
    return relation if only_rows or relation.columns not in _SILENT else None


def _answered(con: Any) -> duckdb.DuckDBPyRelation | None:
    """Return the open result as a relation with the types that DuckDB gave it: Arrow has no UUID, no ENUM."""
    if not con.description:
        return None
    columns = [(f"c{place}", name, kind) for place, (name, kind, *_) in enumerate(con.description)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # DuckDB advises con.sql, which would run the query again
        table = con.to_arrow_table().rename_columns([short for short, _, _ in columns])
    casts = ", ".join(f"{short}::{kind} AS {identifier(name)}" for short, name, kind in columns)
    relation: duckdb.DuckDBPyRelation = con.raw.from_arrow(table).project(casts)
    return relation
