"""Shows what was done: a statement's result after its transaction has ended, and the stages of a plan."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ddb_aiquery._figures import Estimate
from ddb_aiquery._sql import named

if TYPE_CHECKING:
    import duckdb

    from ddb_aiquery._planner.records import Outcome
    from ddb_aiquery._planner.running import Stage


def present(connection: duckdb.DuckDBPyConnection, settle: Callable[[], Any]) -> None:
    """Read what a writing statement gave back, let it be committed, and make the same rows the open result."""
    described = connection.description or []
    if [column[0] for column in described] == ["Count"]:
        rows = connection.fetchall()
        settle()
        connection.execute(named("planner.sql")["present_count"], [rows[0][0] if rows else 0])
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a second copy of the returned rows is wanted here
        __ai_returned = connection.to_arrow_table()
    settle()
    connection.execute(named("planner.sql")["present_rows"])


def stages_text(outcome: Outcome) -> str:
    """Return the stages of a statement as lines of text."""
    if outcome.unplanned and not outcome.stages:
        return f"not planned: {outcome.unplanned}"
    lines = [_line(place, stage) for place, stage in enumerate(outcome.stages, 1)] or ["no question"]
    return "\n".join([*lines, *([f"then not known: {outcome.unplanned}"] if outcome.unplanned else [])])


def _line(place: int, stage: Stage) -> str:
    most = "" if stage.exact else "at most "
    known = f" ({stage.cached:,} known)" if stage.cached else ""
    rows = f" in {stage.rows:,} rows" if stage.rows else ""
    return f"stage {place}: {most}{stage.questions:,} questions{known}{rows}"


def estimated(outcome: Outcome) -> Estimate:
    """Return the figures of a counted statement as one Estimate."""
    listed = outcome.stages
    bound = not outcome.unplanned and any(not stage.exact for stage in listed)
    unpriced = any(stage.cost_usd is None for stage in listed)
    limits = "counted at most, not priced" if unpriced else "upper limits"
    note = f"{outcome.unplanned}, and is not counted" if outcome.unplanned else ""
    return Estimate(
        rows=sum(stage.rows for stage in listed),
        questions=sum(stage.questions for stage in listed),
        cached=sum(stage.cached for stage in listed),
        to_send=sum(stage.to_send for stage in listed),
        input_tokens=sum(stage.input_tokens for stage in listed),
        cost_usd=sum(stage.cost_usd or 0.0 for stage in listed),
        bound=bound,
        note=note or (f"later stages depend on answers: {limits}" if bound else ""),
        open=bool(outcome.unplanned) or unpriced,
    )


def show_plan(connection: duckdb.DuckDBPyConnection, outcome: Outcome, rows: Sequence[tuple[str, str]]) -> None:
    """Make the stages, and DuckDB's own plan below them, the open result."""
    listed = [("ai_plan", stages_text(outcome)), *rows]
    connection.execute(
        named("planner.sql")["explained"], [[key for key, *_ in listed], [text for _, text, *_ in listed]]
    )
