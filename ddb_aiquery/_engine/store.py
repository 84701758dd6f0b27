"""What the engine needs from the cache."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ddb_aiquery._engine.shared import Board
from ddb_aiquery._values import Answer, Claims, Record


class Store(Board, Protocol):
    """Answers by key, shared by processes. Every method raises CacheError where the disk says no."""

    @property
    def notices(self) -> list[str]:
        """What the user should be told once."""

    def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, Answer]:
        """Return the complete answers among `keys`."""

    def put_many(self, records: Sequence[Record]) -> None:
        """Write outcomes down; durable when it returns."""

    def note_many(self, notes: Sequence[tuple[bytes, Answer, str]]) -> None:
        """Give stored answers another note: key, answer as it was read, new note."""

    def claim_many(self, keys: Sequence[bytes]) -> Claims:
        """Become the asker of every key that nobody has answered or is asking."""

    def release_many(self, keys: Collection[bytes]) -> None:
        """Give claims up without an answer."""

    def leave(self) -> None:
        """Give all claims up: nothing more will be asked from here."""

    def reserve(self, day: str, amount: int, limit: int) -> bool:
        """Reserve micro-dollars of a day if its limit allows."""

    def settle(self, day: str, reserved: int, spent: int) -> None:
        """Turn a reservation into what was spent."""

    def runs(self) -> list[dict[str, Any]]:
        """Return what `record_run` wrote, oldest first."""

    def answers(self) -> Iterator[Any]:
        """Yield the kept answers in Arrow batches."""

    def failures(self) -> Iterator[Any]:
        """Yield the failures in Arrow batches."""

    def record_run(self, row: Mapping[str, Any]) -> None:
        """Write one statement's figures down."""

    def forget(self) -> None:
        """End a Run: a store without a disk drops its answers."""
