"""What stands in a call's place: a name that cannot be evaluated while reading, a look-up while finishing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
from duckdb.func import SPECIAL
from duckdb.sqltypes import VARCHAR

from ddb_aiquery._planner.calls import CALL
from ddb_aiquery._planner.questions import KEYS
from ddb_aiquery._planner.scratch import where
from ddb_aiquery._sql import identifier, named
from ddb_aiquery.errors import CallError

if TYPE_CHECKING:
    from ddb_aiquery._planner.questions import Answers


def answering(table: Answers, *, kept: bool) -> list[str]:
    """Return the macros that find answers in the table; where rows were kept, they call for those that are missing."""
    statements = named("planner.sql")
    # Bare expressions: behind a SELECT of its own each would be a nested loop over rows and answers, not a hash join.
    keys = {
        f"key_{key}": statements[name].partition("SELECT ")[2] for key, name in zip(KEYS, table.statements, strict=True)
    }
    labels = dict(zip((*KEYS, "document"), map(identifier, table.labels), strict=True))
    parts = {**labels, **keys, "answers": where(table.path)}
    parts["found"] = statements["found"].format(**parts)
    document = statements["document"].format(**parts)
    if kept:
        document = statements["document_or_call"].format(document_of=document)
    asked = statements["answering"].replace("{document_of}", document)
    return [asked] if kept else [asked, statements["answering_typed"].format(**parts)]


EVALUATED = "DuckDB reads the arguments of a table function before it can show, keep or plan a statement"
"""Begins what is said of a call of constants in such a place."""


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the function that stands for a call while a statement is read; it is never evaluated."""
    own = connection.duplicate()  # apart from the transaction; unlike a cursor it gets no macros
    try:
        own.create_function(CALL, _never, None, VARCHAR, null_handling=SPECIAL)
    except (duckdb.CatalogException, duckdb.NotImplementedException):
        pass  # another connection to the same database made it
    finally:
        own.close()


def _never(*_: Any) -> str:
    raise CallError(f"{EVALUATED}: let unnest(ai_query(...)) stand behind SELECT and not behind FROM")
