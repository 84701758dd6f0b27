"""Ctrl-C, also where DuckDB does not hear it."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator

import duckdb

AGAIN = 0.1
"""Seconds after which an interrupt is repeated while the statement goes on."""


@contextlib.contextmanager
def interruptible(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """End what a connection does at Ctrl-C, however early that comes; for the main thread.

    DuckDB 2.0.0 loses a signal that comes in the first milliseconds of a statement, and hears none after it. So a
    thread is told of the signal by Python itself, and interrupts the connection until the statement has ended.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(ours, con, ended), daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ended.set()
        theirs.close()
        watcher.join()


def _watch(signals: socket.socket, con: duckdb.DuckDBPyConnection, ended: threading.Event) -> None:
    with signals:
        while (came := signals.recv(64)) and signal.SIGINT not in came:
            pass  # a signal that is none of ours: the window's new size, a child's end
    while came and not ended.wait(AGAIN):
        con.interrupt()
