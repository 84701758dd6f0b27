"""What it costs that every answer is on disk first: `python tests/reliability/durability.py [prompts]`.

The same query at 200 ms latency with the cache on disk and without one, in turns; the best of each is compared.
"""

from __future__ import annotations

import sys
import tempfile
import time

import duckdb

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint


def seconds(server: ScriptedEndpoint, name: str, prompts: int, directory: str) -> float:
    """Return the wall seconds of one query over distinct prompts."""
    settings = {**server.settings(name, max_concurrency=64), "cache": {"directory": directory}}
    with duckdb.connect() as con:
        ddb_aiquery.register(con, config=settings)
        con.execute(f"SELECT ai_query('{name}', 'warm')").fetchall()
        begun = time.perf_counter()
        con.execute(f"SELECT sum(length(ai_query('{name}', '{name}' || i))) FROM range({prompts}) t(i)").fetchall()
        return time.perf_counter() - begun


def main(prompts: int) -> None:
    """Print both times and the cost of durability as a share of the time without it."""
    times: dict[str, list[float]] = {"disk": [], "off": []}
    with ScriptedEndpoint(latency=0.2, process=True) as server, tempfile.TemporaryDirectory() as folder:
        for turn in range(3):
            times["disk"].append(seconds(server, f"disk{turn}", prompts, folder))
            times["off"].append(seconds(server, f"off{turn}", prompts, "off"))
    disk, off = min(times["disk"]), min(times["off"])
    print(  # noqa: T201
        f"{prompts} prompts at 200 ms: {disk:.3f} s with the cache on disk, {off:.3f} s without: {disk / off - 1:+.2%}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
