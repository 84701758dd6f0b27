"""`ddb-aiquery usage`: one line a statement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from ddb_aiquery._cache import open_store
from ddb_aiquery._settings import load

MICRO = 1_000_000
COLUMNS = ("at", "rows", "questions", "cached", "sent", "failed", "cost", "saved", "seconds", "statement")


def run(config: Any = None, limit: int = 20) -> int:
    """Print what the last statements asked and cost, oldest first."""
    table = Table(*COLUMNS)
    for row in open_store(load(config).cache_directory).runs()[-limit:]:
        at = datetime.fromtimestamp(row["at"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        counts = [f"{row[name]:,}" for name in COLUMNS[1:6]]
        money = [f"${row[name] / MICRO:.4f}" for name in ("cost_micro", "saved_micro")]
        statement = row["label"] or " ".join(row["sql"].split())[:60]
        table.add_row(at, *counts, *money, f"{row['seconds']:.1f}", statement)
    Console(highlight=False).print(table)
    return 0
