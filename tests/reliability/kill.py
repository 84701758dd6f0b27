"""Kill -9 until every prompt is answered: `python tests/reliability/kill.py --prompts 20000` prints the figures.

A worker process asks prompts through SQL, with four connections at once, and says each answer that its query has handed
on. It is killed with SIGKILL after a random time, and started again with what is left and some of what was handed on. The
last one asks everything once more and is left alone. The endpoint's own books are the oracle.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ddb_aiquery._cache import open_store
from ddb_aiquery.testing import ScriptedEndpoint

STEP = 500
"""Prompts of one statement."""
AGAIN = 2
"""Statements whose answers were handed on before a kill, and that the next worker runs all the same."""

WORKER = """
import os, sys, threading, duckdb, ddb_aiquery
settings, prompts, step, starts = {settings!r}, {prompts}, {step}, iter({starts})
print("ready", flush=True)
handed_on = os.open({book!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
turn = threading.Lock()
def work():
    con = ddb_aiquery.register(duckdb.connect(), config=settings)
    while True:
        with turn:
            start = next(starts, None)
        if start is None:
            return
        sql = "SELECT p, ai_query('test', p) FROM (SELECT 'p' || i AS p FROM range(?, ?) t(i))"
        rows = con.execute(sql, [start, min(prompts, start + step)]).fetchall()
        assert all(answer == 'echo: ' + prompt for prompt, answer in rows), rows
        os.write(handed_on, "".join(prompt + "\\n" for prompt, _ in rows).encode())
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run of kills came to; all but `kills` and `seconds` are prompts or requests.

    A call is under way from the moment when the endpoint has it until its answer is in the cache file.
    """

    prompts: int
    kills: int
    requests: int
    lost: int
    """Answers that a query had handed on and that were asked for again."""
    under_way: int
    """Calls under way at the kills, all kills together: requests that came in, less answers in the file."""
    most: int
    """Calls under way at one kill, at most."""
    seconds: float

    @property
    def excess(self) -> int:
        """Requests beyond one a prompt."""
        return self.requests - self.prompts


def kill_until_answered(
    prompts: int,
    shortest: float,
    longest: float,
    *,
    latency: float,
    width: int,
    say: Callable[[Figures], object] = lambda _: None,
) -> Figures:
    """Run the worker, killing it after `shortest` to `longest` seconds, until nothing is left to ask.

    `say` is given the figures after each kill; `prompts` of those are the prompts that were sent so far.
    """
    dice = random.Random(prompts)
    begun = time.monotonic()
    kills = lost = requests = kept = under_way = most = 0
    before: Counter[str] = Counter()
    every = range(0, prompts, STEP)
    with ScriptedEndpoint(latency=latency, process=True) as server, tempfile.TemporaryDirectory() as folder:
        book, cache = Path(folder) / "handed-on", Path(folder) / "cache"
        settings = {**server.settings("test", max_concurrency=width), "cache": {"directory": str(cache)}}
        known: set[str] = set()
        while True:
            left = [start for start in every if f"p{start}" not in known]
            again = [start for start in every if f"p{start}" in known]
            starts = [*dice.sample(again, min(AGAIN, len(again))), *left] if left else list(every)
            code = WORKER.format(settings=settings, prompts=prompts, step=STEP, starts=starts, book=str(book))
            ended = _run(code, dice.uniform(shortest, longest) if left else None)
            time.sleep(2 * latency)  # what was under way is answered, to nobody
            counts, answers = server.counts, _kept(cache)
            cut = (counts.requests - requests) - (answers - kept)
            requests, kept = counts.requests, answers
            under_way, most = under_way + cut, max(most, cut)
            lost += sum(counts.prompts[prompt] > before[prompt] for prompt in known)
            before = counts.prompts
            known = set(book.read_text().split()) if book.exists() else set()
            kills += not ended
            figures = Figures(len(counts.prompts), kills, requests, lost, under_way, most, time.monotonic() - begun)
            if not left:
                return figures
            say(figures)


def _kept(cache: Path) -> int:
    with open_store(cache) as store:
        return store.stats().answers


def _run(code: str, seconds: float | None) -> bool:
    """Run the worker for so many seconds after its imports; True where it ended by itself before."""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ})
    assert child.stdout is not None
    child.stdout.readline()
    try:
        status = child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return False
    finally:
        child.stdout.close()
    if status:
        raise RuntimeError(f"the worker failed with status {status}")
    return True


def _say(figures: Figures) -> None:
    print(  # noqa: T201
        f"{figures.kills} kills: {figures.prompts:,} prompts sent, {figures.excess:,} of them again; "
        f"{figures.under_way:,} under way at the kills, {figures.most} at one; {figures.lost} lost; "
        f"{figures.seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=20_000)
    parser.add_argument("--every", type=float, nargs=2, default=(2.0, 5.0), metavar="SECONDS")
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--width", type=int, default=64)
    given = parser.parse_args()
    figures = kill_until_answered(given.prompts, *given.every, latency=given.latency, width=given.width, say=_say)
    print(f"{figures}\nexcess {figures.excess} requests; {figures.under_way} calls were under way at the kills")  # noqa: T201


if __name__ == "__main__":
    main()
