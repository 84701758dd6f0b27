"""The one file that opens SQLite: connections, transactions, forks, damage, and what its errors mean to a user."""

from __future__ import annotations

import errno
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import apsw

from ddb_aiquery._cache import place
from ddb_aiquery._cache.owner import Owner
from ddb_aiquery._cache.records import Row
from ddb_aiquery._sql import named
from ddb_aiquery.errors import CacheError

T = TypeVar("T")

SQL = named("cache.sql")
FORMAT = 1
REVISION = 1
NAMES = (f"answers-v{FORMAT}.sqlite", f"answers-v{FORMAT}-own.sqlite")
"""The second name is used where a newer package took the first."""

_BUSY_MS = 30_000
_MEMORY = ":memory:"
_READ_ONLY = apsw.SQLITE_OPEN_READONLY
_READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
_DAMAGE = (apsw.CorruptError, apsw.NotADBError)


def rows(connection: apsw.Connection, statement: str, bindings: Any = ()) -> list[Row]:
    """Run the statement of that name and return what it selects."""
    return connection.execute(SQL[statement], bindings).fetchall()


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
        self._uri = _MEMORY
        self._path: Path | None = None
        self._idle: list[apsw.Connection] = []
        self._busy = 0
        self._gate = threading.Condition()
        self._turn = threading.Lock()
        with self._gate:
            self._guarded(lambda: None if self._idle else self._open())
        _close_before_fork(weakref.ref(self))

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
            self._gate, self._turn = threading.Condition(), threading.Lock()
        else:
            self._gate.release()

    def _alone(self, action: Callable[[], T]) -> T:
        with self._turn:
            return action()

    def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        with self._lent() as connection:
            return _transaction(connection, "BEGIN", work)

    def _write(self, work: Callable[[apsw.Connection], T], *, durable: bool) -> T:
        with self._lent() as connection:
            connection.execute(SQL["durable" if durable else "hasty"])
            return _transaction(connection, "BEGIN IMMEDIATE", work)

    def _vacuum(self) -> None:
        with self._lent() as connection:
            connection.execute(SQL["tidy"])

    @contextmanager
    def _lent(self) -> Iterator[apsw.Connection]:
        with self._gate:
            if self._moved():
                self._settle()
                if self._moved():
                    self._open()
                    self.notices.append(f"the cache {self._path} was replaced while in use; the new file is used")
            connection = self._idle.pop() if self._idle else self._connect()
            self._busy += 1
        try:
            yield connection
        finally:
            with self._gate:
                self._busy -= 1
                self._idle.append(connection)
                self._gate.notify_all()

    def _insist(self) -> None:
        """Open the file again where what stood against writing is gone."""
        with self._gate:
            if self._path is not None and (refusal := _refusal(self._path, self.owner)):
                raise CacheError(refusal)
            self._settle()
            self._open()

    def _moved(self) -> bool:
        return self._path is not None and place.identity(self._path) != self._seen

    def _settle(self) -> None:
        """Wait until nobody uses a connection, and close them all; the caller holds the gate."""
        while self._busy:
            self._gate.wait()
        while self._path is not None and self._idle:
            self._idle.pop().close()

    def _guarded(self, action: Callable[[], T]) -> T:
        """Do it; where the file turns out to be damaged, set it aside and do it once more on a fresh one."""
        generation = self._generation
        try:
            try:
                return action()
            except _DAMAGE:
                self._replace(generation)
            return action()
        except (apsw.Error, OSError) as error:
            raise CacheError(_meaning(error, self._path or self._directory)) from None

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
        self.owner.leave()
        for name in NAMES:
            if self._open_file(self._directory / name):
                self._generation += 1
                return
            self.notices.append(f"the cache {self._directory / name} belongs to a newer version; it is left alone")
        raise CacheError(f"every cache file in {self._directory} belongs to a newer version; {place.OFF}")

    def _open_file(self, path: Path) -> bool:
        self._path, self._refusal = path, _refusal(path, self.owner)
        if problem := place.check(path):
            self.notices.append(f"{place.set_aside(path, place.identity(path))} ({problem})")
        self._seen = place.identity(path)
        if self._refusal:
            self.notices.append(self._refusal)
            self._uri = _readable(path)
            connection = self._connect()
        else:
            # SQLite creates the file, -wal and -shm with the mode of the lock file: 0600 from the first byte on.
            self._uri = f"{path.as_uri()}?modeof={quote(str(path.parent / 'owners' / self.owner.name))}"
            connection = _patient(self._connect)
            self._uri = f"{path.as_uri()}?mode=rw"
        version = connection.execute(SQL["version"]).get
        if version // 1000 > FORMAT:
            connection.close()
            return False
        if not self._refusal:
            _upgrade(connection, version)
        self._seen = self._seen or place.identity(path)
        self._idle.append(connection)
        return True

    def _connect(self) -> apsw.Connection:
        in_memory = self._uri == _MEMORY
        access = _READ_ONLY if self._refusal and not in_memory else _READ_WRITE
        connection = apsw.Connection(self._uri, access | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOFOLLOW)
        connection.set_busy_timeout(_BUSY_MS)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.execute(SQL["settings"])
        if in_memory:
            _upgrade(connection, 0)
        elif not self._refusal and self._directory is not None:
            connection.execute(SQL["rollback_journal" if place.on_network(self._directory) else "wal"])
        return connection


def _transaction(connection: apsw.Connection, begin: str, work: Callable[[apsw.Connection], T]) -> T:
    connection.execute(begin)
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _upgrade(connection: apsw.Connection, version: int) -> None:
    """Add what this revision of the format has and the file has not."""

    def work(connection: apsw.Connection) -> None:
        for revision in range(connection.execute(SQL["version"]).get % 1000 + 1, REVISION + 1):
            connection.execute(SQL[f"revision_{revision}"])

    if version % 1000 < REVISION:
        _transaction(connection, "BEGIN IMMEDIATE", work)


def _refusal(path: Path, owner: Owner) -> str:
    """Return why the cache can only be read, empty where it can be written."""
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        return f"the cache {path} can only be read, not written: make it writable, or {place.OFF}"
    try:
        owner.name  # noqa: B018 - naming it makes its lock file
    except OSError as error:
        return _meaning(error, path)
    return ""


def _readable(path: Path) -> str:
    """Return the URI under which a file can be read where nothing can be written, not even SQLite's -shm file."""
    if not path.exists():
        return _MEMORY
    uri = f"{path.as_uri()}?mode=ro"
    try:
        with closing(apsw.Connection(uri, _READ_ONLY | apsw.SQLITE_OPEN_URI)) as connection:
            connection.execute(SQL["version"]).get  # noqa: B018 - reading it opens the file
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        return f"{path.as_uri()}?immutable=1"
    return uri


def _patient(connect: Callable[[], apsw.Connection]) -> apsw.Connection:
    """Connect; while another process makes the file, SQLite may say busy at once, whatever its timeout."""
    for _ in range(_BUSY_MS // 50):
        try:
            return connect()
        except apsw.BusyError:
            time.sleep(0.05)
    return connect()


def _meaning(error: Exception, path: Path | None) -> str:
    """Say in one line what failed, where, and the remedy."""
    where = f"the cache {path}" if path else "the cache in memory"
    code = getattr(error, "errno", None)
    if isinstance(error, apsw.FullError) or code in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return f"the cache is full: no space left for {path}; free some, or {place.OFF}"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return f"{where} has been locked by another process for {_BUSY_MS // 1000} s; end that one, or {place.OFF}"
    if isinstance(error, _DAMAGE):
        return f"{where} is damaged; remove it, or {place.OFF}"
    return f"{where} cannot be read or written ({error}); check the disk, its space and rights, or {place.OFF}"


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
