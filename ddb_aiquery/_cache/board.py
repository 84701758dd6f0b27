"""What processes tell each other about an endpoint."""

from __future__ import annotations

import apsw

from ddb_aiquery._cache.database import Part
from ddb_aiquery._cache.sqlite import SQL, rows

_FAR = 60.0
"""Seconds: two machines' clocks differ by less, so one that steps back by more was set right."""


class Board(Part):
    """The part of the store that paces several processes as one. None of it needs to survive a power cut."""

    def cooldown(self, endpoint_id: str) -> float:
        """Return until when, in seconds since 1970, the endpoint asked everybody to wait; 0.0 where it did not."""
        found = self._database.read(lambda it: rows(it, "cooldown", (endpoint_id,)))
        return float(found[0][0]) if found else 0.0

    def set_cooldown(self, endpoint_id: str, until: float) -> None:
        """Have every process wait until then; an earlier time than the one known changes nothing."""
        self._database.write(lambda it: it.execute(SQL["set_cooldown"], (endpoint_id, until)), durable=False)

    def take_tokens(self, bucket_id: str, capacity: float, fill_per_second: float, n: float, now: float) -> float:
        """Take n tokens from the bucket that all processes share and return 0.0, or take none and return the wait in s.

        More than the capacity is taken from a full bucket, which then owes the rest. `now` is in seconds since 1970;
        where it stepped back, nothing flows in until it has caught up, or at once anew if it stepped far.
        """

        def work(connection: apsw.Connection) -> float:
            level, at = next(iter(rows(connection, "bucket", (bucket_id,))), (capacity, now))
            if at - now > _FAR:
                at = now
                connection.execute(SQL["set_bucket"], (bucket_id, level, now))
            level = min(capacity, level + max(0.0, now - at) * fill_per_second)
            short = min(n, capacity) - level
            if short > 0:
                return float("inf") if fill_per_second <= 0 else short / fill_per_second
            connection.execute(SQL["set_bucket"], (bucket_id, level - n, now))
            return 0.0

        return self._database.write(work, durable=False)

    def lessons(self, endpoint_id: str) -> dict[str, str]:
        """Return what was learnt about the endpoint, a parameter that it refuses, say."""
        return dict(self._database.read(lambda it: rows(it, "lessons", (endpoint_id,))))

    def learn(self, endpoint_id: str, what: str, value: str) -> None:
        """Remember one thing about the endpoint; what was known under the same name is replaced."""
        self._database.write(lambda it: it.execute(SQL["learn"], (endpoint_id, what, value)), durable=False)
