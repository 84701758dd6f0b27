"""Whether to ask again: decided by what is known about the bill, never by an exception's type.

Each class of failure has its limit and its jitter. Two rules are added. A row that fails no oftener than the endpoint's
general luck explains is not to blame, so its limit stretches while chance can account for it. And a row that is given
up while nobody at all gets an answer speaks for the whole endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ddb_aiquery._engine.luck import Luck
from ddb_aiquery._values import CONNECT_SECONDS, Failure, Kind

_FINAL = {Kind.ROW, Kind.REFUSED, Kind.TRUNCATED, Kind.CAST, Kind.CANCELLED, Kind.BUDGET}
_COUNTED = {Kind.FAILED, Kind.AMBIGUOUS, Kind.INVALID}
_SCALING_UP = 503
_CHANCE_ENOUGH = 0.001
"""A streak expected in fewer than one statement in a thousand is no accident."""
_ABSENT = 5.0
"""Seconds beyond a connection's time after which an endpoint is down where nobody was ever met: that is no hiccup but a
wrong address, or a server that was not started."""
_LIVELY = 2.0
"""Seconds in which somebody else's answer shows that calls get through, and a wait that suits that."""
_STREAK = 20
"""Failures in a row, over all questions, before silence is taken for an endpoint that is down."""


@dataclass(frozen=True, slots=True)
class Stamina:
    """How long to go on: seconds for times, re-sends for counts.

    `ambiguous_share` bounds the re-sends that may be paid twice, as a share of the statement's calls;
    `ambiguous_floor` of them are allowed before the share is looked at, so that a small statement may retry too.
    """

    row_deadline: float = 600.0
    cold_start: float = 900.0
    down_after: float = 60.0
    """Seconds without an answer after which an endpoint is down."""
    connect: float = CONNECT_SECONDS
    """Seconds after which a call has a connection, or has failed."""
    failed: int = 8
    ambiguous: int = 5
    invalid: int = 2
    ambiguous_share: float = 0.25
    ambiguous_floor: int = 20
    base: float = 0.5
    cap: float = 30.0
    max_wait: float = 3600.0


@dataclass(frozen=True, slots=True)
class Attempts:
    """One question's failures so far. `since` is when the first came, less the time it was made to wait."""

    since: float | None = None
    parked: float = 0.0
    delay: float = 0.0
    failed: int = 0
    ambiguous: int = 0
    invalid: int = 0
    rejected: int = 0

    def held(self, seconds: float) -> Attempts:
        """Return the record with time that was spent waiting for a turn taken off the row's account."""
        return self if self.since is None else replace(self, since=self.since + seconds)


FRESH = Attempts()


@dataclass(frozen=True, slots=True)
class Again:
    """Ask once more, `wait` seconds from now; `attempts` replaces the question's record."""

    wait: float
    attempts: Attempts


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Ask no more. `endpoint` is true where no other question has a chance either."""

    reason: str
    endpoint: bool = False


def decide(
    stamina: Stamina,
    attempts: Attempts,
    failure: Failure,
    luck: Luck,
    now: float,
    chance: Callable[[], float],
) -> Again | GiveUp:
    """Say whether the question is asked again, and when; `chance` draws uniformly from [0, 1).

    For an ambiguous failure that is asked again, `luck.resent` is raised: that is the only thing changed.
    """
    if failure.kind in _FINAL or failure.kind is Kind.ENDPOINT:
        return GiveUp(failure.message, endpoint=failure.kind is Kind.ENDPOINT)
    seen = _counted(attempts, failure.kind, now)
    again = _again(stamina, seen, failure, _longest(stamina, seen, luck, now), chance())
    reason = _limit_reached(stamina, seen, failure, luck, now) or _too_late(stamina, seen, failure, now + again.wait)
    if reason:
        return GiveUp(f"{failure.message} ({reason})", endpoint=_is_down(stamina, failure.kind, luck, now))
    if failure.kind is Kind.AMBIGUOUS:
        luck.resent += 1
    return again


def _counted(attempts: Attempts, kind: Kind, now: float) -> Attempts:
    since = now if attempts.since is None else attempts.since
    return Attempts(
        since=since,
        parked=attempts.parked,
        delay=attempts.delay,
        failed=attempts.failed + (kind is Kind.FAILED),
        ambiguous=attempts.ambiguous + (kind is Kind.AMBIGUOUS),
        invalid=attempts.invalid + (kind is Kind.INVALID),
        rejected=attempts.rejected + (kind is Kind.REJECTED),
    )


def _limit_reached(stamina: Stamina, seen: Attempts, failure: Failure, luck: Luck, now: float) -> str:
    """Name the limit that ends the question, or return an empty string."""
    if failure.kind in _COUNTED:
        return _count_reached(stamina, seen, failure.kind, luck)
    elapsed = now - (now if seen.since is None else seen.since)
    down_after = _down_after(stamina, luck)
    silent = now - luck.heard >= down_after
    if failure.kind is Kind.NOT_SENT:
        limit = down_after if silent else stamina.row_deadline
    elif silent:
        limit = stamina.cold_start if failure.status == _SCALING_UP else stamina.row_deadline
    else:
        # A rejection is never the row's own fault: while others are answered, it keeps its place.
        limit = stamina.max_wait
    if elapsed >= limit:
        return f"tried for {elapsed:.0f} s"
    if seen.parked >= stamina.max_wait:
        return f"waited {seen.parked:.0f} s as told by the endpoint"
    return ""


def _too_late(stamina: Stamina, seen: Attempts, failure: Failure, next_time: float) -> str:
    """Name the row's deadline where the next call would begin after it; rejections have a limit of their own."""
    if failure.kind is Kind.REJECTED or seen.since is None or next_time - seen.since <= stamina.row_deadline:
        return ""
    return f"no time for another call within {stamina.row_deadline:.0f} s"


def _count_reached(stamina: Stamina, seen: Attempts, kind: Kind, luck: Luck) -> str:
    count: int = getattr(seen, kind.value)
    limit: int = getattr(stamina, kind.value)
    if count > limit and not _accident(count, kind, luck):
        return f"asked {count} times"
    if kind is Kind.AMBIGUOUS and luck.resent >= stamina.ambiguous_floor + stamina.ambiguous_share * luck.calls:
        return f"{luck.resent} of {luck.calls} calls were already sent again without knowing whether they are billed"
    return ""


def _accident(count: int, kind: Kind, luck: Luck) -> bool:
    """Tell whether bad luck at the endpoint's usual rate would give some row of this statement `count` failures."""
    others = luck.calls - count
    share = (luck.failures.get(kind, 0) - count) / others if others > 0 else 0.0
    return 0 < share <= 1 / 2 and others * share**count >= _CHANCE_ENOUGH


def _down_after(stamina: Stamina, luck: Luck) -> float:
    return stamina.down_after if luck.met else min(stamina.down_after, stamina.connect + _ABSENT)


def _is_down(stamina: Stamina, kind: Kind, luck: Luck, now: float) -> bool:
    silent = now - luck.heard >= _down_after(stamina, luck)
    return silent and (kind is Kind.NOT_SENT or luck.streak >= _STREAK)


def _longest(stamina: Stamina, seen: Attempts, luck: Luck, now: float) -> float:
    """Return the most that a row waits untold.

    While others are being answered, the endpoint is spared by its Pace: long waits would only hold up the last rows.
    """
    tries = seen.failed + seen.ambiguous + seen.invalid + seen.rejected
    lively = now - luck.heard < _LIVELY and tries <= stamina.failed
    return min(stamina.cap, _LIVELY) if lively else stamina.cap


def _again(stamina: Stamina, seen: Attempts, failure: Failure, longest: float, chance: float) -> Again:
    """Wait as told, spread by up to a quarter; untold, by decorrelated jitter."""
    jitter = min(longest, stamina.base + chance * (3 * max(seen.delay, stamina.base) - stamina.base))
    told = failure.wait if failure.wait is not None and failure.wait > 0 else 0.0
    if not told:
        return Again(jitter, replace(seen, delay=jitter))
    wait = min(told, stamina.max_wait) * (1 + chance / 4)
    if seen.rejected > stamina.failed:  # told a short wait again and again: stop believing it
        wait, seen = max(wait, jitter), replace(seen, delay=jitter)
    return Again(wait, replace(seen, since=(seen.since or 0.0) + wait, parked=seen.parked + wait))
