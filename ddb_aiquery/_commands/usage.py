"""`ddb-aiquery usage`: one line a statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from ddb_aiquery._cache import open_store
from ddb_aiquery._engine.budget import MICRO
from ddb_aiquery._figures import usd
from ddb_aiquery._settings import load

COLUMNS = ("created", "rows", "questions", "cached", "sent", "failed", "cost", "saved", "seconds", "statement")
NARROW = frozenset({"created", "questions", "sent", "cost", "statement"})
"""What is shown where a terminal has no room for all."""
WIDE = 120


def run(config: Any = None, limit: int = 20) -> int:
    """Print what the last statements asked and cost, oldest first."""
    runs = open_store(load(config).cache_directory).runs()  # as they ended, a gateway's minute after what it overlaps
    console = Console(highlight=False, markup=False)
    if not runs:
        console.print("No statement has asked anything yet.")
        return 0
    console.width = console.width if console.is_terminal else 2 * WIDE
    shown = [name for name in COLUMNS if console.width >= WIDE or name in NARROW]
    table = Table(*(Column(name, no_wrap=True) for name in shown))
    for row in sorted(runs, key=lambda row: row["at"])[-limit:]:
        line = _line(row)
        table.add_row(*(line[name] for name in shown))
    console.print(table)
    return 0


def _line(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "created": datetime.fromtimestamp(row["at"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        **{name: f"{row[name]:,}" for name in COLUMNS[1:6]},
        "cost": usd(row["cost_micro"] / MICRO),
        "saved": usd(row["saved_micro"] / MICRO),
        "seconds": f"{row['seconds']:.1f}",
        "statement": row["label"] or " ".join(row["sql"].split())[:60],
    }
