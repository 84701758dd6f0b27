"""Bad endpoints over real sockets: `python tests/reliability/faults.py [case ...] [--short]` prints a table."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb

import ddb_aiquery
from ddb_aiquery.testing import Collapse, Cut, Mixture, RateLimited, Reset, ScriptedEndpoint, Slow, Status

FAULTY = 0.3


@dataclass(frozen=True, slots=True)
class Case:
    """One endpoint's behaviour, how many prompts tell something of it, and the bound that must hold."""

    script: Callable[[], Any]
    short: int
    long: int
    latency: float
    within: Callable[[Figures], bool]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a case came to."""

    case: str
    prompts: int
    answered: int
    requests: int
    rejected: int
    seconds: float

    @property
    def within(self) -> bool:
        """Tell whether the case's bound holds."""
        return CASES[self.case].within(self)


def mixed() -> Mixture:
    """Thirty of a hundred: 429, 500, no reply within the time-out, reset before a reply, and a body cut off."""
    chances = {Status(429, retry_after=0.05): 0.1, Status(500): 0.1, Slow(3.0): 0.02, Reset(): 0.04, Cut(120): 0.04}
    return Mixture(chances, seed=11)


def _few_requests(figures: Figures) -> bool:
    # A thousand requests cannot show 30 % to the percent: three standard deviations of the draw are allowed for.
    fair = figures.prompts / (1 - FAULTY)
    return figures.requests <= 1.05 * fair + 3 * math.sqrt(fair * FAULTY)


CASES = {
    "30 % faults": Case(mixed, 1500, 20_000, 0.02, _few_requests, {"timeout_seconds": 2.0, "max_concurrency": 64}),
    "50 a second, headers": Case(
        lambda: RateLimited(50, headers=True),
        400,
        5000,
        0.1,
        lambda it: it.rejected <= max(2, 0.005 * it.requests),
        {"max_concurrency": 128},
    ),
    "50 a second": Case(
        lambda: RateLimited(50), 600, 5000, 0.1, lambda it: it.rejected <= 0.10 * it.requests + 64, {"max_concurrency": 128}
    ),
    "collapse above 16": Case(
        lambda: Collapse(above=16), 3000, 20_000, 0.05, lambda it: it.requests <= 1.06 * it.prompts + 64, {"max_concurrency": 64}
    ),
}


def run_case(name: str, prompts: int) -> Figures:
    """Ask so many prompts through SQL and count at the endpoint."""
    case = CASES[name]
    with (
        ScriptedEndpoint(latency=case.latency, script=case.script(), process=True) as server,
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect() as con,
    ):
        settings = {**server.settings("test", **case.options), "cache": {"directory": folder}}
        ddb_aiquery.register(con, config=settings)
        begun = time.monotonic()
        sql = "SELECT count(*) FROM (SELECT p, ai_query('test', p) AS a FROM (SELECT 'p' || i AS p FROM range(?) t(i))) WHERE a = 'echo: ' || p"
        (answered,) = con.execute(sql, [prompts]).fetchone() or (0,)
        counts = server.counts
        return Figures(name, prompts, answered, counts.requests, counts.rejected, time.monotonic() - begun)


def main(words: list[str]) -> None:
    for name in [word for word in words if word != "--short"] or CASES:
        figures = run_case(name, CASES[name].short if "--short" in words else CASES[name].long)
        excess = 100 * (figures.requests / figures.prompts - 1)
        print(
            f"{name}: {figures.answered} of {figures.prompts} answered, {figures.requests} requests ({excess:+.1f} %), "
            f"{100 * figures.rejected / figures.requests:.2f} % rejected, {figures.seconds:.1f} s, "
            f"{figures.answered / figures.seconds:.0f} a second, within bounds: {figures.within}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
