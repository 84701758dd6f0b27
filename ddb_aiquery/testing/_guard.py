"""A guard that nothing in a test can call out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ddb_aiquery._address import ALLOW, is_this_machine


class CalledOut(BaseException):
    """Something tried to connect to an address that is not this machine; no `except Exception` swallows it."""


class _Guard:
    """Python's audit hooks cannot be taken away again, so one is added at first use and counts who wants it."""

    def __init__(self) -> None:
        self._wanted = 0
        self._added = False

    def raise_by(self, count: int) -> None:
        self._wanted += count
        if not self._added:
            self._added = True
            sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._wanted and event in ("socket.connect", "socket.sendto") and not _stays_here(arguments[1]):
            raise CalledOut(f"no_calls_out(): something tried to connect to {arguments[1]!r}")


def _stays_here(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    return is_this_machine(str(address[0]).partition("%")[0])


_GUARD = _Guard()


@contextmanager
def no_calls_out() -> Iterator[None]:
    """Make every connection to another machine fail while it is open.

    ddb_aiquery's own calls are refused before a socket is opened, child processes included, because
    `DDB_AIQUERY_ALLOW=loopback` is set in the environment; anything else that uses Python's sockets in this process
    gets `CalledOut`, which is no `Exception`.
    """
    before = os.environ.get(ALLOW)
    os.environ[ALLOW] = "loopback"
    _GUARD.raise_by(1)
    try:
        yield
    finally:
        _GUARD.raise_by(-1)
        if before is None:
            del os.environ[ALLOW]
        else:
            os.environ[ALLOW] = before
