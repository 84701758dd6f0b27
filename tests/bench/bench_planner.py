"""Measures the planner: `python tests/bench/bench_planner.py [rows]` prints four tables, everything side by side.

`--picture FILE.svg` draws the first of them instead.

Asked and needed over the everyday queries; a large table with answered prompts against DuckDB's own DISTINCT and join;
the time before the first question; what a query without calls costs more than plain DuckDB.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "planner"), str(Path(__file__).parents[2])]

# The tests' own tables and queries, once their folder can be found.
from picture import Bars, drawn  # noqa: E402
from planner_echo import DATA, Recorder, installed  # noqa: E402
from test_everyday import OBJECTS, PLAIN, everyday  # noqa: E402
from tpch import QUERIES, TABLES  # noqa: E402

from ddb_aiquery._connection import AiConnection  # noqa: E402

PROMPTS = 1_000


def planned(data: str) -> tuple[AiConnection, Recorder]:
    recorder = Recorder()
    raw = installed(recorder)
    raw.execute(data)
    return AiConnection(raw, recorder), recorder


def distinct(requests: list[Any]) -> int:
    return len(set(requests) - {None})


def counted() -> list[Bars]:
    """Return the questions of the everyday queries: needed, planned, and by DuckDB's own plan with memory."""
    con, recorder = planned(DATA + OBJECTS)
    other = Recorder()
    raw = installed(other)
    raw.execute(DATA + OBJECTS)
    oracle = installed(Recorder())
    oracle.execute(DATA + PLAIN)
    rows = []
    for one in everyday():
        recorder.forget()
        other.forget()
        con.execute(one.calling).fetchall()
        raw.execute(one.calling).fetchall()
        needs = distinct([row[0] for row in oracle.execute(one.needs).fetchall()])
        rows.append(Bars(one.name, needs, distinct(recorder.asked + recorder.called), distinct(other.called)))
    return rows


def suite() -> None:
    """Print the questions of all everyday queries together."""
    rows = counted()
    needed, asked, called = (sum(getattr(row, name) for row in rows) for name in ("needed", "planned", "alone"))
    worse = sum(row.alone > row.needed for row in rows)
    print(f"everyday queries          {len(rows)}")
    print(f"questions needed          {needed}")
    print(f"questions asked, planned  {asked}  ({asked / needed:.2f} x)")
    print(f"questions asked, DuckDB   {called}  ({called / needed:.2f} x; more than needed in {worse} queries)")


def seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


class Instant(Recorder):
    """Answers columns at once, as a warm cache would."""

    def stream(self, batches: Any, run: Any) -> Any:
        del run
        import pyarrow as pa  # noqa: PLC0415

        for batch in batches:
            requests = batch.column(1).to_pylist()
            self.asked += requests
            yield batch, pa.array([json.dumps(f"answer to {request}") for request in requests], pa.large_string())


def large(rows: int) -> None:
    """Print the time of a query over many rows and few prompts beside DuckDB's DISTINCT and join, best of three."""
    recorder = Instant()
    raw = installed(recorder)
    raw.execute(
        "CREATE TABLE big AS SELECT i, 'Classify this review, please: number ' || (hash(i) % ?) AS p FROM range(?) s(i)",
        [PROMPTS, rows],
    )
    con = AiConnection(raw, recorder)

    def floor() -> None:
        raw.execute(
            "CREATE OR REPLACE TEMP TABLE q AS SELECT p, 'answer to ' || p AS a FROM (SELECT DISTINCT p FROM big)"
        )
        raw.execute("CREATE OR REPLACE TABLE x AS SELECT i, a FROM big JOIN q USING (p)")

    def ours() -> None:
        con.execute("CREATE OR REPLACE TABLE y AS SELECT i, ai_query('e', p) AS a FROM big").fetchall()

    times = [(seconds(floor), seconds(ours)) for _ in range(3)]
    base, mine = (min(column) for column in zip(*times, strict=True))
    same = con.execute("SELECT count(*) FROM x JOIN y USING (i) WHERE x.a = y.a").fetchall()[0][0]
    print(
        f"\n{rows:,} rows, {PROMPTS:,} prompts, answers known ({same:,} rows equal, {len(recorder.called)} in Python)"
    )
    print(f"DuckDB DISTINCT + join    {base:.2f} s")
    print(f"planned                   {mine:.2f} s  ({mine / base:.2f} x)")


def planning() -> None:
    """Print the time from the text to the plan, and the whole time of a statement over little data."""
    con, _ = planned(TABLES)
    planner = con._statements._planner
    from ddb_aiquery._planner.records import Statement  # noqa: PLC0415
    from ddb_aiquery._planner.scratch import Scratch  # noqa: PLC0415

    plans, wholes = [], []
    for query in QUERIES.values():
        text = query.replace("Q(", "ai_query('e', ")
        scratch = Scratch(con.raw, "__ai_bench_")
        con.raw.execute("BEGIN")
        plans.append(seconds(lambda text=text, scratch=scratch: planner.plan(Statement(text), scratch)))
        con.raw.execute("ROLLBACK")
        wholes.append(seconds(lambda text=text: con.execute(text).fetchall()))
    print(
        f"\nplanning, TPC-H's 22      median {statistics.median(plans) * 1e3:.1f} ms, worst {max(plans) * 1e3:.1f} ms"
    )
    print(f"whole statement           median {statistics.median(wholes) * 1e3:.1f} ms")


def without_calls() -> None:
    """Print what a statement without calls costs more than on DuckDB's own connection."""
    con, _ = planned(DATA)
    times: dict[str, list[float]] = {"raw": [], "planned": []}
    for _ in range(500):
        times["raw"].append(seconds(lambda: con._raw.execute("SELECT count(*) FROM r WHERE id < 9").fetchall()))
        times["planned"].append(seconds(lambda: con.execute("SELECT count(*) FROM r WHERE id < 9").fetchall()))
    raw, mine = (statistics.median(times[name]) * 1e3 for name in ("raw", "planned"))
    print(f"\nquery without calls       {raw:.3f} ms plain, {mine:.3f} ms through the planner (+{mine - raw:.3f} ms)")


def picture(path: str) -> None:
    """Draw the queries of which DuckDB alone asks most beyond what is needed."""
    rows = sorted(counted(), key=lambda row: row.needed - row.alone)[:12]
    title = "Questions asked by the twelve everyday queries where DuckDB alone asks most"
    Path(path).write_text(drawn(title, rows), "utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--picture"]:
        picture(sys.argv[2])
        sys.exit()
    suite()
    planning()
    without_calls()
    large(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
