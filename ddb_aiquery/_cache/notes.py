"""What reading an answer showed, added to the answer that is kept: the text stays what the model wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ddb_aiquery._cache.database import Part
from ddb_aiquery._cache.records import answer_fields
from ddb_aiquery._cache.sqlite import SQL
from ddb_aiquery._values import Answer


class Notes(Part):
    """The part of the store that learns more about an answer after it was written down."""

    def note_many(self, notes: Sequence[tuple[bytes, Answer, str]]) -> None:
        """Give the answer kept under each key another note; one that is not this very answer any more keeps its own.

        Raises:
            CacheError: the file cannot be written.
        """
        changes = []
        for key, answer, note in notes:
            *_, before = answer_fields(key, answer)
            noted = answer_fields(key, replace(answer, note=note))
            changes.append((noted[5], noted[-1], key, before))
        self._database.write(lambda it: it.executemany(SQL["put_note"], changes), durable=False)
