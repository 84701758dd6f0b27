"""The native bridge's figures: `python tests/bench/bench_native.py [idle] [cached] [startup]` (the last two: no word).

1,000,000 cached rows through the Python function and through the bridge, side by side in one run: in the same DuckDB
(the wheel) and in the real `duckdb` shell. Then the time from the command to the shell's first result. `idle` first
waits until nothing else runs here, for figures that can be quoted; the load at the start is always printed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

import ddb_aiquery
from ddb_aiquery._shell.native.bridge import Bridge, usual
from ddb_aiquery._shell.native.build import Recipe, child_command
from ddb_aiquery._shell.native.duckdb_program import find
from ddb_aiquery.testing import ScriptedEndpoint

ROWS = 1_000_000
MOST = 100_000
"""Prompts that have an answer; one store for all, since a process has one child for its whole life."""
TABLE = "CREATE TABLE t AS SELECT i, 'prompt number ' || i % {distinct} AS p FROM range({rows}) r(i)"
QUERY = "SELECT count(DISTINCT ai_query('test', p)), count(*) FROM t"
ROUNDS = 5
IDLE = 0.2
"""The load of the last minute below which a machine counts as idle."""


@contextlib.contextmanager
def answered(distinct: int) -> Iterator[Any]:
    """Keep an answer to every prompt, and point the environment at it; yields the settings."""
    with ScriptedEndpoint(process=True) as server, tempfile.TemporaryDirectory() as folder:
        entry = server.settings("test")["endpoints"]["test"]
        file = Path(folder) / "config.toml"
        file.write_text(
            "[endpoints.test]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())
        )
        os.environ |= {"DDB_AIQUERY_CONFIG": str(file), "DDB_AIQUERY_CACHE": str(Path(folder) / "cache")}
        with duckdb.connect() as con:
            ddb_aiquery.register(con)
            con.execute(f"SELECT count(ai_query('test', 'prompt number ' || i)) FROM range({distinct}) t(i)").fetchall()
        yield


def python_function(distinct: int) -> float:
    """Return the seconds of the query through `register`."""
    with duckdb.connect() as con:
        ddb_aiquery.register(con)
        return _seconds(con, distinct)


def bridge_in_wheel(distinct: int) -> float:
    """Return the seconds of the query through the bridge in the same DuckDB."""
    with duckdb.connect(config={"allow_unsigned_extensions": "true"}) as con:
        (platform,) = con.execute("PRAGMA platform").fetchone() or ("",)
        built = Recipe(platform, child_command()).build()
        program = find()
        file = Bridge(program, Recipe(platform, child_command())).prepare()
        con.execute(file.read_text().replace(str(usual(program).recipe.path), str(built)))
        return _seconds(con, distinct)


def _seconds(con: duckdb.DuckDBPyConnection, distinct: int) -> float:
    con.execute(TABLE.format(rows=ROWS, distinct=distinct))
    con.execute("SELECT ai_query('test', 'prompt number 0')").fetchall()  # the child has started, the store is open
    begun = time.perf_counter()
    found = con.execute(QUERY).fetchall()
    seconds = time.perf_counter() - begun
    assert found == [(distinct, ROWS)], found
    return seconds


def shell(distinct: int) -> float:
    """Return the seconds of the query in the real shell, by its own timer."""
    script = [
        TABLE.format(rows=ROWS, distinct=distinct) + ";",
        "SELECT ai_query('test', 'prompt number 0');",
        ".timer on",
        QUERY + ";",
    ]
    done = subprocess.run(
        usual(find()).command(["-csv"]), input="\n".join(script), capture_output=True, text=True, check=True
    )
    assert f"{distinct},{ROWS}" in done.stdout, done
    return float(re.findall(r"real ([\d.]+)", done.stdout)[-1])


def cached() -> None:
    """Print the three ways side by side, in turns, with the median and the ratio to the Python function."""
    ways = {"Python function": python_function, "bridge, same DuckDB": bridge_in_wheel, "bridge, duckdb shell": shell}
    with answered(MOST):
        for distinct in (1_000, MOST):
            times: dict[str, list[float]] = {title: [] for title in ways}
            for _ in range(ROUNDS):
                for title, way in ways.items():
                    times[title].append(way(distinct))
            base = statistics.median(times["Python function"])
            for title, seconds in times.items():
                middle = statistics.median(seconds)
                spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
                print(
                    f"{ROWS:,} cached rows, {distinct:,} prompts, {title}: "
                    f"{middle:.2f} s ({spread}), {middle / base:.2f} x"
                )


def idle() -> None:
    """Wait until the machine's load has been low for a minute."""
    while os.getloadavg()[0] > IDLE:
        print(f"waiting: the load is {os.getloadavg()[0]:.2f}", file=sys.stderr)
        time.sleep(10)


def startup() -> None:
    """Print the time to the first result: the shell alone, with the bridge, through the command, with an answer."""
    program = find()
    plain = [str(program.path), "-csv"]
    bridged = usual(program).command(["-csv"])
    command = [
        sys.executable,
        "-c",
        "import sys; from ddb_aiquery._commands.native import shell; shell(sys.argv[1:])",
        "-csv",
    ]
    cases = (
        ("duckdb alone", plain, "SELECT 1"),
        ("duckdb with the bridge", bridged, "SELECT 1"),
        ("ddb-aiquery native shell", command, "SELECT 1"),
        ("duckdb with the bridge, first answer", bridged, "SELECT ai_query('test', 'prompt number 0')"),
    )
    with answered(1):
        for title, words, sql in cases:
            times = []
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                subprocess.run([*words, "-c", sql], check=True, capture_output=True)
                times.append(time.perf_counter() - begun)
            print(f"start-up, {title}: {statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})")


if __name__ == "__main__":
    words = sys.argv[1:]
    if "idle" in words:
        idle()
    print(f"{os.cpu_count()} cores, load at the start {os.getloadavg()[0]:.2f}")
    for name in [word for word in words if word != "idle"] or ["cached", "startup"]:
        globals()[name]()
