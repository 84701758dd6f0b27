"""A store that goes on where the disk does not: a full or read-only cache costs the keeping, never the query."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from pathlib import Path

from ddb_aiquery._cache.store import Forgetful, Store
from ddb_aiquery._values import Answer, Claims, Record
from ddb_aiquery.errors import CacheError


class Enduring(Store):
    """A Store that keeps in memory what it cannot write, says so once, and tries the disk again each time.

    Money is another matter: `reserve` and `settle` raise, since a limit that cannot be written down cannot be kept.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._spare = Forgetful()
        self._spared = False

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Answer]:
        """Return the answers among the keys: those on disk, and those that could not be written there."""
        try:
            found = super().get_many(keys)
        except CacheError as error:
            self._say(error)
            found = {}
        missing = [key for key in keys if key not in found] if self._spared else ()
        return found | self._spare.get_many(missing) if missing else found

    def put_many(self, records: Sequence[Record]) -> None:
        """Write outcomes down, in memory where the disk refuses."""
        try:
            super().put_many(records)
        except CacheError as error:
            self._say(error)
            self._spare.put_many(records)

    def claim_many(self, keys: Collection[bytes]) -> Claims:
        """Claim keys; on a disk that refuses, every key that has no answer is ours: others cannot be asked."""
        try:
            claims = super().claim_many(keys)
        except CacheError as error:
            self._say(error)
            answered = self.get_many(list(keys))
            return Claims(frozenset(keys) - answered.keys(), answered, frozenset())
        if not self._spared or not claims.ours:
            return claims
        spare = self._spare.get_many(list(claims.ours))
        return Claims(claims.ours - spare.keys(), {**claims.answered, **spare}, claims.theirs)

    def release_many(self, keys: Collection[bytes]) -> None:
        """Give claims up; those that cannot be written off end with the process."""
        with contextlib.suppress(CacheError):
            super().release_many(keys)

    def leave(self) -> None:
        """Give every claim up; those that cannot be written off end with the process."""
        with contextlib.suppress(CacheError):
            super().leave()

    def _say(self, error: CacheError) -> None:
        if not self._spared:
            self._spared = True
            since = "" if str(error) in self.notices else f"{error}. "
            self.notices.append(f"{since}Until then answers are kept in memory only, and are lost with this process")
