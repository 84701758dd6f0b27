"""How soon nothing more is sent after a stop: `python tests/reliability/stops.py --stops 500` prints the figures.

A worker runs statements over fresh prompts and stops each at a random moment: Ctrl-C or `interrupt()` from another thread,
through `connect` or `register`. The endpoint notes when each call arrives; the clock is the machine's, so a call that was
on its way at the moment of the stop counts as late.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ddb_aiquery.testing import ScriptedEndpoint

WORKER = """
import duckdb, ddb_aiquery, os, random, signal, threading, time
dice, settings = random.Random({seed}), {settings!r}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it starts with & ignore it
con = ddb_aiquery.connect(config=settings) if {planned} else ddb_aiquery.register(duckdb.connect(), config=settings)
con.execute("SET enable_progress_bar = false")
con.execute("CREATE TABLE t AS SELECT 'p' || i AS p FROM range(20000) r(i)")
ask = "SELECT count(*), count(ai_query('test', '{seed} ' || ? || p)) FROM t"
def stop(after):
    time.sleep(after)
    moments.append(time.monotonic())
    {how}
for number in range({stops}):
    moments = []
    other = threading.Thread(target=stop, args=(dice.uniform(0.02, 0.3),))
    end = "finished"
    try:
        other.start()
        con.execute(ask, [number]).fetchall()
        other.join()
    except BaseException as error:
        end = type(error).__name__
    told = time.monotonic()
    other.join()
    time.sleep({pause})
    print(moments[0], told, time.monotonic(), end, flush=True)
print(con.execute("SELECT ai_query('test', 'after')").fetchall() == [("echo: after",)])
"""
WAYS = {"Ctrl-C": "os.kill(os.getpid(), signal.SIGINT)", "interrupt()": "con.interrupt()"}
DOORS = ("connect", "register")
PAUSE = 0.2
"""Seconds between a statement's end and the next one, in which nothing may arrive."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One stopped statement: how long calls went on arriving, and how long until it ended, in seconds."""

    door: str
    way: str
    end: str
    """The name of the error, or "finished"."""
    last: float
    told: float
    calls: int
    """Calls that arrived in all."""
    after: int
    """Calls that arrived after the statement had ended with its error."""


def stop_often(door: str, way: str, stops: int, *, width: int = 32, latency: float = 0.02) -> Iterator[Stop]:
    """Stop so many statements of one process and yield what each came to.

    Raises:
        RuntimeError: the connection was not usable afterwards.
    """
    arrivals: list[float] = []
    with (
        ScriptedEndpoint(script=lambda arrival: arrivals.append(arrival.time), latency=latency) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        settings = {**server.settings("test", max_concurrency=width), "cache": {"directory": folder}}
        code = WORKER.format(
            settings=settings, planned=door == "connect", how=WAYS[way], stops=stops, seed=1, pause=PAUSE
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ}
        )
    *lines, usable = done.stdout.splitlines() or [""]
    if usable != "True" or len(lines) != stops:
        raise RuntimeError(f"{door}, {way}: the worker ended with {done.returncode}: {done.stdout}{done.stderr}")
    begun = 0.0
    for line in lines:
        moment, told, over, end = line.split()
        mine = [time for time in arrivals if begun < time <= float(over)]
        yield Stop(
            door,
            way,
            end,
            max([0.0, *(time - float(moment) for time in mine)]),
            float(told) - float(moment),
            len(mine),
            sum(time > float(told) for time in mine),
        )
        begun = float(over)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=500)
    given = parser.parse_args()
    ways = list(product(DOORS, WAYS))
    for door, way in ways:
        stopped = list(stop_often(door, way, given.stops // len(ways)))
        lasts = sorted(stop.last for stop in stopped)
        ends = {end: sum(stop.end == end for stop in stopped) for end in sorted({stop.end for stop in stopped})}
        print(  # noqa: T201
            f"{door}, {way}: {len(stopped)} stops, {sum(stop.calls for stop in stopped)} calls; the last call after a stop "
            f"arrived {lasts[-1] * 1e3:.0f} ms later at worst, {lasts[len(lasts) // 2] * 1e3:.0f} ms in the middle; the "
            f"error came {max(stop.told for stop in stopped) * 1e3:.0f} ms later at worst; {ends}; "
            f"{sum(stop.after for stop in stopped)} calls after the error",
            flush=True,
        )


if __name__ == "__main__":
    main()
