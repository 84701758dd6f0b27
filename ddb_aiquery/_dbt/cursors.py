"""The planner for dbt: each of dbt-duckdb's cursors is stood in for by one that plans.

dbt-duckdb makes a cursor for each node in `LocalEnvironment.handle` and hands it through `initialize_cursor`, which may
return something else that behaves like a cursor: dbt-duckdb does so itself for `retries`. `stand_in` replaces that one
class attribute; what dbt-duckdb passes and returns is not looked at, but for cursors that `Plugin.configure_cursor` has
seen. (`configure_cursor` cannot do it: its result is ignored, and DuckDB's cursors take no attributes.)
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable
from typing import Any

import duckdb

from ddb_aiquery._connection import AiConnection
from ddb_aiquery._dbt.hidden import Hidden
from ddb_aiquery._dbt.log import LOG
from ddb_aiquery._functions import install
from ddb_aiquery._process import PROCESS
from ddb_aiquery._python_tables import called_with, visible
from ddb_aiquery._relation import AiRelation
from ddb_aiquery._session import Session

_expected: weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, tuple[Session, Hidden]] = weakref.WeakKeyDictionary()
_PLAIN = frozenset({"close", "commit", "begin", "description", "rowcount", "load_extension", "install_extension"})
"""What needs no functions; so does everything that begins with `fetch`."""


def expect(cursor: duckdb.DuckDBPyConnection, session: Session, hidden: Hidden) -> None:
    """Note a cursor that dbt-duckdb is about to hand out."""
    _expected[cursor] = session, hidden


def stand_in() -> str:
    """Let every expected cursor be stood in for; return why not, or nothing. Doing it twice does nothing."""
    try:
        from dbt.adapters.duckdb.environments.local import LocalEnvironment  # noqa: PLC0415 (it may be gone)

        original = LocalEnvironment.initialize_cursor
    except (ImportError, AttributeError) as error:
        return f"this dbt-duckdb has no LocalEnvironment.initialize_cursor ({error})"
    if getattr(original, "stands_in", False):
        return ""
    if not inspect.ismethod(original) or "cursor" not in inspect.signature(original).parameters:
        return "LocalEnvironment.initialize_cursor of this dbt-duckdb is not the one that is known"
    setattr(LocalEnvironment, "initialize_cursor", classmethod(_around(original.__func__)))  # noqa: B010 (for mypy)
    return ""


def _around(original: Callable[..., Any]) -> Callable[..., Any]:
    def initialize_cursor(cls: type, *args: Any, **options: Any) -> Any:
        made = original(cls, *args, **options)
        if isinstance(made, duckdb.DuckDBPyConnection):
            return _planning(made)
        inner = getattr(made, "_cursor", None)  # dbt-duckdb's RetryableCursor
        if isinstance(inner, duckdb.DuckDBPyConnection):
            made._cursor = _planning(inner)  # noqa: SLF001 (the one thing to know about it)
        return made

    initialize_cursor.stands_in = True  # type: ignore[attr-defined]
    return initialize_cursor


def _planning(cursor: duckdb.DuckDBPyConnection) -> Any:
    known = _expected.get(cursor)
    return cursor if known is None else PlanningCursor(cursor, *known)


class PlanningCursor:
    """A DuckDB cursor as dbt uses it; what has to do with a call goes through an `AiConnection`.

    That is made when it is first needed: most of dbt's cursors never see a call, and fifty macros take time.
    """

    def __init__(self, raw: duckdb.DuckDBPyConnection, session: Session, hidden: Hidden) -> None:
        self._raw, self._session, self._hidden = raw, session, hidden
        self._planner: AiConnection | None = None
        raw.execute("SET python_scan_all_frames = true")  # a Python model's variables stand behind our frame

    def planner(self) -> AiConnection:
        """Return the connection with the functions and the planner."""
        if self._planner is None:
            planner = AiConnection(self._raw, self._session)
            install(self._raw, self._session)
            self._planner = planner
        return self._planner

    def execute(self, query: Any, parameters: Any = None) -> Any:
        """Run what dbt sends."""
        text = str(query)
        if self._hidden.asks(text):
            self._hidden.note(text)
        elif self._planner is None:
            called_with(visible(text, sys._getframe(1)), self._raw.execute, query, parameters)  # noqa: SLF001
            return self
        planner = self.planner()
        planner.execute(query, parameters)
        if planner.last_outcome.unplanned:
            LOG.debug("not planned: " + planner.last_outcome.unplanned)
        return self

    def sql(self, query: Any, **options: Any) -> Any:
        """Return a relation, as a Python model asks for one; a call may still be composed onto it."""
        return self.planner().sql(query, **options)

    query = from_query = sql

    def register(self, view_name: str, python_object: object, **options: Any) -> Any:
        """Make a Python object a table.

        A Python model's relation is one of the model's own cursor, in whose transaction its table has to be made, as
        dbt-duckdb makes it of DuckDB's relations; of others it takes a new cursor, which then stands for the first.
        """
        known = python_object
        if isinstance(python_object, AiRelation):
            self._planner, self._raw = python_object.connection, python_object.connection.raw
            known = python_object.raw
            if self._hidden.asks(python_object.sql_query()):
                known = python_object.to_arrow_table()
        (self._planner or self._raw).register(view_name, known, **options)
        return self

    def unregister(self, view_name: str) -> Any:
        """Forget a registered object."""
        (self._planner or self._raw).unregister(view_name)
        return self

    def cursor(self) -> PlanningCursor:
        """Return a second cursor that plans."""
        return PlanningCursor(self._raw.cursor(), self._session, self._hidden)

    def rollback(self) -> Any:
        """Undo the transaction, and the functions if they came with it."""
        planner, self._planner = self._planner, None
        if planner is not None:
            planner.raw  # noqa: B018 (ends what is open)
        self._raw.rollback()
        return self

    def interrupt(self) -> None:
        """End what this cursor does, from another thread: Ctrl-C in dbt comes here for each of its connections."""
        PROCESS.cancel()
        self._raw.interrupt()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        plain = name in _PLAIN or name.startswith("fetch")
        return getattr(self._planner or self._raw if plain else self.planner(), name)
