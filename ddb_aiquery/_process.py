"""The one place of process-wide state: the event loop, one engine for each cache directory, and interruption."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb

from ddb_aiquery._cache import open_store
from ddb_aiquery._engine.engine import Engine
from ddb_aiquery._engine.loop import Loop
from ddb_aiquery._transport import Transport

_LEAVING = 1.0
"""Seconds at most in which statements of other threads end when the process does."""
_LOOK = 0.02


class Process:
    """Everything that lives as long as the process. Threads and sockets are made at first use, anew after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: Loop | None = None
        self._transport: Transport | None = None
        self._engines: dict[Path | None, Engine] = {}
        self._previous: Any = None
        self.connections: weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, Any] = weakref.WeakKeyDictionary()
        """By connection, the session that its functions answer for."""
        self.sessions: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self.left: deque[Callable[[], Any]] = deque()
        """What ends the Runs of sessions that are gone."""
        self.functions: list[Callable[..., Any]] = []
        """Strong references: DuckDB crashes when a function dies before the database (duckdb-python issue 530)."""

    def engine(self, directory: Path | None) -> Engine:
        """Return the engine of a cache directory; None keeps nothing on disk."""
        with self._lock:
            if directory not in self._engines:
                if self._loop is None or self._transport is None:
                    self._loop, self._transport = Loop(), Transport()
                self._engines[directory] = Engine(open_store(directory, enduring=True), self._transport, self._loop)
            return self._engines[directory]

    def enter(self, session: Any) -> None:
        """Let calls find the session by its `id`, and Ctrl-C and `interrupt()` reach its `cancel()`."""
        self.sessions[session.id] = session
        self.chain_sigint()

    def chain_sigint(self) -> None:
        """Put our handler before the one that is there; idempotent, and a no-op off the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return
        current = signal.getsignal(signal.SIGINT)
        if current != self._on_sigint and callable(current):  # each look-up of a method makes a new object
            self._previous = current
            signal.signal(signal.SIGINT, self._on_sigint)

    def cancel(self) -> None:
        """End what every session waits for."""
        for session in list(self.sessions.values()):
            session.cancel()

    def _on_sigint(self, number: int, frame: FrameType | None) -> None:
        self.cancel()
        self._previous(number, frame)

    def end_left(self) -> None:
        """Write down the Runs of sessions that are gone."""
        while self.left:
            try:
                end = self.left.popleft()
            except IndexError:
                return  # another thread was faster
            end()

    def close(self) -> None:
        """Send nothing more, write down what has arrived and stop the threads."""
        self.cancel()
        self._hear_out()
        self.end_left()
        for session in list(self.sessions.values()):
            session.end()
        with self._lock:
            engines, self._engines = list(self._engines.values()), {}
            loop, self._loop = self._loop, None
            transport, self._transport = self._transport, None
        for engine in engines:
            engine.close()
        if loop is not None and transport is not None:
            loop.wait(transport.close(), timeout=5)
            loop.close()

    def _hear_out(self) -> None:
        """Let threads that wait for answers end their statements: amid DuckDB's code the end of Python is a crash."""
        deadline = time.monotonic() + _LEAVING
        while any(session.is_busy() for session in list(self.sessions.values())) and time.monotonic() < deadline:
            time.sleep(_LOOK)

    def forget(self) -> None:
        """Drop what a fork cannot carry over: the child makes its own threads and sockets."""
        self._lock = threading.Lock()
        self._loop = None
        self._transport = None
        self._engines = {}
        self.left = deque()
        for session in list(self.sessions.values()):
            session.forget()


def _reach_interrupt(process: Process) -> None:
    """Let `con.interrupt()` reach a function that waits: DuckDB itself does not tell it."""
    original = duckdb.DuckDBPyConnection.interrupt

    def interrupt(self: duckdb.DuckDBPyConnection) -> None:
        session = process.connections.get(self)
        cancel = process.cancel if session is None else session.cancel  # None: it sees another's functions
        cancel()
        original(self)
        cancel()  # for a chunk that DuckDB began meanwhile

    interrupt.__doc__ = original.__doc__
    duckdb.DuckDBPyConnection.interrupt = interrupt  # type: ignore[method-assign]


PROCESS = Process()
_reach_interrupt(PROCESS)
atexit.register(PROCESS.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PROCESS.forget)
