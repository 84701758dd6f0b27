"""The engine's figures: `python tests/bench/bench_engine.py [throughput] [million] [cpu] [memory]` (no word: all).

The endpoint is the scripted one in a process of its own. Ratios are between measurements of one run.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from pyreqwest.client import ClientBuilder

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

MIB = 1 << 20


@contextlib.contextmanager
def endpoint(latency: float, **options: Any) -> Iterator[tuple[ScriptedEndpoint, dict[str, Any]]]:
    """Start a scripted endpoint and give settings with an empty cache on disk."""
    with ScriptedEndpoint(latency=latency, process=True) as server, tempfile.TemporaryDirectory() as folder:
        yield server, {**server.settings("test", **options), "cache": {"directory": folder}}


def timed(work: Callable[[], object]) -> float:
    """Return the wall seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def throughput() -> None:
    """10,000 distinct prompts at 200 ms, against the limit ceil(N/C) x latency."""
    count, latency = 10_000, 0.2
    sql = f"SELECT sum(length(ai_query('test', 'prompt ' || i))) FROM range({count}) t(i)"
    for width in (64, 256, 1024):
        for planned in (True, False):
            with endpoint(latency, max_concurrency=width) as (server, settings), _open(settings, planned) as con:
                seconds = timed(lambda con=con: con.execute(sql).fetchall())  # type: ignore[misc]
                ideal = math.ceil(count / width) * latency
                print(
                    f"throughput, {'connect' if planned else 'register'}, concurrency {width}: {seconds:.2f} s, "
                    f"{seconds / ideal:.3f} x the limit {ideal:.2f} s, {server.requests} requests, peak {server.peak}"
                )


@contextlib.contextmanager
def _open(settings: dict[str, Any], planned: bool) -> Iterator[Any]:
    if planned:
        with ddb_aiquery.connect(config=settings) as con:
            yield con
    else:
        with duckdb.connect() as raw:
            yield ddb_aiquery.register(raw, config=settings)


def million() -> None:
    """1,000,000 rows, 1,000 distinct prompts through the plain function; then all from the cache."""
    with endpoint(0.2, max_concurrency=64) as (server, settings):
        own = math.ceil(1000 / 64) * 0.2
        for title in ("asked", "cached"):
            with duckdb.connect() as con:
                ddb_aiquery.register(con, config=settings)
                con.execute("CREATE TABLE t AS SELECT i, 'prompt number ' || i % 1000 AS p FROM range(1000000) r(i)")
                sql = "SELECT count(DISTINCT ai_query('test', p)), count(*) FROM t"
                seconds = timed(lambda con=con, sql=sql: print(con.execute(sql).fetchall()))  # type: ignore[misc]
                beyond = seconds - (own if title == "asked" else 0)
                print(
                    f"million rows, {title}: {seconds:.2f} s, {beyond:.2f} s beyond the endpoint's own time,"
                    f" {server.requests} requests in all"
                )


def cpu(count: int = 5_000, rounds: int = 9) -> None:
    """CPU a request, from DuckDB row to stored answer, against a bare pyreqwest loop of the same exchange.

    In turn, so that both see the machine at the same speed; the medians of several rounds.
    """
    width = 64
    seen: dict[str, list[float]] = {"bare pyreqwest loop": [], "over pyreqwest": [], "over httpx": []}
    with contextlib.ExitStack() as stack:
        cons = {}
        for wire in ("pyreqwest", "httpx"):
            server, settings = stack.enter_context(endpoint(0.0, max_concurrency=width, transport=wire))
            cons[wire] = stack.enter_context(ddb_aiquery.connect(config=settings))
        for at in range(rounds + 1):
            spent = {"bare pyreqwest loop": _spent(lambda: _bare(server.base_url, count, width), count)}
            for wire, con in cons.items():
                amount = count if wire == "pyreqwest" else count // 10
                ask = f"SELECT sum(length(ai_query('test', 'prompt {at} ' || i))) FROM range({amount}) t(i)"
                spent[f"over {wire}"] = _spent(lambda con=con, ask=ask: con.execute(ask).fetchall(), amount)
            for name, seconds in spent.items() if at else ():  # the first round warms up
                seen[name].append(seconds)
    ratios = [ours / bare for ours, bare in zip(seen["over pyreqwest"], seen["bare pyreqwest loop"], strict=True)]
    for name, found in seen.items():
        print(f"cpu, {name}: {statistics.median(found) * 1e6:.0f} us a request, median of {rounds}")
    print(f"cpu, over pyreqwest: {statistics.median(ratios):.2f} x bare, {min(ratios):.2f} to {max(ratios):.2f}")


def _spent(work: Callable[[], object], count: int) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) / count


def _bare(base_url: str, count: int, width: int) -> None:
    body = b'{"messages":[{"content":"prompt 1234","role":"user"}],"model":"test-model"}'

    async def worker(client: Any, numbers: Iterator[int]) -> None:
        for _ in numbers:
            response = (
                await client.post(f"{base_url}/chat/completions")
                .header("content-type", "application/json")
                .body_bytes(body)
                .build()
                .send()
            )
            await response.json()

    async def run() -> None:
        async with ClientBuilder().timeout(timedelta(seconds=60)).build() as client:
            numbers = iter(range(count))
            await asyncio.gather(*(worker(client, numbers) for _ in range(width)))

    asyncio.run(run())


def memory(count: int = 1_000_000) -> None:
    """Peak memory of distinct prompts of 1 KB, above what DuckDB needs for DISTINCT, and to join answers it has."""
    peaks = {}
    for which in ("distinct", "join", "ai_query"):
        done = subprocess.run(
            [sys.executable, __file__, f"peak-{which}", str(count)], capture_output=True, text=True, check=False
        )
        print(done.stderr, end="", file=sys.stderr)
        peaks[which] = int(done.stdout.split()[-1])
        print(f"memory, {which}, {count:,} prompts of 1 KB: peak {peaks[which] / MIB:,.0f} MiB")
    print(f"memory above DuckDB's own DISTINCT: {(peaks['ai_query'] - peaks['distinct']) / MIB:,.0f} MiB")
    print(f"memory above DuckDB's own DISTINCT and join: {(peaks['ai_query'] - peaks['join']) / MIB:,.0f} MiB")


def peak(which: str, count: int) -> None:
    """Run one query alone and print the process's peak resident bytes."""
    prompt = "repeat(md5(i::VARCHAR), 32)"
    if which != "ai_query":
        con = duckdb.connect()
        con.execute(f"CREATE TABLE t AS SELECT {prompt} AS p FROM range({count}) r(i)")
        if which == "distinct":
            con.execute("CREATE TABLE o AS SELECT length(p) FROM (SELECT DISTINCT p FROM t)")
        else:
            con.execute("CREATE TABLE a AS SELECT DISTINCT p, 'echo: ' || p AS answer FROM t")
            con.execute("CREATE TABLE o AS SELECT length(answer) FROM t LEFT JOIN a USING (p)")
    else:
        with endpoint(0.0, max_concurrency=256) as (_, settings), ddb_aiquery.connect(config=settings) as con_:
            con_.execute(f"CREATE TABLE t AS SELECT {prompt} AS p FROM range({count}) r(i)")
            with _watched(con_.raw.cursor()) as seen:
                con_.execute("CREATE TABLE o AS SELECT length(ai_query('test', p)) FROM t")
            print(con_.last_run, file=sys.stderr)
            resident, own = (round(amount / MIB) for amount in max(seen))
            print(
                f"memory, ai_query, when most was resident: {resident:,} MiB, {own:,} of them DuckDB's own buffers, "
                f"{resident - own:,} beyond",
                file=sys.stderr,
            )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


@contextlib.contextmanager
def _watched(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[int, int]]]:
    """Note, five times a second, the bytes that are resident, and those that DuckDB has on its own account."""
    seen: list[tuple[int, int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            (own,) = cursor.execute("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()").fetchall()[0]
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen.append((pages * resource.getpagesize(), own))

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    done.set()
    thread.join()


def main(words: list[str]) -> None:
    if words and words[0].startswith("peak-"):
        peak(words[0].removeprefix("peak-"), int(words[1]))
        return
    for word in words or ("throughput", "million", "cpu", "memory"):
        {"throughput": throughput, "million": million, "cpu": cpu, "memory": memory}[word]()


if __name__ == "__main__":
    main(sys.argv[1:])
