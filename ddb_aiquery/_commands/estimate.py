"""`ddb-aiquery estimate SQL`: rows, questions, tokens and cost, without one call; of a dbt project, model by model."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Column, Table

import ddb_aiquery
from ddb_aiquery._figures import Estimate, usd
from ddb_aiquery.errors import AiQueryError

COUNTS = ("questions", "cached", "to_send")
COLUMNS = (*COUNTS, "input_tokens")


def run(sql: str, database: str = ":memory:", config: Any = None) -> int:
    """Print the estimate of one statement, or several.

    Raises:
        AiQueryError: there is no such database, or DuckDB cannot read the statement.
    """
    if database != ":memory:" and not Path(database).exists():
        raise AiQueryError(f"there is no database {database}")
    try:
        with ddb_aiquery.connect(database, config=config) as con:
            estimate = con.estimate(sql)
    except duckdb.Error as error:
        raise AiQueryError(str(error)) from None
    sys.stdout.write(f"{estimate}\n")
    return 0


def run_dbt(project: str) -> int:
    """Print the estimate of a whole `dbt build`, one line a node; the settings are those of its profile."""
    try:
        from ddb_aiquery._dbt.estimate import estimate_project  # noqa: PLC0415 (dbt is optional)
    except ImportError:
        raise AiQueryError("--dbt-project needs dbt: pip install 'ddb-aiquery[dbt]'") from None
    lines = estimate_project(Path(project))
    table = Table(Column("model", overflow="fold"), *COLUMNS, "cost")
    for line in lines:
        table.add_row(line.name, *(_row(line.estimate) if line.counted else "?" * (len(COLUMNS) + 1)))
    counted = [line.estimate for line in lines if line.counted]
    if len(lines) > 1:
        table.add_row("all" if len(counted) == len(lines) else "all but ?", *_row(_total(counted)))
    console = Console(highlight=False, markup=False)
    console.print(table)
    for line in lines:
        if line.estimate.note:
            console.print(f"{line.name}: {line.estimate.note}", soft_wrap=True)
    return 0


def _row(estimate: Estimate) -> list[str]:
    most, more = "<= " if estimate.bound else "", "+" if estimate.open else ""
    counts = [f"{most}{getattr(estimate, name):,}{more if estimate.is_endless else ''}" for name in COUNTS]
    priced = (f"{estimate.input_tokens:,}", usd(estimate.cost_usd))
    return [*counts, *(f"{text}{more}" if more else f"{most}{text}" for text in priced)]


def _total(estimates: list[Estimate]) -> Estimate:
    """Return the sum; equal questions of several models are asked once, so it is an upper limit."""
    total = sum(estimates, Estimate())
    several = sum(estimate.to_send > 0 for estimate in estimates) > 1
    return replace(total, bound=(total.bound or several) and not total.is_endless)
