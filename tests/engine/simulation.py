"""A virtual clock, scripted servers and the real Pace, Rates and retry policy: what the package does to an endpoint.

`PYTHONPATH=. python tests/engine/simulation.py` prints the table.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from ddb_aiquery._engine.luck import Luck
from ddb_aiquery._engine.pace import Pace
from ddb_aiquery._engine.retry import FRESH, Again, Attempts, Stamina, decide
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
    """Lets `rate` calls a second through, `burst` at once; rejects the others, telling when the next is free."""

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

    def leave(self, now: float, served: Served) -> None:  # noqa: ARG002
        self.serving.discard(id(served))
        if id(served) in self.ruined:
            self.ruined.discard(id(served))
            served.kind, served.status = self.kind, 503


@dataclass(slots=True)
class Outcome:
    """What a simulated statement came to; `floor` is the least number of calls that could have done it."""

    rows: int
    floor: float
    ideal: float
    answered: int = 0
    calls: int = 0
    rejected: int = 0
    seconds: float = 0.0

    @property
    def excess(self) -> float:
        """Calls beyond the floor, as a share of it."""
        return self.calls / self.floor - 1

    def __str__(self) -> str:
        return (
            f"{self.answered / self.rows:9.3%} {self.excess:+8.2%} {self.rejected / self.calls:9.2%}"
            f" {self.seconds:8.1f} {self.ideal:8.1f} {self.seconds / self.ideal:6.3f}"
        )


class Simulation:
    """One statement through the real Pace and retry policy, driven as the engine drives them: retries go first."""

    def __init__(self, server: Server, rows: int, concurrency: int, dice: random.Random) -> None:
        self.server, self.fresh, self.dice = server, rows, dice
        self.pace, self.luck, self.stamina = Pace(concurrency), Luck(heard=0.0), Stamina()
        self.out = Outcome(rows, rows, 0.0)
        self.ready: deque[tuple[Attempts, float]] = deque()
        self.events: list[tuple[float, int, Callable[[float], None]]] = []
        self.order = count()
        self.asks_at = -1.0
        self.broken = False

    def run(self) -> Outcome:
        """Go on until every question is answered or given up."""
        now = 0.0
        self.dispatch(now)
        while self.events and not self.broken:
            now, _, happen = heapq.heappop(self.events)
            happen(now)
            self.dispatch(now)
        return self.out

    def at(self, when: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self.events, (when, next(self.order), happen))

    def dispatch(self, now: float) -> None:
        while self.fresh or self.ready:
            wait = self.pace.admit(now)
            if wait:
                if self.asks_at <= now:
                    self.asks_at = now + wait
                    self.at(self.asks_at, self.dispatch)
                return
            self.send(now, self.next(now))

    def next(self, now: float) -> Attempts:
        if self.ready:
            attempts, since = self.ready.popleft()
            return attempts.held(now - since)
        self.fresh -= 1
        return FRESH

    def send(self, now: float, attempts: Attempts) -> None:
        served = self.server.arrive(now)
        self.out.calls += 1
        self.luck.sent()
        self.at(now + served.seconds, lambda now: self.end(now, attempts, served))

    def end(self, now: float, attempts: Attempts, served: Served) -> None:
        self.server.leave(now, served)
        if served.kind is None:
            self.pace.done(now, None, headers=served.headers)
            self.luck.answered(now)
            self.out.answered += 1
            self.out.seconds = now
            return
        failure = Failure(served.kind, "scripted", served.status, served.wait)
        self.pace.done(now, failure, headers=served.headers)
        self.luck.failed(served.kind)
        self.out.rejected += served.kind is Kind.REJECTED
        verdict = decide(self.stamina, attempts, failure, self.luck, now, self.dice.random)
        if isinstance(verdict, Again):
            again = verdict.attempts
            self.at(now + verdict.wait, lambda now: self.ready.append((again, now)))
        else:
            self.broken = verdict.endpoint


EVEN = {Kind.REJECTED: 0.06, Kind.FAILED: 0.06, Kind.AMBIGUOUS: 0.18}
"""429, 500, timeouts, resets and cut bodies, as often the one as the other: 30 %."""
USUAL = {Kind.REJECTED: 0.13, Kind.FAILED: 0.12, Kind.AMBIGUOUS: 0.027, Kind.INVALID: 0.013, Kind.NOT_SENT: 0.01}
"""30 % again, as providers deal them: mostly 429 and 500."""
_MEAN = 0.687  # seconds: lognormal, median 0.61
_CROWD = 16
_RATE = 50.0


def steady(dice: random.Random) -> Steady:
    """Answer in 0.69 s on average, with the long tail that models have."""
    return Steady(lambda: dice.lognormvariate(-0.5, 0.5))


def faults(dice: random.Random, mix: dict[Kind, float]) -> Server:
    return Faulty(steady(dice), mix, dice)


def limit(dice: random.Random, mix: dict[Kind, float], *, headers: bool) -> Server:
    return Faulty(Limited(steady(dice), _RATE, _RATE / 2, headers=headers), mix, dice)


def collapse(
    dice: random.Random,
    mix: dict[Kind, float],
    kind: Kind = Kind.REJECTED,
    seconds: float | None = None,
    *,
    hard: bool = False,
) -> Server:
    failing = (lambda: dice.lognormvariate(-0.5, 0.5)) if seconds is None else (lambda: seconds)
    return Faulty(Collapsing(steady(dice), _CROWD, failing, kind, hard=hard), mix, dice)


@dataclass(frozen=True, slots=True)
class Case:
    """A server, its random faults, and what it can do at best: calls at once and calls a second."""

    server: Callable[[random.Random], Server]
    mix: dict[Kind, float] = field(default_factory=dict)
    width: float = float("inf")
    rate: float = float("inf")
    mean: float = _MEAN

    def ideal(self, rows: int, concurrency: int) -> float:
        """Return the least seconds for `rows` answers."""
        waves = math.ceil(rows / (1 - sum(self.mix.values())) / min(concurrency, self.width))
        return max(waves * self.mean, rows / (1 - sum(self.mix.values())) / self.rate)


CASES = {
    "no faults, 200 ms": Case(lambda _: Steady(lambda: 0.2), mean=0.2),
    "A 30 % faults, even mix": Case(lambda dice: faults(dice, EVEN), EVEN),
    "A 30 % faults, usual mix": Case(lambda dice: faults(dice, USUAL), USUAL),
    "B 50/s, headers": Case(lambda dice: limit(dice, {}, headers=True), rate=_RATE),
    "B 50/s, no headers": Case(lambda dice: limit(dice, {}, headers=False), rate=_RATE),
    "C 50/s + 30 %, headers": Case(lambda dice: limit(dice, USUAL, headers=True), USUAL, rate=_RATE),
    "C 50/s + 30 %, no headers": Case(lambda dice: limit(dice, USUAL, headers=False), USUAL, rate=_RATE),
    "D collapse > 16, slow 503": Case(lambda dice: collapse(dice, {}), width=_CROWD),
    "D collapse > 16, fast 503": Case(lambda dice: collapse(dice, {}, seconds=0.02), width=_CROWD),
    "D collapse > 16, slow 500": Case(lambda dice: collapse(dice, {}, Kind.FAILED), width=_CROWD),
    "D collapse > 16, ruins all": Case(lambda dice: collapse(dice, {}, hard=True), width=_CROWD),
    "E collapse + 30 %": Case(lambda dice: collapse(dice, USUAL), USUAL, width=_CROWD),
}


def simulate(case: str, seed: int, concurrency: int = 64, rows: int = 20_000) -> Outcome:
    """Run one case; `floor` and `ideal` of the outcome allow for the faults that are dealt at random."""
    dice = random.Random(seed)
    out = Simulation(CASES[case].server(dice), rows, concurrency, dice).run()
    out.floor = rows / (1 - sum(CASES[case].mix.values()))
    out.ideal = CASES[case].ideal(rows, concurrency)
    return out


def main() -> None:
    """Print the table."""
    print(f"{'20,000 rows':28}{'most':>5} {'seed':>4} {'answered':>9} {'excess':>8} {'rejected':>9}", end="")  # noqa: T201
    print(f" {'seconds':>8} {'ideal':>8} {'ratio':>6}")  # noqa: T201
    for case in CASES:
        for concurrency in (64, 128, 256):
            for seed in (1, 2, 3):
                print(f"{case:28}{concurrency:5} {seed:4} {simulate(case, seed, concurrency)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
