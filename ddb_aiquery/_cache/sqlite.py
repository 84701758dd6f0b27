"""What SQLite needs to be told, and what its errors mean to a user: plain functions over one connection."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import apsw

from ddb_aiquery._cache import place
from ddb_aiquery._cache.owner import Owner
from ddb_aiquery._cache.records import Row
from ddb_aiquery._sql import named

T = TypeVar("T")

SQL = named("cache.sql")
FORMAT = 1
REVISION = 1

MEMORY = ":memory:"
BUSY_MS = 30_000
READ_ONLY = apsw.SQLITE_OPEN_READONLY
READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnicodeDecodeError)
"""Our statements are fixed: one that SQLite cannot compile, like text that is no UTF-8, tells of another's file."""


def rows(connection: apsw.Connection, statement: str, bindings: Any = ()) -> list[Row]:
    """Run the statement of that name and return what it selects."""
    return connection.execute(SQL[statement], bindings).fetchall()


def connect(uri: str, *, writable: bool, journal: str = "wal") -> apsw.Connection:
    """Open a connection that trusts nothing in the file; one in memory gets its tables.

    `journal` is the name of the statement that sets it.
    """
    access = READ_WRITE if writable or uri == MEMORY else READ_ONLY
    connection = apsw.Connection(uri, access | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOFOLLOW)
    connection.set_busy_timeout(BUSY_MS)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.execute(SQL["settings"])
    if uri == MEMORY:
        upgrade(connection, 0)
    elif writable:
        connection.execute(SQL[journal])
    return connection


def transaction(connection: apsw.Connection, begin: str, work: Callable[[apsw.Connection], T]) -> T:
    """Do the work between `begin` and COMMIT, as a whole or not at all."""
    try:
        connection.execute(begin)
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def upgrade(connection: apsw.Connection, version: int) -> None:
    """Add what this revision of the format has and the file has not."""

    def work(connection: apsw.Connection) -> None:
        for revision in range(connection.execute(SQL["version"]).get % 1000 + 1, REVISION + 1):
            connection.execute(SQL[f"revision_{revision}"])

    if version % 1000 < REVISION:
        transaction(connection, "BEGIN IMMEDIATE", work)


def refusal(path: Path, owner: Owner) -> str:
    """Return why the cache can only be read, empty where it can be written."""
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        return f"the cache {path} can only be read, not written: make it writable, or {place.OFF}"
    try:
        owner.name  # noqa: B018 (naming it makes its lock file)
    except OSError as error:
        return meaning(error, path)
    return ""


def readable(path: Path) -> str:
    """Return the URI under which a file can be read where nothing can be written, not even SQLite's -shm file."""
    if not path.exists():
        return MEMORY
    uri = f"{path.as_uri()}?mode=ro"
    try:
        with closing(apsw.Connection(uri, READ_ONLY | apsw.SQLITE_OPEN_URI)) as connection:
            connection.execute(SQL["version"]).get  # noqa: B018 (reading it opens the file)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        return f"{path.as_uri()}?immutable=1"
    return uri


def patient(connect: Callable[[], apsw.Connection]) -> apsw.Connection:
    """Connect; while another process makes the file, SQLite may say busy at once, whatever its timeout."""
    for _ in range(BUSY_MS // 50):
        try:
            return connect()
        except apsw.BusyError:
            time.sleep(0.05)
    return connect()


def meaning(error: Exception, path: Path | None) -> str:
    """Say in one line what failed, where, and the remedy."""
    where = f"the cache {path}" if path else "the cache in memory"
    code = getattr(error, "errno", None)
    if isinstance(error, apsw.FullError) or code in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return f"the cache is full: no space left for {path}; free some, or {place.OFF}"
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_WRITE:
        return f"{where} cannot be written: a quota, a size limit or the disk; see to it, or {place.OFF}"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return f"{where} has been locked by another process for {BUSY_MS // 1000} s; end that one, or {place.OFF}"
    if isinstance(error, DAMAGE):
        return f"{where} is damaged; remove it, or {place.OFF}"
    return f"{where} cannot be read or written ({error}); check the disk, its space and rights, or {place.OFF}"
