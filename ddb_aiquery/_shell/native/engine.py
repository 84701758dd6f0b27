"""The package's engine as the child process uses it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import orjson
import pyarrow as pa

from ddb_aiquery import _progress
from ddb_aiquery._functions import structures
from ddb_aiquery._session import Session
from ddb_aiquery._settings import load
from ddb_aiquery._shell.native.wire import What
from ddb_aiquery._tables import TABLES

ARGUMENTS = 7


class Engine:
    """One Session for the shell's whole life; made at the first call, so that a settings error ends only that call."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._lock = threading.Lock()

    def answer(self, what: What, columns: Sequence[pa.Array]) -> pa.Array:
        """Answer one request.

        Raises:
            AiQueryError: what ends the statement.
        """
        if what is What.QUERY:
            return self._open().documents(columns[:ARGUMENTS])
        if what is What.STRUCTURE:
            return structures(*columns)
        if what is What.LISTING:
            return pa.array([self._listing(name) for name in columns[0].to_pylist()], pa.large_string())
        settings = self._open().settings
        names = {"embedding": settings.embedding_endpoint}
        tasks = columns[0].to_pylist()
        return pa.array([names.get(task, settings.default_endpoint or "") for task in tasks], pa.large_string())

    def cancel(self) -> None:
        """End every wait."""
        if self._session is not None:
            self._session.cancel()

    def close(self) -> None:
        """Write the last statement's usage down."""
        if self._session is not None:
            self._session.end()

    def _open(self) -> Session:
        with self._lock:
            if self._session is None:
                _progress.DISPLAY = lambda: None  # the terminal is the shell's
                self._session = Session(load(None))
            return self._session

    def _listing(self, name: str) -> str:
        make, _ = TABLES[name]
        return orjson.dumps(make(self._open()).to_pylist(), default=str).decode()
