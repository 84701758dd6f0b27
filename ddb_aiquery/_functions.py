"""The only registrar: puts the functions into a DuckDB instance and the macros onto a connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL
from duckdb.sqltypes import VARCHAR

from ddb_aiquery import _arrow
from ddb_aiquery._process import PROCESS
from ddb_aiquery._results.shape import shape
from ddb_aiquery._session import Session
from ddb_aiquery._settings import load
from ddb_aiquery._sql import literal, named
from ddb_aiquery._tables import TABLES, as_value, list_type
from ddb_aiquery._terms import ARGUMENTS
from ddb_aiquery.errors import AiQueryError, CallError

FILES = ("ai_query.sql", "named_struct.sql", "prompts.sql", "tasks.sql", "tables.sql")
"""The macros in the order in which they stand on each other."""


def register(con: duckdb.DuckDBPyConnection | None = None, *, config: Any = None) -> duckdb.DuckDBPyConnection:
    """Put `ai_query` and the other functions into a connection; without one, into DuckDB's default connection.

    Idempotent; later settings win. Cursors of the connection have the functions too. DuckDB decides when a function
    is called: use `connect` for the planner, which never asks about rows that the query throws away.

    Raises:
        SettingsError: names the key, the file and the line.
    """
    con = con or duckdb.default_connection()
    install(con, Session(load(config)))
    return con


def install(con: duckdb.DuckDBPyConnection, session: Session) -> None:
    """Put the functions into the instance of `con`, and macros that answer for `session` onto `con`."""
    with con.cursor() as own:  # apart from the user's transaction and results
        _create_functions(own)
    _install_macros(con, session)


def _install_macros(con: duckdb.DuckDBPyConnection, session: Session) -> None:
    con.execute(f"CREATE OR REPLACE TEMP MACRO __ai_session() AS {literal(session.id)}")
    con.execute(
        "CREATE OR REPLACE TEMP MACRO __ai_default_endpoint(task := 'chat') AS CASE task WHEN 'embedding' THEN "
        f"{literal(session.settings.embedding_endpoint)} ELSE {literal(session.settings.default_endpoint or '')} END"
    )
    for file in FILES:
        for statement in named(file).values():
            con.execute(statement)
    PROCESS.connections[con] = session


def _create_functions(con: duckdb.DuckDBPyConnection) -> None:
    # Consistent, so that equal calls are shared (DESIGN.md section 4); a listing changes while it is looked at.
    functions: list[tuple[str, Callable[..., Any], Any, bool]] = [
        ("__ai_query", _ai_query, VARCHAR, False),
        ("__ai_structure", structures, VARCHAR, False),
        *((name, _listing(name), list_type(schema), True) for name, (_, schema) in TABLES.items()),
    ]
    for name, function, returns, volatile in functions:
        try:
            con.create_function(name, function, None, returns, type=ARROW, null_handling=SPECIAL, side_effects=volatile)
        except duckdb.CatalogException as error:  # to ask the catalog first takes 20 ms: it lists 3,000 functions
            if "already exists" not in str(error):
                raise
        else:
            PROCESS.functions.append(function)


def _ai_query(*columns: Any) -> pa.Array:
    arrays = [_array(column) for column in columns]
    asked, named_session = arrays[: len(ARGUMENTS)], arrays[len(ARGUMENTS) :]  # none by hand, without the macro
    return _session(*named_session).documents(asked)


def _listing(name: str) -> Callable[..., Any]:
    make, _ = TABLES[name]

    def listing(*columns: Any) -> Any:
        return as_value(make(_session(_array(columns[0]))), len(columns[0]))

    return listing


def _session(ids: pa.Array | None = None) -> Session:
    """Return the session that a call names by its id; the latest where it names none that is there."""
    found: Session | None = PROCESS.sessions.get(ids[0].as_py()) if ids is not None and len(ids) else None
    if found is None:
        found = next(reversed(list(PROCESS.sessions.values())), None)
    if found is None:
        raise AiQueryError("this connection was closed: connect or register again")
    return found


def structures(*columns: Any) -> pa.Array:
    """Return, for each row of returnType, responseFormat and failOnError, the structure that from_json reads with."""
    rows = zip(*(_array(column).to_pylist() for column in columns), strict=True)
    return _arrow.texts([_structure(row) for row in rows])


def _structure(row: Sequence[Any]) -> str:
    return_type, response_format, fail_on_error = row
    for name, value in (("returnType", return_type), ("responseFormat", response_format)):
        if value is not None and not isinstance(value, str):
            raise CallError(f"ai_query's {name} must be a constant text, not {type(value).__name__}")
    return shape(return_type, response_format, fail_on_error is not False).structure


def _array(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _reach_cursors() -> None:
    """Give cursors of a registered connection the macros too: TEMP macros are a connection's own."""
    original = duckdb.DuckDBPyConnection.cursor

    def cursor(self: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        made = original(self)
        session = PROCESS.connections.get(self)
        if session is not None:
            _install_macros(made, session)
        return made

    cursor.__doc__ = original.__doc__
    duckdb.DuckDBPyConnection.cursor = cursor  # type: ignore[method-assign]


_reach_cursors()
