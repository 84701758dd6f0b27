"""How a process leaves that dbt was told to stop in: its databases closed, and no last second spent on garbage."""

from __future__ import annotations

import atexit
import gc
import weakref

import duckdb


class Leaving:
    """Knows the connections that dbt has open, without keeping them.

    dbt-duckdb closes a database by dropping the last reference to it. After Ctrl-C the exception's traceback may hold
    one, so that only the search for cycles would find it; among dbt's many objects that takes most of the last second.
    """

    def __init__(self) -> None:
        self._open: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()

    def knows(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Close this connection too."""
        self._open.add(connection)

    def quickly(self) -> None:
        """At the process's end, close what is open then and spare the rest; said again, it is done once."""
        atexit.unregister(self._leave)
        atexit.register(self._leave)

    def _leave(self) -> None:
        for connection in list(self._open):
            connection.close()
        gc.freeze()
