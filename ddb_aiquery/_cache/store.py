"""The store: its parts over one database."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from ddb_aiquery._cache.answers import Answers
from ddb_aiquery._cache.board import Board
from ddb_aiquery._cache.claims import Claiming
from ddb_aiquery._cache.database import Database
from ddb_aiquery._cache.ledger import Ledger
from ddb_aiquery._cache.listing import Listing
from ddb_aiquery._cache.notes import Notes


class Store(Answers, Notes, Claiming, Board, Ledger, Listing):
    """Answers, claims, shared pace, the day's money and the runs, in one file, for any number of threads.

    Every method raises CacheError where the disk says no. Nothing here ever sees a header or a credential.
    """

    def __init__(self, directory: Path | None) -> None:
        super().__init__(Database(directory))

    @property
    def notices(self) -> list[str]:
        """What the user should be told once: a damaged file was moved aside, the cache can only be read, ..."""
        return self._database.notices

    @property
    def alone(self) -> bool:
        """Tell whether no other process can see this store."""
        return self._database.in_memory

    def forget(self) -> None:
        """End a run: a store in a file keeps everything, so it does nothing."""

    def close(self) -> None:
        """Close the file and give up every claim; the next call opens it again."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Forgetful(Store):
    """The store of a process that runs without a cache: it behaves the same, in memory, until `forget`."""

    def __init__(self) -> None:
        super().__init__(None)

    def forget(self) -> None:
        """End a run: drop its answers and failures, keep the figures of the runs."""
        self.clear()
