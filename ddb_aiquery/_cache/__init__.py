"""The cache: every answer that was paid for, in one SQLite file that threads and processes share."""

from __future__ import annotations

from pathlib import Path

from ddb_aiquery._cache.records import Stats
from ddb_aiquery._cache.store import Forgetful, Store

__all__ = ["Forgetful", "Stats", "Store", "open_store"]


def open_store(directory: Path | None) -> Store:
    """Open the store in the directory, made where it is missing; None gives a `Forgetful` one in memory.

    Raises:
        CacheError: the directory cannot be used; the message says why and what to do.
    """
    return Forgetful() if directory is None else Store(directory)
