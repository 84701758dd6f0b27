"""Requests and tokens a minute: buckets that are set, or learnt from what an endpoint says about its limits.

Headers are untrusted numbers: what is not finite, not positive or not about a minute is
ignored, `remaining` may only lower a level, and a limit that is not confirmed for ten minutes is forgotten.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

FORGET_AFTER = 600.0
"""Seconds for which a learnt limit holds without being confirmed."""
_SAFETY = 0.98
_BURST_SECONDS = 0.5
_SLICE_SECONDS = 0.1
_POLL = 0.02
"""Seconds between looks for what was leased."""
_MINUTE = 60.0
_LONGEST_RESET = 61.0
"""A reset further away speaks of a day's quota, not of a pace."""
_MOST = 1e12

_DURATION = re.compile(
    r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,12}(?:\.\d{1,9})?)ms)?"
)

_PROBES = ("x-ratelimit-limit-requests", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-requests",
           "x-ratelimit-remaining-tokens", "anthropic-ratelimit-requests-limit")  # fmt: skip


class Bucket:
    """A token bucket that may go into debt, so that one call larger than the bucket is late and not impossible.

    It fills with time, or, once `leased`, by what is granted to it out of a bucket that several processes share.
    """

    __slots__ = ("_at", "_lack", "capacity", "confirmed", "fill", "leased", "level")

    def __init__(self, per_minute: float, now: float, *, confirmed: float = math.inf) -> None:
        self.level = math.inf
        self._at = now
        self.confirmed = confirmed
        self.leased = False
        self._lack = 0.0
        self.set_limit(per_minute)

    def set_limit(self, per_minute: float) -> None:
        """Change the limit; the level never rises by it."""
        self.fill = _SAFETY * per_minute / _MINUTE
        self.capacity = max(1.0, _BURST_SECONDS * self.fill)
        self.level = min(self.level, self.capacity)

    def wait(self, now: float, amount: float) -> float:
        """Return the seconds until `amount` may be taken, 0.0 for now."""
        if now > self._at:
            if not self.leased:
                self.level = min(self.capacity, self.level + (now - self._at) * self.fill)
            self._at = now
        missing = min(amount, self.capacity) - self.level
        if missing <= 1e-9:  # noqa: PLR2004  rounding of the refill
            return 0.0
        self._lack = missing
        return min(missing / self.fill, _POLL) if self.leased else missing / self.fill

    def slice(self) -> float:
        """Return what to lease next: what one call lacks, or a tenth of a second's worth."""
        return min(self.capacity, max(1.0, self._lack, self.fill * _SLICE_SECONDS))

    def grant(self, amount: float) -> None:
        """Add what was leased."""
        self.level += amount
        self._lack = 0.0

    def take(self, amount: float) -> None:
        """Take `amount`, or give back a negative one."""
        self.level = min(self.capacity, self.level - amount)

    def lower(self, remaining: float) -> None:
        """Believe the endpoint when it says that less is left."""
        self.level = min(self.level, remaining)


class Rates:
    """The buckets of one endpoint. `requests` and `tokens` are the user's limits a minute, None where unset."""

    __slots__ = ("_set_requests", "_set_tokens", "requests", "tokens")

    def __init__(self, requests: float | None = None, tokens: float | None = None) -> None:
        self._set_requests = requests
        self._set_tokens = tokens
        self.requests = None if requests is None else Bucket(requests, 0.0)
        self.tokens = None if tokens is None else Bucket(tokens, 0.0)

    def admit(self, now: float, tokens: float) -> float:
        """Take one request and `tokens` if both buckets have them now (0.0), else return the seconds to wait."""
        requests, amount = self.requests, self.tokens
        if requests is None and amount is None:
            return 0.0
        self._forget(now)
        wait = 0.0 if requests is None else requests.wait(now, 1.0)
        if amount is not None:
            wait = max(wait, amount.wait(now, tokens))
        if wait > 0.0:
            return wait
        if requests is not None:
            requests.take(1.0)
        if amount is not None:
            amount.take(tokens)
        return 0.0

    def settle(self, reserved: float, used: float) -> None:
        """Replace the tokens that a call reserved by those it used."""
        if self.tokens is not None and reserved != used:
            self.tokens.take(used - reserved)

    def give_back(self, tokens: float) -> None:
        """Put back what `admit` took for a call that was not made."""
        if self.requests is not None:
            self.requests.take(-1.0)
        self.settle(tokens, 0.0)

    def learn(self, headers: Mapping[str, str], now: float) -> None:
        """Read the limits a reply carries; names in lower case. Costs a few look-ups where there are none."""
        for probe in _PROBES:
            if probe in headers:
                break
        else:
            return
        self.requests = _learnt(self.requests, *read_limit(headers, "requests"), self._set_requests, now)
        self.tokens = _learnt(self.tokens, *read_limit(headers, "tokens"), self._set_tokens, now)

    def share(self) -> bool:
        """Let the buckets there are be filled by leases alone; False where there is none."""
        for bucket in (self.requests, self.tokens):
            if bucket is not None and not bucket.leased:
                bucket.leased, bucket.level = True, min(bucket.level, 0.0)
        return self.requests is not None or self.tokens is not None

    def unshare(self) -> None:
        """Let the buckets fill with time."""
        for bucket in (self.requests, self.tokens):
            if bucket is not None:
                bucket.leased = False

    def lacking(self) -> list[tuple[str, Bucket]]:
        """Return the leased buckets that hold less than a slice, by name."""
        named = (("requests", self.requests), ("tokens", self.tokens))
        return [(name, it) for name, it in named if it is not None and it.leased and it.level < it.slice()]

    def _forget(self, now: float) -> None:
        if self.requests is not None and now - self.requests.confirmed > FORGET_AFTER:
            self.requests = None if self._set_requests is None else Bucket(self._set_requests, now)
        if self.tokens is not None and now - self.tokens.confirmed > FORGET_AFTER:
            self.tokens = None if self._set_tokens is None else Bucket(self._set_tokens, now)


def _learnt(
    bucket: Bucket | None, limit: float | None, left: float | None, own: float | None, now: float
) -> Bucket | None:
    if limit is not None:
        limit = limit if own is None else min(limit, own)
        if bucket is None:
            bucket = Bucket(limit, now)
        bucket.set_limit(limit)
        bucket.confirmed = now
    if bucket is not None and left is not None:
        bucket.lower(left)
    return bucket


def read_limit(headers: Mapping[str, str], unit: str) -> tuple[float | None, float | None]:
    """Return (limit a minute, remaining) for `unit` ("requests" or "tokens"), None where not said or not credible."""
    openai = "x-ratelimit-{}-" + unit
    anthropic = "anthropic-ratelimit-" + unit + "-{}"
    for shape in (openai, anthropic):
        limit = number(headers.get(shape.format("limit")))
        left = number(headers.get(shape.format("remaining")))
        if not limit:  # -1 and 0 mean unknown (Azure)
            limit = left = None
        reset = duration(headers.get(shape.format("reset")), headers.get("date"))
        if reset is not None and reset > _LONGEST_RESET:
            limit = left = None
        if limit is not None or left is not None:
            return limit, left
    return None, None


def number(text: str | None) -> float | None:
    """Read a count: finite, not negative, at most 1e12; None for anything else."""
    if text is None or len(text) > 32:  # noqa: PLR2004  no count is longer
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 <= value <= _MOST else None


def duration(text: str | None, date: str | None = None) -> float | None:
    """Read a reset: seconds, `6m0s`, `120ms`, `17h3m`, or an RFC 3339 time, which is taken against `date`.

    `date` is the reply's own Date header, so that a wrong clock here does no harm. None where it cannot be read.
    """
    if not text or len(text) > 64:  # noqa: PLR2004
        return None
    plain = number(text)
    if plain is not None:
        return plain
    parts = _DURATION.fullmatch(text)
    if parts:
        days, hours, minutes, seconds, millis = (float(part or 0) for part in parts.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + seconds + millis / 1000
    return _until(text, date)


def _until(text: str, date: str | None) -> float | None:
    if date is None:
        return None
    try:
        wait = (datetime.fromisoformat(text) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, wait), _MOST)
