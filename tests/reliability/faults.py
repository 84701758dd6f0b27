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

SETTLED = 20_000
"""Prompts from which on a bound must hold with no allowance for the calls by which the endpoint is found out."""


@dataclass(frozen=True, slots=True)
class Case:
    """One endpoint's behaviour, how many prompts tell something of it, and what may at most be rejected or in excess."""

    script: Callable[[], Any]
    short: int
    latency: float
    width: int
    rejected: float = 1.0
    """Share of the requests that may be rejected."""
    excess: float = math.inf
    """Requests beyond those that must be made, as a share of these."""
    faults: float = 0.0
    """Share of the requests that fail whatever is done."""
    long: int = SETTLED
    timeout: float = 60.0


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
        """Tell whether the case's bounds hold."""
        case = CASES[self.case]
        fair = self.prompts / (1 - case.faults)
        slack = 0.0 if self.prompts >= SETTLED else 5 * case.width + 3 * math.sqrt(fair * case.faults)
        few = self.requests <= (1 + case.excess) * fair + slack
        return few and self.rejected <= case.rejected * self.requests + slack


def mixed() -> Mixture:
    """Thirty of a hundred: 429, 500, no reply within the time-out, reset before a reply, and a body cut off."""
    chances = {Status(429, retry_after=0.05): 0.1, Status(500): 0.1, Slow(3.0): 0.02, Reset(): 0.04, Cut(120): 0.04}
    return Mixture(chances, seed=11)


CASES = {
    "30 % faults": Case(mixed, 800, 0.02, 64, excess=0.05, faults=0.3, timeout=2.0),
    "50 a second, headers": Case(lambda: RateLimited(50, headers=True), 150, 0.1, 64, rejected=0.005),
    "50 a second": Case(lambda: RateLimited(50), 150, 0.1, 64, rejected=0.10),
    "collapse above 16": Case(lambda: Collapse(above=16), 1000, 0.05, 64, excess=0.06),
}


def run_case(name: str, prompts: int) -> Figures:
    """Ask so many prompts through SQL and count at the endpoint."""
    case = CASES[name]
    with (
        ScriptedEndpoint(latency=case.latency, script=case.script(), process=True) as server,
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect() as con,
    ):
        settings = {
            **server.settings("test", max_concurrency=case.width, timeout_seconds=case.timeout),
            "cache": {"directory": folder},
        }
        ddb_aiquery.register(con, config=settings)
        begun = time.monotonic()
        prompts_ = "SELECT 'p' || i AS p FROM range(?) t(i)"
        sql = f"SELECT count(*) FROM (SELECT p, ai_query('test', p) AS a FROM ({prompts_})) WHERE a = 'echo: ' || p"
        (answered,) = con.execute(sql, [prompts]).fetchone() or (0,)
        counts = server.counts
        return Figures(name, prompts, answered, counts.requests, counts.rejected, time.monotonic() - begun)


def main(words: list[str]) -> None:
    for name in [word for word in words if word != "--short"] or CASES:
        figures = run_case(name, CASES[name].short if "--short" in words else CASES[name].long)
        excess = 100 * (figures.requests / figures.prompts - 1)
        print(  # noqa: T201
            f"{name}: {figures.answered} of {figures.prompts} answered, {figures.requests} requests ({excess:+.1f} %), "
            f"{100 * figures.rejected / figures.requests:.2f} % rejected, {figures.seconds:.1f} s, "
            f"{figures.answered / figures.seconds:.0f} a second, within bounds: {figures.within}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
