"""How many calls at once: one Pace per endpoint keeps it as busy as it can bear.

It opens at the configured concurrency, since most endpoints are slower than they are limited, and cuts when calls
fail as they do under load. Every cut is a trial: if it did not help, the failures were not congestion, the cut is taken
back and that share of failures tolerated. Widths that failed are remembered and tried
again ever more rarely. Driven by the caller's clock; nothing waits here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ddb_aiquery._engine.rates import Rates
from ddb_aiquery._values import NOTHING, Failure, Kind

FULL = 0.1
"""What `admit` says when every place is taken: ask again when a call ends, or at the latest after these seconds."""

_LOAD = frozenset({Kind.NOT_SENT, Kind.REJECTED, Kind.FAILED, Kind.AMBIGUOUS})
"""Failures that fewer calls at once may cure."""
_SCOUTS = 64
"""Calls that go ahead while nothing is known of the endpoint: a wrong key costs 64 calls, not 1,024."""
_SCOUT_SECONDS = 1.0
_WINDOW = 100
"""Calls to judge by; fewer cannot tell 2 % of failures from 6 %."""
_LONG_WINDOW = 400
_WINDOW_SECONDS = 0.5
_EARLY = 16
_EARLY_SHARE = 0.5
"""So many failures, and more than this share of the calls, end a window early."""
_ROUND = 64
_GRACE = 0.01
"""Share of failures that is no reason to do anything."""
_HOPELESS = 0.5
_DEAD = 0.95
_HELPED = 0.7
_REAL_CUT = 0.7
"""Only a cut to this part of the width tells whether cutting helps."""
_LONGEST_COOLDOWN = 3600.0
_SHORT_COOLDOWN = 5.0
_RAREST_PROBE = 64


class Pace:
    """Decides when the next call to one endpoint may go.

    `limit` and `in_flight` are calls, `cooldown_until` is the clock's second before which the endpoint wants none.
    """

    __slots__ = (
        "_bad",
        "_calm",
        "_ceiling",
        "_first",
        "_good",
        "_need",
        "_opened",
        "_peak",
        "_probe",
        "_random",
        "_rejected",
        "_seen",
        "_since",
        "_stale",
        "_step",
        "_tolerated",
        "_trial",
        "cooldown_until",
        "in_flight",
        "limit",
        "max_concurrency",
        "rates",
    )

    def __init__(
        self, max_concurrency: int, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        self.max_concurrency = max_concurrency
        self.rates = Rates(requests_per_minute, tokens_per_minute)
        self.in_flight = 0
        self.cooldown_until = -math.inf
        self.limit = min(_SCOUTS, max_concurrency)
        self._opened = False
        self._first = math.inf  # when the first scout went
        self._good = 0  # the last width without congestion
        self._ceiling = max_concurrency + 1  # the least width known to be too much
        self._probe = 1  # calm windows before the ceiling is tried again
        self._calm = 0
        self._step = 1
        self._tolerated = 0.0
        self._random = False  # rejections come whatever the load
        self._trial: tuple[int, float] | None = None  # width and share of failures before the cut
        self._peak = self._stale = self._seen = self._bad = self._rejected = 0
        self._since = 0.0
        self._need = max(_WINDOW, 2 * max_concurrency)

    def admit(self, now: float, tokens: float = 0.0) -> float:
        """Count a call in flight and return 0.0 if it may go now, else the seconds after which to ask again."""
        if self.in_flight >= self.limit and not self._opens_late(now):
            return FULL
        if now < self.cooldown_until:
            return self.cooldown_until - now
        wait = self.rates.admit(now, tokens)
        if wait > 0.0:
            return wait
        self.in_flight += 1
        if self.in_flight > self._peak:  # noqa: PLR1730  a call to max() costs more than the rest
            self._peak = self.in_flight
        if not self._opened and now < self._first:
            self._first = now
        return 0.0

    def done(
        self,
        now: float,
        failure: Failure | None = None,
        used: float = 0.0,
        headers: Mapping[str, str] = NOTHING,
        *,
        reserved: float = 0.0,
    ) -> None:
        """Count a call as ended: how it failed, the tokens it used, the reply's headers, and what `admit` was given.

        `reserved` is the number of tokens that `admit` took for this call; the difference to `used` is settled.
        """
        self.in_flight -= 1
        if headers:
            self.rates.learn(headers, now)
        if reserved != used and (failure is None or failure.kind is not Kind.AMBIGUOUS):
            self.rates.settle(reserved, used)
        if not self._opened:
            self._open()
        if failure is not None and failure.kind is Kind.REJECTED:
            self._cool(now, failure.wait)
        if self._stale > 0:
            self._stale -= 1
            return
        self._seen += 1
        if failure is not None and failure.kind in _LOAD:
            self._bad += 1
            self._rejected += failure.kind is Kind.REJECTED
            # The quick ends of a round of calls are no fair sample of it, so of a narrow one all are waited for.
            early = self._bad >= _EARLY and self._seen >= min(self._peak, _ROUND)
            if early and self._bad >= (_EARLY_SHARE + self._tolerated / 2) * self._seen and self._may_be_early():
                self._judge(now)
                return
        if self._seen >= self._need and now - self._since >= _WINDOW_SECONDS:
            self._judge(now)

    def _may_be_early(self) -> bool:
        """Tell whether a short window is enough: not to find that a cut was no help, unless all is hopeless."""
        return self._trial is None or self._bad >= _HOPELESS * self._seen

    def not_sent(self, *, reserved: float) -> None:
        """Take back an admission: the call was not made, so its place, its request and its tokens are free again."""
        self.in_flight -= 1
        self.rates.give_back(reserved)

    def _opens_late(self, now: float) -> bool:
        """Let everyone go when the scouts are slow: a reply that takes minutes must not hold the rest back."""
        if self._opened or now - self._first < _SCOUT_SECONDS:
            return False
        self._open()
        return self.in_flight < self.limit

    def _open(self) -> None:
        self._opened = True
        self.limit = self.max_concurrency

    def _cool(self, now: float, wait: float | None) -> None:
        """Let all questions wait as one was told, unless short waits are told at random, whatever the load."""
        if wait is None or not wait > 0.0 or (self._random and wait <= _SHORT_COOLDOWN):  # not > is true for NaN
            return
        self.cooldown_until = max(self.cooldown_until, now + min(wait, _LONGEST_COOLDOWN))

    def _judge(self, now: float) -> None:
        """End a window of calls: widen, cut, or take a cut back."""
        width, share = self.limit, self._bad / self._seen
        likely = max(share, 0.01)
        noise = math.sqrt(likely * (1.0 - likely) / self._seen)
        if not self._on_trial(share):
            excess = share - self._tolerated - _GRACE
            if excess > 1.5 * noise:
                self._cut(share)
            elif excess > 0.3 * noise and self._seen < _LONG_WINDOW:
                self._need = min(_LONG_WINDOW, self._seen + _WINDOW)  # cannot tell yet
                return
            else:
                self._tolerated = min(self._tolerated, max(share, self._tolerated * self._memory(share)))
                self._widen()
        self._since = now
        # Calls sent at another width say nothing about this one, and the slow ones among them end among the new.
        self._stale = 0 if self.limit == width else self.in_flight + self.limit
        self._need = max(_WINDOW, 2 * self.limit)
        self._peak = self._seen = self._bad = self._rejected = 0

    def _memory(self, share: float) -> float:
        """Return how much of the tolerance lasts: what is random stays, so a share far below it refutes it."""
        noise = math.sqrt(self._tolerated * (1.0 - self._tolerated) / self._seen)
        return 0.5 if self._tolerated - share > 4 * noise else 0.98

    def _on_trial(self, share: float) -> bool:
        """Judge the last cut, if there was one, and tell whether that settles this window."""
        if self._trial is None:
            return False
        width, before = self._trial
        noise = 2 * math.sqrt((before * (1.0 - before) + share * (1.0 - share)) / self._seen)
        if share <= _HELPED * before or before - share > noise:
            self._trial = None
            return False
        # Where most calls fail, only the bottom tells whether that is chance; where all do, not even the bottom.
        hopeless = share >= _HOPELESS and (self.limit > 1 or share >= _DEAD)
        if hopeless or self.limit > _REAL_CUT * width:
            self._ceiling = min(self._ceiling, self.limit)
            self.limit = max(1, int(self.limit * _kept(share)) if hopeless else int(_REAL_CUT * width))
            return True
        self._trial = None
        self._tolerated = max(self._tolerated, (share + before) / 2)
        self._random = self._rejected > 0
        self.limit, self._ceiling = width, max(self._ceiling, width + 1)
        return True

    def _cut(self, share: float) -> None:
        self._trial = (self.limit, share)
        self._random = False
        if self.limit >= self._ceiling:
            self._probe = min(_RAREST_PROBE, 2 * self._probe)
        self._ceiling = self.limit
        self._calm, self._step = 0, 1
        if 0 < self._good < self.limit:
            self.limit = self._good
        else:
            self.limit = max(1, int(self.limit * _kept(share)))

    def _widen(self) -> None:
        """Halve the way to the ceiling; just below it, wait until it is time to try it again."""
        if self._peak < self.limit:  # the width was not used, so nothing was learnt about it
            return
        self._good = self.limit
        if self.limit >= self._ceiling:  # the ceiling held this time: raise it, ever faster
            self._ceiling = min(self.max_concurrency + 1, self.limit + self._step + 1)
            self._step *= 2
            self._probe = max(1, self._probe // 2)
        self._calm += 1
        if self.limit + 1 < self._ceiling:
            self.limit += (self._ceiling - self.limit) // 2
        elif self._calm >= self._probe and self._ceiling <= self.max_concurrency:
            self._calm = 0
            self.limit = self._ceiling


def _kept(share: float) -> float:
    """Return the part of the width to keep after such a share of failures: a little more than what got through."""
    return min(_REAL_CUT if share < 0.4 else 0.5, max(0.4, 1.4 * (1.0 - share)))  # noqa: PLR2004
