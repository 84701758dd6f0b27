"""`ddb-aiquery estimate SQL`: rows, questions, tokens and cost, without one call."""

from __future__ import annotations

from typing import Any

from rich.console import Console

import ddb_aiquery


def run(sql: str, database: str = ":memory:", config: Any = None) -> int:
    """Print the estimate of one statement."""
    with ddb_aiquery.connect(database, config=config) as con:
        estimate = con.estimate(sql)
    console = Console(highlight=False)
    for name in estimate.__dataclass_fields__:
        value = getattr(estimate, name)
        if value or name not in {"note", "bound"}:
            console.print(f"{name:<13} {value:,}" if isinstance(value, int) else f"{name:<13} {value}", soft_wrap=True)
    return 0
