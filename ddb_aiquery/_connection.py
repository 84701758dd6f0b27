"""AiConnection: DuckDB's connection with the planner in front of it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from types import FrameType
from typing import Any, Self

import duckdb

from ddb_aiquery._duckdb_errors import in_our_words, pointing_to_translate
from ddb_aiquery._figures import Estimate, Run
from ddb_aiquery._functions import install
from ddb_aiquery._planner import Asker, Outcome
from ddb_aiquery._python_tables import called_with
from ddb_aiquery._relation import AiRelation, is_end
from ddb_aiquery._session import Session
from ddb_aiquery._sql import identifier, named
from ddb_aiquery._statements import Statements

_DRAINING = frozenset({"fetchall", "df", "fetchdf", "fetch_df", "fetchnumpy", "to_arrow_table", "pl", "torch", "tf"})
_STEPPING = frozenset({"fetchone", "fetchmany", "fetch_df_chunk", "to_arrow_reader"})


class AiConnection:
    """A DuckDB connection whose statements are planned: no row is asked about that the query throws away.

    `raw` is DuckDB's own connection, with the functions but without the planner. What is not defined here is passed on
    to it unchanged. `asker` is the engine; `_planner.Asker` says what it must offer.
    """

    def __init__(self, raw: duckdb.DuckDBPyConnection, asker: Asker) -> None:
        raw.execute("SET python_scan_all_frames = true")  # a table may be a variable of our caller
        self._raw, self._asker = raw, asker
        self._statements = Statements(raw, asker)

    # What DuckDB offers

    @property
    def raw(self) -> duckdb.DuckDBPyConnection:
        """DuckDB's own connection; a planned result that is still open ends."""
        self._statements.settle()
        return self._raw

    @property
    def description(self) -> Any:
        """The names and types of the last result's columns."""
        return self._raw.description if self._statements.description is None else self._statements.description

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._raw, name)
        if name in _DRAINING or name in _STEPPING:
            return self._reading(name, value)
        if callable(value):
            return self._other(value)
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        statements = self.__dict__.get("_statements")
        if statements is not None and statements.is_open:
            with suppress(Exception):  # the database may be gone already
                statements.settle()

    def close(self) -> None:
        """End an open result, and what another thread runs here, and close the connection."""
        try:
            self._statements.settle()
            if isinstance(self._asker, Session):
                self._asker.cancel()
        finally:
            self._raw.close()

    def cursor(self) -> AiConnection:
        """Return a second connection to the same database, with the planner, and figures and interrupts of its own."""
        if isinstance(self._asker, Session):
            return opened(self._raw.duplicate(), Session(self._asker.settings))
        return AiConnection(self._raw.cursor(), self._asker)

    duplicate = cursor

    def interrupt(self) -> None:
        """End the statement that another thread runs on this connection; answers that have arrived are kept."""
        self._raw.interrupt()

    def register(self, view_name: str, python_object: object, **options: Any) -> Self:
        """Make a Python object a table, as DuckDB does; a relation is read for it."""
        known = python_object.to_arrow_table() if isinstance(python_object, AiRelation) else python_object
        self.raw.register(view_name, known, **options)
        self._statements.tables.registered[view_name.lower()] = known
        return self

    def unregister(self, view_name: str) -> Self:
        """Remove a registered object."""
        self.raw.unregister(view_name)
        self._statements.tables.registered.pop(view_name.lower(), None)
        return self

    def execute(self, query: Any, parameters: Any = None) -> Self:
        """Run one or several statements; the result of the last one can be fetched.

        Raises:
            duckdb.Error: as DuckDB raises it.
            AiQueryError: from a call, not wrapped.
        """
        with pointing_to_translate(str(_text(query))):
            self._statements.run(query, parameters, sys._getframe(1))  # noqa: SLF001 (a table may be our caller's variable)
        return self

    def executemany(self, query: Any, parameters: Any = None) -> Self:
        """Run a statement once for each set of parameters."""
        if not self.has_calls(str(query)):
            self.raw.executemany(query, parameters)
            return self
        for each in parameters or ():
            self._statements.run(query, each, sys._getframe(1))  # noqa: SLF001
        return self

    def sql(self, query: Any, *, alias: str = "", params: Any = None) -> AiRelation | None:
        """Return a lazy relation; it is planned when it is read. Statements without rows run at once."""
        with pointing_to_translate(str(_text(query))):
            return self._relation(query, alias, params, sys._getframe(1))  # noqa: SLF001

    query = from_query = sql

    # What the planner adds

    @property
    def last_run(self) -> Run:
        """What the last statement did; a result that is still being read counts what it has asked so far."""
        self._statements.close_run()
        run: Run = getattr(self._asker, "last_run", Run())
        return run

    @property
    def last_outcome(self) -> Outcome:
        """The stages of the last statement, or why it was not planned."""
        return self._statements.outcome

    def estimate(self, query: str, parameters: Any = None) -> Estimate:
        """Count what a query would ask and cost, without one call.

        `bound` says that later stages depend on answers, so that the figures are upper limits (or, with a `note`
        beginning "unplanned", unknown).
        """
        with pointing_to_translate(query):
            return self._statements.estimate(query, parameters, sys._getframe(1))  # noqa: SLF001

    def has_calls(self, text: str) -> bool:
        """Return whether a text may hold a call: it names an AI function, or a view or macro that does."""
        return self._statements.has_calls(text)

    # What its relations need

    def run_relation(self, text: str, parameters: Any) -> Self:
        """Run a relation's query."""
        self._statements.run_relation(text, parameters)
        return self

    def arrow_of_all(self) -> Any:
        """Return the open result as one Arrow table."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # DuckDB advises con.sql, which is what we stand in for
            return self.to_arrow_table()

    def reading(self) -> AbstractContextManager[None]:
        """Let DuckDB read statements without the chance to evaluate a call."""
        return self._statements.reading()

    def _relation(self, query: Any, alias: str, parameters: Any, frame: FrameType | None) -> AiRelation | None:
        raw = self.raw
        text = _text(query)
        statements = raw.extract_statements(text) if isinstance(text, str) else []
        if statements and statements[-1].type.name not in {"SELECT", "EXPLAIN"}:
            self._statements.run(text, parameters, frame)
            if statements[-1].type.name != "MULTI":
                return None
            return AiRelation(self, raw.from_arrow(self.arrow_of_all()))  # a PIVOT, which DuckDB runs as two statements
        if len(statements) > 1:
            self._statements.run(";".join(s.query for s in statements[:-1]), None, frame)
            text = statements[-1].query
        variables = self._statements.tables.variables(text, frame) if isinstance(text, str) else {}
        variables, parameters = _with_parameters(variables, parameters)
        options: dict[str, Any] = {"params": parameters} if parameters is not None else {}
        for name, value in variables.items():
            if isinstance(value, AiRelation):
                text = named("planner.sql")["over"].format(
                    name=identifier(name), relation=value.sql_query(), query=text
                )
        unwrapped = {name: value for name, value in variables.items() if not isinstance(value, AiRelation)}
        with self.reading(), in_our_words(str(text)):
            made = called_with(unwrapped, raw.sql, text, alias=alias, **options)
        self._statements.relations = True
        return None if made is None else AiRelation(self, made, parameters)

    def _reading(self, name: str, read: Callable[..., Any]) -> Callable[..., Any]:
        def fetch(*args: Any, **options: Any) -> Any:
            result = self._statements.translated(lambda: read(*args, **options))
            if name in _DRAINING or (name != "to_arrow_reader" and is_end(result, *args, **options)):
                self._statements.settle()
            return result

        return fetch

    def _other(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self._statements.settle()
            unwrapped = [arg.raw if isinstance(arg, AiRelation) else arg for arg in args]
            result = method(*unwrapped, **options)
            if isinstance(result, duckdb.DuckDBPyRelation):
                return AiRelation(self, result)
            return self if result is self._raw else result

        return call


def opened(raw: duckdb.DuckDBPyConnection, session: Session) -> AiConnection:
    """Return a connection whose calls answer for the session."""
    con = AiConnection(raw, session)
    install(raw, session)
    return con


def _with_parameters(variables: Mapping[str, Any], parameters: Any) -> tuple[dict[str, Any], Any]:
    """Return the variables, and the parameters with those of relations; one whose own fit no others is read."""
    found = dict(variables)
    for name, value in variables.items():
        own = value.parameters if isinstance(value, AiRelation) else None
        if not own:
            continue
        if isinstance(own, dict) and isinstance(parameters, dict | None) and own.keys().isdisjoint(parameters or {}):
            parameters = own | (parameters or {})
        else:
            found[name] = value.to_arrow_table()
    return found, parameters


def _text(query: Any) -> Any:
    return query.query if isinstance(query, duckdb.Statement) else query
