"""What `dbt build` would ask and cost, before it starts: compiled by dbt, counted by the planner, nothing is sent.

The SQL of each model, snapshot and data test is counted over stand-ins for what it reads: temporary views with today's
SQL of the models before it. So a view that changes, or a table that is not built yet, counts as the run would find it.
An incremental model stands as what it holds plus what it would add, which is an upper limit. A view asks nothing
itself: who reads it does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from ddb_aiquery._connection import AiConnection
from ddb_aiquery._dbt.cursors import PlanningCursor
from ddb_aiquery._dbt.hidden import shows_call
from ddb_aiquery._figures import Estimate
from ddb_aiquery._sql import literal
from ddb_aiquery.errors import AiQueryError

GROWING = frozenset({"incremental", "snapshot"})
READ_LATER = frozenset({"view", "table_function"})
LATER = "asks nothing until it is read: what reads it is counted"
OVER = "reads what the run has yet to make: upper limits, its questions included"


@dataclass(frozen=True, slots=True)
class Line:
    """One model's estimate; `counted` is False where nothing is known but the note."""

    name: str
    estimate: Estimate
    counted: bool = True


def estimate_project(project: Path) -> list[Line]:
    """Return an estimate of every model, snapshot and data test that asks, in the order in which they run.

    Raises:
        AiQueryError: dbt cannot compile the project, or its profile has no planner.
    """
    nodes = _compiled(project)
    try:
        with _connection() as con:
            return list(_lines(con, project, nodes))
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def _compiled(project: Path) -> list[Any]:
    """Let dbt compile the project; return its models, seeds, snapshots and tests, each after what it reads."""
    place = ["--project-dir", str(project)]
    if (project / "profiles.yml").exists() and "DBT_PROFILES_DIR" not in os.environ:
        place += ["--profiles-dir", str(project)]
    outcome = dbtRunner().invoke(["--quiet", "--log-level", "none", "compile", *place])
    results: list[Any] = getattr(outcome.result, "results", [])
    if not outcome.success:
        reasons = outcome.exception or "; ".join(str(r.message) for r in results if str(r.status) == "error")
        raise AiQueryError(f"dbt cannot compile {project}: {' '.join(str(reasons).split())}")
    found = {result.node.unique_id: result.node for result in sorted(results, key=lambda r: str(r.node.unique_id))}
    before = {name: found.keys() & set(getattr(node.depends_on, "nodes", ())) for name, node in found.items()}
    kinds = {"model", "seed", "snapshot", "test"}
    return [found[name] for name in TopologicalSorter(before).static_order() if found[name].resource_type in kinds]


@contextlib.contextmanager
def _connection() -> Iterator[AiConnection]:
    """Open the database as the profile says, by dbt-duckdb itself."""
    handle = DuckDBConnectionManager.env().handle()  # type: ignore[no-untyped-call]
    try:
        cursor = getattr(handle.cursor(), "_cursor", None)
        cursor = getattr(cursor, "_cursor", cursor) if not isinstance(cursor, PlanningCursor) else cursor
        if not isinstance(cursor, PlanningCursor):
            raise AiQueryError("the profile's target has no plugin ddb_aiquery.dbt with the planner; add it")
        yield cursor.planner()
    finally:
        handle.close()


def _lines(con: AiConnection, project: Path, nodes: list[Any]) -> Iterator[Line]:
    stands: dict[str, str] = {}
    unsure: set[str] = set()
    views: set[str] = set()  # that ask when they are read
    for place, node in enumerate(nodes):
        source, read = _text(node, project), set(getattr(node.depends_on, "nodes", ()))
        text, exists = _over(source, stands), _exists(con, node)
        grows = exists and node.config.materialized in GROWING and _has_rows(con, text)
        bound = not unsure.isdisjoint(read)
        asks = _calls(con, node, source) or not views.isdisjoint(read)
        later = node.config.materialized in READ_LATER
        if asks and later:
            yield Line(node.name, Estimate(note=LATER))
            views.add(node.unique_id)
        elif asks:
            line = _line(con, node.name, text, bound=bound)
            asks = not line.counted or line.estimate.questions > 0 or node.config.materialized in GROWING
            if asks:
                yield line
        same = exists and (node.resource_type == "seed" or (node.config.materialized in GROWING and not grows))
        if bound or grows or (asks and not same and not later):
            unsure.add(node.unique_id)
        if same or not text or node.resource_type == "test":
            continue
        if grows:
            text = f"SELECT * FROM {node.relation_name} UNION ALL BY NAME ({text})"  # noqa: S608 (dbt has quoted it)
        name = f"__ai_stand_{place}"
        with contextlib.suppress(duckdb.Error):  # whoever reads it says what is wrong
            con.execute(f"CREATE TEMP VIEW {name} AS {text}")
            stands[node.relation_name] = name


def _calls(con: AiConnection, node: Any, source: str) -> bool:
    """Return whether a node's own text calls, or names a macro or a view of the database that does."""
    if node.resource_type == "seed":
        return False
    return con.has_calls(source) if source else shows_call(node.raw_code)


def _has_rows(con: AiConnection, text: str) -> bool:
    """Return whether an incremental model would add rows; True where answers decide, which are not known."""
    try:
        return bool(text) and bool(con.execute(f"SELECT 1 FROM ({text}) LIMIT 1").fetchall())  # noqa: S608
    except (duckdb.Error, AiQueryError):
        return True


def _text(node: Any, project: Path) -> str:
    """Return a node's query: of a seed its file, of a test what is counted of its rows, of a Python model nothing."""
    if node.resource_type == "seed":
        return f"SELECT * FROM read_csv({literal(str(project / node.original_file_path))})"  # noqa: S608
    if node.language != "sql":
        return ""
    text = str(node.compiled_code or "").strip().rstrip(";")
    if node.resource_type == "test" and not node.config.store_failures:
        return f"SELECT {node.config.fail_calc} FROM ({text}\n)"  # noqa: S608 (as dbt does)
    return text


def _over(text: str, stands: Mapping[str, str]) -> str:
    for relation, name in stands.items():
        text = text.replace(relation, name)
    return text


def _exists(con: AiConnection, node: Any) -> bool:
    try:
        con.raw.execute(f"DESCRIBE {node.relation_name}").fetchall()
    except duckdb.Error:
        return False
    return True


def _line(con: AiConnection, name: str, text: str, *, bound: bool) -> Line:
    if not text:
        return Line(name, Estimate(note="not counted: a Python model decides itself what it asks"), counted=False)
    try:
        made = con.estimate(text)
    except (duckdb.Error, AiQueryError) as error:
        return Line(name, Estimate(note=f"not counted: {str(error).splitlines()[0]}"), counted=False)
    counted = not made.note.startswith("unplanned")
    if bound and counted:
        note = f"{OVER}; {made.note}" if made.open else OVER
        made = replace(made, bound=not made.is_endless, note=note)
    return Line(name, made, counted)
