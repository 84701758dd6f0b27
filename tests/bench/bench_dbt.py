"""How long Ctrl-C takes in dbt, beside dbt's own time: `python tests/bench/bench_dbt.py [TIMES]`.

A model that waits for an endpoint which never answers, and a model of the same shape that only computes, in a profile
without the plugin. Each run is sent one SIGINT while its model is under way; "told" is when dbt says that it ends,
"gone" when its process is no more. A run is dbt in a process of its own, as a user starts it.
"""

from __future__ import annotations

import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "dbt"))
from shop_project import Driver, Project, environment, profile

from ddb_aiquery.testing import ScriptedEndpoint

TABLE = "{{ config(materialized='table') }} "
ASKING = TABLE + "select ai_query('test', 'q' || i) as a from range(20) r(i)"
COMPUTING = TABLE + "select sum(sin(a.i * b.i)) as a from range(10000000) a(i), range(1000000) b(i)"
BEGUN, TOLD = "START sql table model", "Exited because of keyboard interrupt"
DEADLINE = 60.0


def interrupted(project: Project, under_way: Callable[[], bool]) -> tuple[float, float]:
    """Run the project's models, interrupt dbt as soon as they are under way, and return what it took."""
    run = project.start("run")
    end = time.monotonic() + DEADLINE
    while not under_way():
        if run.poll() is not None or time.monotonic() > end:
            run.kill()
            raise RuntimeError(f"the model was never under way: {run.communicate()[0]}")
        time.sleep(0.01)
    begun = time.perf_counter()
    run.send_signal(signal.SIGINT)
    told = 0.0
    assert run.stdout is not None
    for line in run.stdout:
        if TOLD in line:
            told = time.perf_counter() - begun
    run.wait()
    return told, time.perf_counter() - begun


def make(folder: Path, name: str, profiles: str, model: str) -> Project:
    """Write a project of one model."""
    made = Project(folder / name, Driver.__new__(Driver), environment(folder / name, folder / "cache"))
    settings = json.dumps({"name": "shop", "version": "1.0", "profile": "shop"})
    made.write({"dbt_project.yml": settings, "profiles.yml": profiles, "models/answers.sql": model})
    return made


def started(project: Project) -> Callable[[], bool]:
    """Return a condition that holds a second after dbt has begun the project's model."""
    log = project.path / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    seen: list[float] = []

    def under_way() -> bool:
        if not seen and log.exists() and BEGUN in log.read_text():
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] > 1

    return under_way


def main(times: int) -> None:
    figures: dict[str, list[tuple[float, float]]] = {"asking": [], "computing": []}
    with ScriptedEndpoint(latency=3600) as stuck, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asking = make(folder, "asking", profile(stuck), ASKING)
        plain = json.loads(profile(stuck))
        del plain["shop"]["outputs"]["dev"]["plugins"]
        computing = make(folder, "computing", json.dumps(plain), COMPUTING)
        for _ in range(times):
            for title, project in (("asking", asking), ("computing", computing)):
                figures[title].append(interrupted(project, started(project)))
    for title, runs in figures.items():
        told, gone = zip(*runs, strict=True)
        print(
            f"Ctrl-C in dbt, a model that is {title}: told after {statistics.median(told):.2f} s (at most "
            f"{max(told):.2f}), gone after {statistics.median(gone):.2f} s (at most {max(gone):.2f}), {times} runs"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
