"""A virtual clock, scripted servers and the real Pace, Rates and retry policy: what the package does to an endpoint."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from ddb_aiquery._engine.pace import Pace
from ddb_aiquery._engine.retry import FRESH, Again, Attempts, GiveUp, Patience, Luck, decide
from ddb_aiquery._values import NOTHING, Failure, Kind


@dataclass(slots=True)
class Served:
    """One exchange as the server decides it when the call arrives."""

    seconds: float
    kind: Kind | None = None
    wait: float | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    status: int | None = None


class Server(Protocol):
    """A scripted endpoint: `arrive` decides an exchange, `leave` hears of its end."""

    def arrive(self, now: float) -> Served: ...
    def leave(self, now: float, served: Served) -> None: ...


class Steady:
    """Answers every call; `seconds` draws the latency."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.seconds = seconds

    def arrive(self, now: float) -> Served:  # noqa: ARG002
        return Served(self.seconds())

    def leave(self, now: float, served: Served) -> None:
        pass


class Faulty:
    """Puts faults over another server: `mix` gives each kind's share of all calls."""

    def __init__(self, inner: Server, mix: dict[Kind, float], dice: random.Random) -> None:
        self.inner, self.mix, self.dice = inner, mix, dice

    def arrive(self, now: float) -> Served:
        served = self.inner.arrive(now)
        if served.kind is not None:
            return served
        point = self.dice.random()
        for kind, share in self.mix.items():
            point -= share
            if point < 0:
                served.kind = kind
                break
        return served

    def leave(self, now: float, served: Served) -> None:
        self.inner.leave(now, served)


class Limited:
    """Lets `rate` calls a second through (bucket of `burst`), rejects the others at once, telling when the next is free."""

    def __init__(self, inner: Server, rate: float, burst: float, *, headers: bool) -> None:
        self.inner, self.rate, self.burst, self.headers = inner, rate, burst, headers
        self.level, self.at = burst, 0.0

    def arrive(self, now: float) -> Served:
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        fine = self.level >= 1
        self.level -= fine
        headers: Mapping[str, str] = NOTHING
        if self.headers:
            headers = {
                "x-ratelimit-limit-requests": f"{self.rate * 60:.0f}",
                "x-ratelimit-remaining-requests": f"{int(self.level)}",
                "x-ratelimit-reset-requests": f"{1000 * (self.burst - self.level) / self.rate:.0f}ms",
            }
        if fine:
            served = self.inner.arrive(now)
            served.headers = headers
            return served
        return Served(0.02, Kind.REJECTED, (1 - self.level) / self.rate, headers, 429)

    def leave(self, now: float, served: Served) -> None:
        pass


class Collapsing:
    """Works with up to `most` calls in flight; above that every call that comes in fails, after `failing` seconds.

    `hard`: too many at once ruin those that are being served too.
    """

    def __init__(
        self, inner: Server, most: int, failing: Callable[[], float], kind: Kind = Kind.REJECTED, *, hard: bool = False
    ) -> None:
        self.inner, self.most, self.failing, self.kind, self.hard = inner, most, failing, kind, hard
        self.serving: set[int] = set()
        self.ruined: set[int] = set()

    def arrive(self, now: float) -> Served:
        crowded = len(self.serving) >= self.most
        served = Served(self.failing(), self.kind, status=503) if crowded else self.inner.arrive(now)
        if crowded and self.hard:
            self.ruined |= self.serving
        self.serving.add(id(served))
        return served

    def leave(self, now: float, served: Served) -> None:
        self.serving.discard(id(served))
        if id(served) in self.ruined:
            self.ruined.discard(id(served))
            served.kind, served.status = self.kind, 503


@dataclass(slots=True)
class Outcome:
    """What a simulated statement came to."""

    rows: int
    answered: int = 0
    calls: int = 0
    rejected: int = 0
    seconds: float = 0.0
    limits: list[tuple[float, int]] = field(default_factory=list)


def run(
    server: Server,
    rows: int,
    concurrency: int,
    dice: random.Random,
    patience: Patience = Patience(),
) -> Outcome:
    """Ask `rows` questions through the real classes, as the engine does: retries first, then new ones."""
    pace, out, now, order = Pace(concurrency), Outcome(rows), 0.0, count()
    luck = Luck(heard=0.0)
    ready: deque[tuple[Attempts, float]] = deque()
    fresh = rows
    events: list[tuple[float, int, str, Attempts, Served | None]] = []
    asked_at = -1.0
    while True:
        while fresh or ready:
            wait = pace.admit(now)
            if wait:
                if pace.in_flight < pace.limit and asked_at <= now:
                    asked_at = now + wait
                    heapq.heappush(events, (asked_at, next(order), "ask", FRESH, None))
                elif pace.in_flight and not pace._opened and asked_at <= now:
                    asked_at = now + wait
                    heapq.heappush(events, (asked_at, next(order), "ask", FRESH, None))
                break
            if ready:
                attempts, since = ready.popleft()
                attempts = attempts.held(now - since)
            else:
                attempts, fresh = FRESH, fresh - 1
            served = server.arrive(now)
            out.calls += 1
            luck.sent()
            heapq.heappush(events, (now + served.seconds, next(order), "end", attempts, served))
        if not events:
            break
        now, _, what, attempts, served = heapq.heappop(events)
        if what == "again":
            ready.append((attempts, now))
        elif what == "end" and served is not None:
            server.leave(now, served)
            if served.kind is None:
                pace.done(now, None, headers=served.headers)
                luck.answered(now)
                out.answered += 1
                out.seconds = now
                continue
            failure = Failure(served.kind, "scripted", served.status, served.wait)
            pace.done(now, failure, headers=served.headers)
            luck.failed(served.kind)
            out.rejected += served.kind is Kind.REJECTED
            verdict = decide(patience, attempts, failure, luck, now, dice.random)
            if isinstance(verdict, Again):
                heapq.heappush(events, (now + verdict.wait, next(order), "again", verdict.attempts, None))
            elif isinstance(verdict, GiveUp) and verdict.endpoint:
                break
    return out
