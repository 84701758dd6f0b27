"""`ddb-aiquery cache stats|clear|export`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console

from ddb_aiquery._cache import open_store
from ddb_aiquery._settings import load

DAY = 86_400.0


def stats(config: Any = None) -> int:
    """Print how many answers are kept, where, and what they cost."""
    settings = load(config)
    found = open_store(settings.cache_directory).stats()
    console = Console(highlight=False)
    console.print(f"directory  {settings.cache_directory or 'off'}", soft_wrap=True)
    for name in found.__dataclass_fields__:
        console.print(f"{name:<10} {getattr(found, name)}", soft_wrap=True)
    return 0


def clear(config: Any = None, *, older_than_days: float | None = None, endpoint: str | None = None) -> int:
    """Forget answers, all of them or only old ones or one endpoint's, and print how many."""
    older = None if older_than_days is None else time.time() - older_than_days * DAY
    count = open_store(load(config).cache_directory).clear(older_than=older, endpoint=endpoint)
    Console(highlight=False).print(f"{count:,} answers forgotten")
    return 0


def export(path: str, config: Any = None) -> int:
    """Write every kept answer to a Parquet file, or JSON lines by the file's suffix."""
    open_store(load(config).cache_directory).export(Path(path))
    Console(highlight=False).print(f"written to {path}", soft_wrap=True)
    return 0
