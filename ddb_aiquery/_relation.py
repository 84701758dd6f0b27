"""AiRelation: DuckDB's lazy relation, planned when it is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

import duckdb

from ddb_aiquery._sql import identifier, named

_FETCHES = frozenset(
    {"fetchall", "fetchone", "fetchmany", "df", "fetchdf", "to_df", "fetchnumpy", "torch", "tf", "to_arrow_table"}
    | {"arrow", "fetch_arrow_table", "to_arrow_reader", "fetch_arrow_reader", "fetch_record_batch", "iter_rows"}
)
_SHOWS = frozenset(
    {"show", "preview", "to_csv", "write_csv", "to_parquet", "write_parquet", "to_dicts", "materialize", "pl"}
    | {"_repr_mimebundle_"}
)
_MAKES = {"create": "create", "to_table": "create", "insert_into": "insert"}
"""By method, the statement of relation.sql that does it."""
_PART = re.compile(r'(?:[^".]|"(?:[^"]|"")*+")*+')
_QUOTES = re.compile(r'""|"')


class Connection(Protocol):
    """What a relation needs of the connection that made it; rows are fetched by DuckDB's own methods."""

    @property
    def raw(self) -> duckdb.DuckDBPyConnection:
        """DuckDB's own connection."""

    def run_relation(self, text: str, parameters: Any) -> Self:
        """Run a relation's query."""

    def fetchall(self) -> list[Any]:
        """Return the open result's rows."""

    def arrow_of_all(self) -> Any:
        """Return the open result as one Arrow table."""

    def reading(self) -> AbstractContextManager[None]:
        """Let DuckDB read statements without the chance to evaluate a call."""


class AiRelation:
    """A query that is not run yet; every read plans it anew, as every read of DuckDB's relations runs it anew.

    `raw` is DuckDB's relation: composing passes through it (`filter`, `limit`, ...), reading goes through the planner.
    """

    def __init__(
        self,
        connection: Connection,
        raw: duckdb.DuckDBPyRelation,
        parameters: Any = None,
    ) -> None:
        self._connection, self.raw, self._parameters = connection, raw, parameters
        self._read: Connection | None = None

    @property
    def connection(self) -> Any:
        """The connection that reads it."""
        return self._connection

    @property
    def parameters(self) -> Any:
        """The values of the parameters in its query."""
        return self._parameters

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in _FETCHES:
            return self._fetching(name)
        if name in _SHOWS:
            # The relation is answered when it is shown, not when the method is looked up.
            return lambda *args, **options: getattr(self._answered(), name)(*args, **options)  # noqa: PLW0108
        if name in _MAKES:
            return lambda table_name: self._made(_MAKES[name], table_name)
        value = getattr(self.raw, name)
        return self._composing(value) if callable(value) else value

    def __repr__(self) -> str:
        return repr(self._answered())

    def __len__(self) -> int:
        return len(self._answered())

    def __getitem__(self, column: Any) -> Any:
        """Return a relation of one column."""
        return self._composing(self.raw.__getitem__)(column)

    def __contains__(self, column: str) -> bool:
        return column in self.raw

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the answered rows as Arrow's C stream, by which other libraries read them."""
        return self._open().arrow_of_all().__arrow_c_stream__(requested_schema)

    def execute(self) -> AiRelation:
        """Run the query; `fetchone` and the like read on from it."""
        self._read = self._open()
        return self

    def _open(self) -> Connection:
        return self._connection.run_relation(self.raw.sql_query(), self._parameters)

    def _fetching(self, name: str) -> Callable[..., Any]:
        def fetch(*args: Any, **options: Any) -> Any:
            stepping = name in {"fetchone", "fetchmany"}
            connection = self._read or self._open()
            self._read = connection if stepping else None
            if name in {"fetch_arrow_table", "to_arrow_table"}:
                return connection.arrow_of_all()
            if name in {"arrow", "to_arrow_reader", "fetch_arrow_reader", "fetch_record_batch"}:
                return connection.arrow_of_all().to_reader(*args, **options)
            if name == "iter_rows":
                return iter(connection.fetchall())
            result = getattr(connection, {"to_df": "df"}.get(name, name))(*args, **options)
            if stepping and is_end(result, *args, **options):
                self._read = None
            return result

        return fetch

    def _answered(self) -> duckdb.DuckDBPyRelation:
        """Return DuckDB's relation over the answered rows."""
        table = self._open().arrow_of_all()
        return self._connection.raw.from_arrow(table)

    def _made(self, statement: str, table: str) -> None:
        text = named("relation.sql")[statement].format(name=_qualified(table), query=self.raw.sql_query())
        self._connection.run_relation(text, self._parameters)

    def _composing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            plain = [arg.raw if isinstance(arg, AiRelation) else arg for arg in args]
            with self._connection.reading():
                result = method(*plain, **options)
            if isinstance(result, duckdb.DuckDBPyRelation):
                return AiRelation(self._connection, result, self._parameters)
            return result

        return call


def is_end(result: Any, wanted: int = 1, *, size: int = 1, vectors_per_chunk: int = 1, **_: Any) -> bool:
    """Tell whether what a step returned is the end of the rows: it is empty, and something was asked for."""
    return (result is None or (hasattr(result, "__len__") and len(result) == 0)) and all(
        (wanted, size, vectors_per_chunk)
    )


def _qualified(name: str) -> str:
    """Return a table's name as SQL, read as DuckDB's relations read it: dots part it, double quotes keep them."""
    parts, place = [], 0
    while place <= len(name):
        part = _PART.match(name, place)
        parts.append(_QUOTES.sub(lambda quote: quote[0][1:], part[0] if part else ""))
        place += len(part[0]) if part else 0
        if name[place : place + 1] not in {"", "."}:
            raise duckdb.ParserException(
                f"Parser Error: Unterminated quoted identifier in qualified name! (input: {name})"
            )
        place += 1
    return ".".join(map(identifier, parts))
