"""How many calls at once: one Pace per endpoint keeps it as busy as it can bear.

It opens at the configured concurrency, since most endpoints are slower than they are limited, and cuts when calls
fail as they do under load. A cut is a trial: if it did not help, the failures were not congestion, the cut is undone
and that rate of failure is tolerated (research/reliability.md 3.2). Driven by the caller's clock; nothing waits here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ddb_aiquery._engine.rates import Rates
from ddb_aiquery._values import NOTHING, Failure, Kind

FULL = 0.1
"""What `admit` says when every place is taken: ask again when a call ends, or at the latest after these seconds."""

_LOAD = {Kind.NOT_SENT, Kind.REJECTED, Kind.FAILED, Kind.AMBIGUOUS}
"""Failures that fewer calls at once may cure."""
_SCOUTS = 8
"""Calls that go ahead while nothing is known of the endpoint: a wrong key costs 8 calls, not 1,024."""
_SCOUT_SECONDS = 1.0
_WINDOW_SECONDS = 0.5
_WINDOW = 40
_EARLY = 16
_LONGEST_COOLDOWN = 3600.0


class Pace:
    """Decides when the next call to one endpoint may go; `limit` and `in_flight` are calls, times monotonic seconds."""

    __slots__ = (
        "_bad",
        "_first",
        "_found",
        "_need",
        "_opened",
        "_peak",
        "_seen",
        "_since",
        "_stale",
        "_tolerated",
        "_trial",
        "_width",
        "cooldown_until",
        "in_flight",
        "limit",
        "max_concurrency",
        "rates",
    )

    def __init__(self, max_concurrency: int, rates: Rates | None = None) -> None:
        self.max_concurrency = max_concurrency
        self.rates = rates or Rates()
        self.in_flight = 0
        self.cooldown_until = -math.inf
        self._width = float(max_concurrency)
        self.limit = min(_SCOUTS, max_concurrency)
        self._opened = False
        self._first: float | None = None
        self._found = 0.0  # the width that was last found too wide; 0 for never
        self._tolerated = 0.0
        self._trial: tuple[float, float] | None = None
        self._stale = 0
        self._restart(0.0)

    def admit(self, now: float, tokens: float = 0.0) -> float:
        """Count a call in flight and return 0.0 if it may go now, else the seconds after which to ask again."""
        if self.in_flight >= self.limit and not self._open_late(now):
            return FULL
        if now < self.cooldown_until:
            return self.cooldown_until - now
        wait = self.rates.admit(now, tokens)
        if wait > 0.0:
            return wait
        self.in_flight += 1
        if self.in_flight > self._peak:
            self._peak = self.in_flight
        if self._first is None:
            self._first = now
        return 0.0

    def done(
        self,
        now: float,
        failure: Failure | None = None,
        headers: Mapping[str, str] = NOTHING,
        reserved: float = 0.0,
        used: float = 0.0,
    ) -> None:
        """Count a call as ended: how it failed, the reply's headers, and the tokens reserved for it and used by it."""
        self.in_flight -= 1
        if headers:
            self.rates.learn(headers, now)
        if reserved != used:
            self.rates.settle(reserved, used)
        if failure is not None and failure.wait is not None and failure.kind is Kind.REJECTED:
            self._cool(now, failure.wait)
        if not self._opened:
            self._open()
        if self._stale > 0:  # sent under another limit: says nothing about this one
            self._stale -= 1
            return
        self._seen += 1
        if failure is not None and failure.kind in _LOAD:
            self._bad += 1
            if self._bad == _EARLY and self._bad * 5 >= self._seen * 4:
                self._judge(now)
                return
        if self._seen >= self._need and now - self._since >= _WINDOW_SECONDS:
            self._judge(now)

    def abandoned(self, reserved: float = 0.0) -> None:
        """Count a call as ended without a verdict: it was cancelled, or never sent."""
        self.in_flight -= 1
        if reserved:
            self.rates.settle(reserved, 0.0)

    def _open_late(self, now: float) -> bool:
        """Let everyone go when the scouts are slow: a reply that takes minutes must not hold the rest back."""
        if self._opened or self._first is None or now - self._first < _SCOUT_SECONDS:
            return False
        self._open()
        return self.in_flight < self.limit

    def _open(self) -> None:
        self._opened = True
        self.limit = max(1, int(self._width))

    def _cool(self, now: float, wait: float) -> None:
        if wait > 0.0:  # false for NaN
            self.cooldown_until = max(self.cooldown_until, now + min(wait, _LONGEST_COOLDOWN))

    def _judge(self, now: float) -> None:
        """End a window of calls: widen, cut, or take a cut back."""
        share = self._bad / self._seen
        if self._trial is not None and self._undone(share):
            self._restart(now)
            return
        self._tolerated *= 0.98
        likely = max(share, 0.02)
        slack = 0.02 + 1.5 * math.sqrt(likely * (1.0 - likely) / self._seen)
        if share > self._tolerated + slack:
            self._trial = (self._width, share)
            self._found = self._width
            self._resize(self._width * (0.5 if share >= 0.4 else 0.7))  # noqa: PLR2004
        elif self._peak >= self.limit:
            self._resize(self._width + max(0.5, math.sqrt(self._width) / 4))
        self._restart(now)

    def _undone(self, share: float) -> bool:
        """Take the last cut back if it left the share of failures where it was."""
        assert self._trial is not None  # noqa: S101
        width, before = self._trial
        self._trial = None
        if share <= 0.7 * before:  # noqa: PLR2004
            return False
        self._tolerated = max(self._tolerated, (share + before) / 2)
        self._resize(width)
        return True

    def _resize(self, width: float) -> None:
        self._width = min(float(self.max_concurrency), max(1.0, width))
        self.limit = max(1, int(self._width))

    def _restart(self, now: float) -> None:
        self._since = now
        self._seen = self._bad = 0
        self._peak = 0
        self._stale = self.in_flight
        self._need = max(_WINDOW, 2 * self.limit)
