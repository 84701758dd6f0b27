"""AiConnection: DuckDB's connection with the planner in front of it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from types import FrameType
from typing import Any, Self

import duckdb

from ddb_aiquery import _planner
from ddb_aiquery._planner import Asker, Finish, Outcome, Statement
from ddb_aiquery._planner.callers import Callers
from ddb_aiquery._planner.desk import quoted
from ddb_aiquery._planner.prepared import Prepared
from ddb_aiquery._planner.presenting import estimated, present, show_plan
from ddb_aiquery._planner.text import Token, explained, has_query, tokens
from ddb_aiquery._python_tables import PythonTables, called_with
from ddb_aiquery._relation import AiRelation
from ddb_aiquery._sql import named
from ddb_aiquery._values import Estimate, Run

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
        self._session = _planner.Session(raw, asker)
        self._open: Finish | None = None
        self._description: Any = None
        self._prepared = Prepared(raw)
        self._tables = PythonTables(raw)
        self._callers = Callers(raw)
        self._relations = False
        self.last_outcome = Outcome()

    # What DuckDB offers

    @property
    def raw(self) -> duckdb.DuckDBPyConnection:
        """DuckDB's own connection; a planned result that is still open ends."""
        self._settle()
        return self._raw

    @property
    def last_run(self) -> Run:
        """What the last statement did; a result that is still being read counts what it has asked so far."""
        if self._open is not None and not self.last_outcome.unplanned:
            self._settle(keep_result=True)
        run: Run = getattr(self._asker, "last_run", Run())
        return run

    @property
    def description(self) -> Any:
        """The names and types of the last result's columns."""
        return self._raw.description if self._description is None else self._description

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
        raw = self.__dict__.get("_raw")
        if raw is not None and self.__dict__.get("_open") is not None:
            with suppress(Exception):  # the database may be gone already
                self._settle()

    def close(self) -> None:
        """End an open result and close the connection."""
        try:
            self._settle()
        finally:
            self._raw.close()

    def cursor(self) -> AiConnection:
        """Return a second connection to the same database, with the planner."""
        return AiConnection(self._raw.cursor(), self._asker)

    duplicate = cursor

    def register(self, view_name: str, python_object: object, **options: Any) -> Self:
        """Make a Python object a table, as DuckDB does."""
        self._settle()
        self._raw.register(view_name, python_object, **options)
        self._tables.registered[view_name.lower()] = python_object
        return self

    def unregister(self, view_name: str) -> Self:
        """Remove a registered object."""
        self._settle()
        self._raw.unregister(view_name)
        self._tables.registered.pop(view_name.lower(), None)
        return self

    def execute(self, query: Any, parameters: Any = None) -> Self:
        """Run one or several statements; the result of the last one can be fetched.

        Raises:
            duckdb.Error: as DuckDB raises it.
            AiQueryError: from a call, not wrapped.
        """
        self._run(query, parameters, sys._getframe(1))  # noqa: SLF001 - a table may be a variable of our caller
        return self

    def executemany(self, query: Any, parameters: Any = None) -> Self:
        """Run a statement once for each set of parameters."""
        if not self._callers.named_in(str(query)):
            self._settle()
            self._raw.executemany(query, parameters)
            return self
        for each in parameters or ():
            self._run(query, each, sys._getframe(1))  # noqa: SLF001
        return self

    def sql(self, query: Any, *, alias: str = "", params: Any = None) -> AiRelation | None:
        """Return a lazy relation; it is planned when it is read. Statements without rows run at once."""
        return self._relation(query, alias, params, sys._getframe(1))  # noqa: SLF001

    def query(self, query: Any, *, alias: str = "", params: Any = None) -> AiRelation | None:
        """Return a lazy relation; the same as `sql`."""
        return self._relation(query, alias, params, sys._getframe(1))  # noqa: SLF001

    from_query = query

    # What the planner adds

    def estimate(self, query: str, parameters: Any = None) -> Estimate:
        """Count what a query would ask and cost, without one call.

        `bound` says that later stages depend on answers, so that the figures are upper limits (or, with a `note`
        beginning "unplanned", unknown).
        """
        self._settle()
        *_, last = self._raw.extract_statements(query)
        statement = self._statement(last.query, last.type.name, parameters, sys._getframe(1))  # noqa: SLF001
        if statement.kind not in _planner.PLANNED:
            return Estimate()
        try:
            outcome = self._session.price(statement)
        except _planner.Unplannable as reason:
            return Estimate(bound=True, note=f"unplanned: {reason}; DuckDB decides which rows are asked about")
        return estimated(outcome)

    def has_calls(self, text: str) -> bool:
        """Return whether a text may hold a call: it names an AI function, or a view or macro that does."""
        return self._callers.named_in(text)

    # How a statement runs

    def _run(self, query: Any, parameters: Any, frame: FrameType | None) -> None:
        self._settle()
        self._description = None
        self.last_outcome = Outcome()
        text = query.query if isinstance(query, duckdb.Statement) else query
        if not isinstance(text, str) or not self._is_special(text):
            self._translated(lambda: self._raw.execute(query, parameters))
            self._callers.after(str(text))
            return
        statements = self._raw.extract_statements(text)
        for place, statement in enumerate(statements):
            last = place == len(statements) - 1
            self._settle()
            self._one(statement.query.strip(), statement.type.name, parameters if last else None, frame)
            self._callers.after(statement.query)

    def _one(self, text: str, kind: str, parameters: Any, frame: FrameType | None) -> None:
        listed = tokens(text)
        words = [token.word for token in listed]
        if kind == "EXECUTE" and (known := self._prepared.text_of(words)) is not None:
            text, parameters = known, self._prepared.arguments(text, listed)
            kind = self._raw.extract_statements(text)[0].type.name
            words = [token.word for token in tokens(text)]
        elif not self._is_special(text):
            self._translated(lambda: self._raw.execute(text, parameters))
            return
        if kind == "EXPLAIN":
            self._explain(text, listed, parameters, frame)
        elif kind in _planner.PLANNED and has_query(kind, words):
            self._planned(self._statement(text, kind, parameters, frame))
        else:
            if kind == "PREPARE":
                self._prepared.keep(text, listed)
            self._unasked(text, parameters)

    def _planned(self, statement: Statement) -> None:
        self._open = self._translated(lambda: self._session.run(statement))
        self.last_outcome = self._open.outcome
        self._description = self._raw.description
        if statement.kind in _planner.WRITES:
            self._translated(lambda: present(self._raw, self._settle))

    def _unasked(self, text: str, parameters: Any) -> None:
        """Run a statement that reads calls but must evaluate none: DESCRIBE, PREPARE, CREATE VIEW, ..."""
        self._raw.execute(named("planner.sql")["planning"])
        try:
            self._raw.execute(text, parameters)
        except BaseException:
            self._session.restore()
            raise
        self._description = self._raw.description
        self._open = Finish([self._session.restore])

    def _explain(self, text: str, listed: Sequence[Token], parameters: Any, frame: FrameType | None) -> None:
        prefix, analyze = explained(text, listed)
        inner = self._raw.extract_statements(text[len(prefix) :])[0]
        statement = self._statement(inner.query.strip(), inner.type.name, parameters, frame)
        if analyze:
            self._planned(replace(statement, prefix=prefix))
            rows, outcome = self._raw.fetchall(), self.last_outcome
            self._settle()
        else:
            with self._session.reading():
                rows = self._raw.execute(text, parameters).fetchall()
            outcome = self._session.priced(statement)
        show_plan(self._raw, outcome, rows)

    def _statement(self, text: str, kind: str, parameters: Any, frame: FrameType | None) -> Statement:
        return Statement(text, kind, parameters, objects=self._tables.read_by(text, frame))

    def _is_special(self, text: str) -> bool:
        if self._relations:
            variables = self._tables.variables(text, sys._getframe(2))  # noqa: SLF001
            if any(isinstance(value, AiRelation) for value in variables.values()):
                return True
        return self._callers.named_in(text) or self._prepared.may_be_in(text)

    # How a result is read

    def _settle(self, *, keep_result: bool = False) -> None:
        """End what the last statement left open: its tables, its macro, its transaction."""
        if self._open is None:
            return
        if keep_result:
            self._asker_finished()
            return
        self._open()
        self._open = None

    def _asker_finished(self) -> None:
        """Close the run of a planned statement: all its questions are answered before the first row is read."""
        if self._open is not None and self._open.steps:
            self._open.steps[-1]()
            self._open.steps[-1] = _nothing

    def _reading(self, name: str, read: Callable[..., Any]) -> Callable[..., Any]:
        def fetch(*args: Any, **options: Any) -> Any:
            result = self._translated(lambda: read(*args, **options))
            if name in _DRAINING or (name != "to_arrow_reader" and _is_empty(result)):
                self._settle()
            return result

        return fetch

    def _other(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self._settle()
            unwrapped = [arg.raw if isinstance(arg, AiRelation) else arg for arg in args]
            result = method(*unwrapped, **options)
            if isinstance(result, duckdb.DuckDBPyRelation):
                return AiRelation(self, result)
            return self if result is self._raw else result

        return call

    def _translated(self, action: Callable[[], Any]) -> Any:
        """Run something that may evaluate calls, and give back the error that a call raised instead of its text."""
        try:
            return action()
        except (duckdb.Error, RuntimeError) as error:
            original = self._asker.take_error()
            finish, self._open = self._open, None
            if finish is not None:
                finish.give_up()
            if original is not None and type(original).__name__ in str(error):
                raise original from None
            raise

    def _run_relation(self, text: str, parameters: Any) -> AiConnection:
        """Run a relation's query."""
        self._settle()
        self._description, self.last_outcome = None, Outcome()
        kind = self._raw.extract_statements(text)[0].type.name
        if self._callers.named_in(text):
            self._planned(self._statement(text, kind, parameters, None))
        else:
            self._translated(lambda: self._raw.execute(text, parameters))
        return self

    def _arrow(self) -> Any:
        """Return the open result as one Arrow table."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # DuckDB advises con.sql, which is what we stand in for
            return self.to_arrow_table()

    def _reading_only(self) -> AbstractContextManager[None]:
        self._settle()
        return self._session.reading()

    def _relation(self, query: Any, alias: str, parameters: Any, frame: FrameType | None) -> AiRelation | None:
        self._settle()
        text = query.query if isinstance(query, duckdb.Statement) else query
        statements = self._raw.extract_statements(text) if isinstance(text, str) else []
        if statements and statements[-1].type.name not in {"SELECT", "EXPLAIN"}:
            self._run(text, parameters, frame)
            return None
        if len(statements) > 1:
            self._run(";".join(s.query for s in statements[:-1]), None, frame)
            text = statements[-1].query
        options: dict[str, Any] = {"params": parameters} if parameters is not None else {}
        variables = self._tables.variables(text, frame) if isinstance(text, str) else {}
        for name, value in variables.items():
            if isinstance(value, AiRelation):
                text = named("planner.sql")["over"].format(name=quoted(name), relation=value.sql_query(), query=text)
        unwrapped = {name: value for name, value in variables.items() if not isinstance(value, AiRelation)}
        with self._session.reading():
            made = called_with(unwrapped, self._raw.sql, text, alias=alias, **options)
        self._relations = True
        return None if made is None else AiRelation(self, made, parameters)


def _is_empty(result: Any) -> bool:
    return result is None or (hasattr(result, "__len__") and len(result) == 0)


def _nothing() -> None:
    """Stand for a step that was taken early."""
