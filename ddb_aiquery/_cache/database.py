"""One database for many threads: which file, whose connection, one writer at a time, forks, and damage."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import apsw

from ddb_aiquery._cache import place
from ddb_aiquery._cache.owner import Owner
from ddb_aiquery._cache.sqlite import (
    DAMAGE,
    FORMAT,
    MEMORY,
    SQL,
    connect,
    meaning,
    patient,
    readable,
    refusal,
    transaction,
    upgrade,
)
from ddb_aiquery.errors import CacheError

T = TypeVar("T")

NAMES = (f"answers-v{FORMAT}.sqlite", f"answers-v{FORMAT}-own.sqlite")
"""The second name is used where a newer package took the first."""


class Database:
    """One SQLite file for several threads and processes, or one in memory where `directory` is None.

    `notices` says what a user should know: a damaged file was moved aside, the cache can only be read.
    Connections are lent for one piece of work each. Before a fork all are closed, since SQLite's locks do not survive
    it (sqlite.org/howtocorrupt.html 2.6).
    """

    def __init__(self, directory: Path | None) -> None:
        self.notices: list[str] = []
        self._directory = place.prepare(directory) if directory is not None else None
        self.owner = Owner(None if self._directory is None else self._directory / "owners")
        self._refusal = ""
        self._seen: tuple[int, int] | None = None
        self._generation = 0
        self._uri = MEMORY
        self._path: Path | None = None
        self._journal = "rollback_journal" if self._directory and place.on_network(self._directory) else "wal"
        self._idle: list[apsw.Connection] = []
        self._busy = 0
        self._settling = 0
        self._gate = threading.Condition()
        self._turn = threading.Lock()
        with self._gate:
            self._guarded(lambda: None if self._idle else self._open())
        _close_before_fork(weakref.ref(self))

    @property
    def in_memory(self) -> bool:
        """Tell whether there is no file."""
        return self._directory is None

    def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run the work on a connection that sees one state of the file; it may run twice and must not write.

        Raises:
            CacheError: the file cannot be read.
        """
        # In memory there is but one connection, so readers take turns with writers.
        return self._guarded(lambda: self._read(work) if self._path else self._alone(lambda: self._read(work)))

    def write(self, work: Callable[[apsw.Connection], T], *, durable: bool = True) -> T:
        """Run the work in one transaction; it may run twice. Committed when it returns, as a whole or not at all.

        What is not `durable` survives the death of the process, but maybe not a power cut.

        Raises:
            CacheError: the file cannot be written: read-only, full, locked for 30 s.
        """
        if self._refusal:
            self._guarded(self._insist)
        return self._guarded(lambda: self._alone(lambda: self._write(work, durable=durable)))

    def tidy(self) -> None:
        """Give free space back to the disk.

        Raises:
            CacheError: another process is busy with the file.
        """
        self._guarded(lambda: self._alone(self._vacuum))

    def close(self) -> None:
        """Close every connection; the next piece of work opens them again."""
        with self._gate:
            self._settle()
            self.owner.close()

    def hold_still(self) -> None:
        """Wait for the work under way, close every connection and let no work begin until `go_on`."""
        self._gate.acquire()
        self._settle()

    def go_on(self, *, forked: bool = False) -> None:
        """Let work begin again; in a forked child the locks are made anew, since their holders are not there."""
        if forked:
            self._gate, self._turn, self._settling = threading.Condition(), threading.Lock(), 0
        else:
            self._gate.release()

    def _alone(self, action: Callable[[], T]) -> T:
        with self._turn:
            return action()

    def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        with self._lent() as connection:
            return transaction(connection, "BEGIN", work)

    def _write(self, work: Callable[[apsw.Connection], T], *, durable: bool) -> T:
        with self._lent() as connection:
            connection.execute(SQL["durable" if durable else "hasty"])
            return transaction(connection, "BEGIN IMMEDIATE", work)

    def _vacuum(self) -> None:
        with self._lent() as connection:
            connection.execute(SQL["tidy"])

    @contextmanager
    def _lent(self) -> Iterator[apsw.Connection]:
        connection = None
        try:
            with self._gate:
                while self._settling:
                    self._gate.wait()
                if self._moved():
                    self._follow()
                connection = self._idle.pop() if self._idle else self._connect()
                self._busy += 1
            yield connection
        finally:
            if connection is not None:
                with self._gate:
                    self._busy -= 1
                    self._idle.append(connection)
                    self._gate.notify_all()

    def _follow(self) -> None:
        """Open the file that stands at the path now: what is written to the old one would not be found again."""
        self._settle()
        if self._moved():
            self._open()
            self.notices.append(f"the cache {self._path} was replaced while in use; the new file is used")

    def _insist(self) -> None:
        """Open the file again where what stood against writing is gone."""
        with self._gate:
            if self._path is not None and (reason := refusal(self._path, self.owner)):
                raise CacheError(reason)
            self._settle()
            self._open()

    def _moved(self) -> bool:
        return self._path is not None and place.identity(self._path) != self._seen

    def _settle(self) -> None:
        """Wait until nobody uses a connection, and close them all; the caller holds the gate."""
        self._settling += 1  # so that no new work begins meanwhile
        try:
            while self._busy:
                self._gate.wait()
        finally:
            self._settling -= 1
            self._gate.notify_all()
        while self._path is not None and self._idle:
            self._idle.pop().close()

    def _guarded(self, action: Callable[[], T]) -> T:
        """Do it; where the file turns out to be damaged, set it aside and do it once more on a fresh one."""
        generation = self._generation
        try:
            try:
                return action()
            except DAMAGE:
                self._replace(generation)
            return action()
        except (apsw.Error, OSError, UnicodeDecodeError) as error:
            raise CacheError(meaning(error, self._path or self._directory)) from None

    def _replace(self, generation: int) -> None:
        with self._gate:
            self._settle()
            if generation != self._generation or self._path is None:
                return  # another thread has done it
            if self._refusal:
                raise CacheError(f"the cache {self._path} is damaged and cannot be replaced; {place.OFF}")
            if notice := place.set_aside(self._path, self._seen):
                self.notices.append(notice)
            self._open()

    def _open(self) -> None:
        """Find the file to use and open a first connection; the caller holds the gate."""
        if self._directory is None:
            self._idle.append(self._connect())
            return
        place.prepare(self._directory)
        self.owner.close()
        for name in NAMES:
            if self._open_file(self._directory / name):
                self._generation += 1
                return
            self.notices.append(f"the cache {self._directory / name} belongs to a newer version; it is left alone")
        raise CacheError(f"every cache file in {self._directory} belongs to a newer version; {place.OFF}")

    def _open_file(self, path: Path) -> bool:
        self._path, self._refusal = path, refusal(path, self.owner)
        if problem := place.check(path):
            self.notices.append(f"{place.set_aside(path, place.identity(path))} ({problem})")
        self._seen = place.identity(path)
        if self._refusal:
            self.notices.append(self._refusal)
            self._uri = readable(path)
            connection = self._connect()
        else:
            # SQLite creates the file, -wal and -shm with the mode of the lock file: 0600 from the first byte on.
            self._uri = f"{path.as_uri()}?modeof={quote(str(path.parent / 'owners' / self.owner.name))}"
            connection = patient(self._connect)
            with suppress(OSError):
                self.owner.others()  # the dead are buried on the way
            self._uri = f"{path.as_uri()}?mode=rw"
        version = connection.execute(SQL["version"]).get
        if version // 1000 > FORMAT:
            connection.close()
            return False
        if not self._refusal:
            upgrade(connection, version)
        self._seen = self._seen or place.identity(path)
        self._idle.append(connection)
        return True

    def _connect(self) -> apsw.Connection:
        return connect(self._uri, writable=not self._refusal, journal=self._journal)


class Part:
    """One of the parts that a store is made of: what it does is done on the store's one database."""

    def __init__(self, database: Database) -> None:
        self._database = database


def _close_before_fork(database: weakref.ref[Database]) -> None:
    """Have the process hold still and closed at every fork, for as long as the database lives."""
    if not hasattr(os, "register_at_fork"):
        return
    held: list[Database] = []

    def before() -> None:
        if (it := database()) is not None:
            it.hold_still()
            held.append(it)

    def in_parent() -> None:
        while held:
            held.pop().go_on()

    def in_child() -> None:
        while held:
            held.pop().go_on(forked=True)

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
