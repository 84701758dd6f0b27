"""The cache: every answer that was paid for, in one SQLite file that threads and processes share."""

from __future__ import annotations

from pathlib import Path

from ddb_aiquery._cache.enduring import Enduring
from ddb_aiquery._cache.records import Stats
from ddb_aiquery._cache.store import Forgetful, Store

__all__ = ["Forgetful", "Stats", "Store", "open_store"]


def open_store(directory: Path | None, *, enduring: bool = False) -> Store:
    """Open the store in the directory, made where it is missing; None gives a `Forgetful` one in memory.

    An `enduring` one goes on in memory where the file cannot be written; the other raises.

    Raises:
        CacheError: the directory cannot be used; the message says why and what to do.
    """
    if directory is None:
        return Forgetful()
    return Enduring(directory) if enduring else Store(directory)
