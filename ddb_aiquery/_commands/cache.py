"""`ddb-aiquery cache stats|clear|export`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from ddb_aiquery._cache import open_store
from ddb_aiquery._engine.budget import MICRO
from ddb_aiquery._figures import usd
from ddb_aiquery._settings import load

DAY = 86_400.0


def stats(config: Any = None) -> int:
    """Print how many answers are kept, where, and what they cost."""
    settings = load(config)
    found = open_store(settings.cache_directory).stats()
    console = Console(highlight=False, markup=False)
    lines = {
        "directory": settings.cache_directory or "off",
        "answers": f"{found.answers:,}",
        "failures": f"{found.failures:,}",
        "bytes": f"{found.bytes:,}",
        "cost": usd(found.cost_micro / MICRO),
        "oldest": _time(found.oldest),
        "newest": _time(found.newest),
    }
    for name, value in lines.items():
        console.print(f"{name:<10} {value}", soft_wrap=True)
    return 0


def _time(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clear(config: Any = None, *, older_than_days: float | None = None, endpoint: str | None = None) -> int:
    """Forget answers, all of them or only old ones or one endpoint's, and print how many."""
    older = None if older_than_days is None else time.time() - older_than_days * DAY
    count = open_store(load(config).cache_directory).clear(older_than=older, endpoint=endpoint)
    Console(highlight=False, markup=False).print(f"{count:,} answers forgotten")
    return 0


def export(path: str, config: Any = None) -> int:
    """Write every kept answer to a Parquet file, or JSON lines by the file's suffix."""
    open_store(load(config).cache_directory).export(Path(path))
    Console(highlight=False, markup=False).print(f"written to {path}", soft_wrap=True)
    return 0
