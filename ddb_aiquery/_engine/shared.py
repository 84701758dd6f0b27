"""What processes tell each other about one endpoint: its lessons, its cooldown, and slices of its rates.

Calls themselves cost no transaction. Ten times a second at most, and only while calls are made, one errand goes to the
store on the writer's thread: it publishes a new cooldown, reads the others', and leases a tenth of a second's worth of
each rate. What a killed process had leased simply evaporates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ddb_aiquery._engine.pace import Pace
from ddb_aiquery._engine.rates import Bucket
from ddb_aiquery._values import Endpoint
from ddb_aiquery.errors import CacheError

_RATED = 0.05
"""Seconds between errands while a rate is leased."""
_UNRATED = 0.5
"""Seconds between looks at the others' cooldown where there is no rate."""


class Board(Protocol):
    """The part of the store that processes share; times are seconds since 1970."""

    @property
    def alone(self) -> bool:
        """Tell whether no other process can see this store."""

    def cooldown(self, endpoint_id: str) -> float:
        """Return until when nobody may call."""

    def set_cooldown(self, endpoint_id: str, until: float) -> None:
        """Let nobody call until then."""

    def take_tokens(self, bucket_id: str, capacity: float, fill_per_second: float, n: float, now: float) -> float:
        """Take n from a bucket and return 0.0, or take none and return the seconds to wait."""

    def lessons(self, endpoint_id: str) -> dict[str, str]:
        """Return what was learnt."""

    def learn(self, endpoint_id: str, what: str, value: str) -> None:
        """Remember one lesson."""


class Shared:
    """One pool's end of the board. `errand` runs a function on the writer's thread, `call` one on the pool's."""

    def __init__(
        self,
        board: Board,
        endpoint: Endpoint,
        pace: Pace,
        errand: Callable[[Callable[[], None]], None],
        call: Callable[..., None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._board = board
        self._id = endpoint_id(endpoint)
        self._pace = pace
        self._errand = errand
        self._call = call
        self._clock = clock
        self._wall_clock = wall_clock
        self._under_way = board.alone  # with nobody to tell, no errand is ever due
        self._next = clock()
        self._told = pace.cooldown_until
        self.lessons: dict[str, str] = {}
        """What the endpoint refuses, by name, and what is sent instead."""
        self._kept = 0
        try:
            self.lessons.update(board.lessons(self._id))
            self._kept = len(self.lessons)
            self._hear(board.cooldown(self._id))
        except CacheError:
            pass  # whoever reads answers will say so

    def tick(self, now: float) -> None:
        """Send an errand where it is time for one; called for every call, so it costs next to nothing."""
        if len(self.lessons) > self._kept:
            self._keep_lessons()
        if self._under_way or (now < self._next and self._pace.cooldown_until <= max(self._told, now)):
            return
        self._next = now + (_RATED if self._pace.rates.share() else _UNRATED)
        self._under_way = True
        self._errand(self._exchange)

    def _keep_lessons(self) -> None:
        new = list(self.lessons.items())[self._kept :]
        self._kept = len(self.lessons)

        def work() -> None:
            for what, instead in new:
                self._board.learn(self._id, what, instead)

        self._errand(work)

    def _exchange(self) -> None:
        """Publish, read and lease; on the writer's thread."""
        board, pace = self._board, self._pace
        granted: list[tuple[Bucket, float]] = []
        try:
            mine = pace.cooldown_until
            if mine > max(self._told, self._clock()):
                board.set_cooldown(self._id, self._wall_clock() + mine - self._clock())
            heard = board.cooldown(self._id)
            later = 0.0
            for name, bucket in pace.rates.lacking():
                amount = bucket.slice()
                wait = board.take_tokens(f"{self._id} {name}", bucket.capacity, bucket.fill, amount, self._wall_clock())
                granted.append((bucket, 0.0 if wait else amount))
                later = max(later, min(wait, _UNRATED))
        except CacheError:
            self._call(pace.rates.unshare)  # a pace of one's own is better than none; `_under_way` stays
            return
        self._call(self._learn, mine, heard, granted, later)

    def _learn(self, mine: float, heard: float, granted: list[tuple[Bucket, float]], later: float) -> None:
        self._told = max(self._told, mine)
        self._hear(heard)
        for bucket, amount in granted:
            bucket.grant(amount)
        self._next = max(self._next, self._clock() + later)
        self._under_way = False
        self.tick(self._clock())  # a cooldown that came meanwhile is news at once

    def _hear(self, until: float) -> None:
        now = self._clock()
        until = now + min(until - self._wall_clock(), 3600.0)
        if until > max(now, self._pace.cooldown_until):
            self._pace.cooldown_until = self._told = until


def endpoint_id(endpoint: Endpoint) -> str:
    """Return what processes know the endpoint by: two names for the same model at the same place are one."""
    return f"{endpoint.provider} {endpoint.base_url} {endpoint.model}"
