"""Answers by key: what is served, and how outcomes are written down."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from ddb_aiquery._cache.database import Part
from ddb_aiquery._cache.records import answer_row, failure_row, served
from ddb_aiquery._cache.sqlite import SQL, rows
from ddb_aiquery._values import Answer, Failure, Record

_AT_ONCE = 10_000


class Answers(Part):
    """The part of the store that remembers."""

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Answer]:
        """Return the complete answers among the keys, marked `cached`; a damaged row is a miss.

        Raises:
            CacheError: the file cannot be read.
        """
        found: dict[bytes, Answer] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = tuple(keys[start : start + _AT_ONCE])
            found |= self._database.read(lambda connection, some=some: look(connection, some))  # type: ignore[misc]
        return found

    def put_many(self, records: Sequence[Record]) -> None:
        """Write the outcomes in one transaction; durable on return. Claims stay: one on an answered key stops nobody.

        The latest answer of a key is kept, and so is its latest failure, with the cost of all of them. A failure
        never hides an answer and is never served.

        Raises:
            CacheError: the file cannot be written; nothing of these is.
        """
        answers = [answer_row(record, record.outcome) for record in records if isinstance(record.outcome, Answer)]
        failures = [failure_row(record, record.outcome) for record in records if isinstance(record.outcome, Failure)]
        checksums = {row[0]: row[11] for row in answers}

        def work(connection: apsw.Connection) -> None:
            connection.executemany(SQL["put_answer"], answers)
            connection.executemany(SQL["put_failure"], failures)
            if checksums and dict(rows(connection, "findable", {"keys": apsw.carray(tuple(checksums))})) != checksums:
                raise apsw.CorruptError("an answer that was written is not found")  # a flipped bit in the index

        if records:
            self._database.write(work)


def look(connection: apsw.Connection, keys: tuple[bytes, ...]) -> dict[bytes, Answer]:
    """Return the sound answers among the keys, as of this transaction."""
    return served(rows(connection, "look", {"keys": apsw.carray(keys)})) if keys else {}
