"""Processes and threads over the same prompts: `python tests/reliability/processes.py --prompts 10000 --runs 10`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

from ddb_aiquery.testing import ScriptedEndpoint

WORKER = """
import sys, threading, duckdb, ddb_aiquery
settings, prompts = {settings!r}, {prompts}
print("ready", flush=True)
sys.stdin.readline()
wrong = []
def work(number):
    con = ddb_aiquery.register(duckdb.connect(), config=settings)
    # Each thread comes by the prompts in an order of its own.
    sql = "SELECT count(*) FROM (SELECT p, ai_query('test', p) AS a FROM (SELECT 'p' || ((i * 7919 + ?) % ?) AS p" \\
          " FROM range(?) t(i))) WHERE a = 'echo: ' || p"
    found = con.execute(sql, [number * 997, prompts, prompts]).fetchall()
    wrong.extend([] if found == [(prompts,)] else [found])
threads = [threading.Thread(target=work, args=(number,)) for number in range({threads})]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(str(wrong) if wrong else 0)
"""


def ask_together(prompts: int, processes: int, threads: int, latency: float = 0.02) -> int:
    """Let them all ask the same prompts at once; return the requests that this cost.

    Raises:
        RuntimeError: a thread did not get every answer.
    """
    with ScriptedEndpoint(latency=latency, process=True) as server, tempfile.TemporaryDirectory() as folder:
        settings = {**server.settings("test"), "cache": {"directory": folder}}
        code = WORKER.format(settings=settings, prompts=prompts, threads=threads)
        children = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ},
            )
            for _ in range(processes)
        ]
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()
        troubles = [child.communicate()[1] for child in children]
        if any(child.returncode for child in children):
            raise RuntimeError("\n".join(troubles))
        return server.requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    for run in range(given.runs):
        begun = time.monotonic()
        requests = ask_together(given.prompts, given.processes, given.threads)
        print(  # noqa: T201
            f"run {run + 1}: {requests} requests for {given.prompts} prompts, {time.monotonic() - begun:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
