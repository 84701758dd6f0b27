"""`ddb-aiquery endpoints`: what the settings know, and with `--test` which of them answer."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.table import Table

import ddb_aiquery
from ddb_aiquery._settings import load
from ddb_aiquery.errors import AiQueryError


def run(config: Any = None, *, test: bool = False) -> int:
    """Print a line an endpoint; 1 when a tested one did not answer."""
    settings = load(config)
    table = Table("name", "provider", "task", "model", "state")
    failed = False
    for name in settings.entries:
        try:
            endpoint = settings.endpoint(name)
            state = _tried(name, settings) if test else "set up"
            table.add_row(name, endpoint.provider, endpoint.task, endpoint.model, state)
        except AiQueryError as error:
            failed = True
            table.add_row(name, "", "", "", str(error))
    Console(highlight=False).print(table)
    return int(failed and test)


def _tried(name: str, settings: Any) -> str:
    begun = time.monotonic()
    ddb_aiquery.complete(name, ["Say OK."], config=settings, parameters={"max_tokens": 5})
    return f"answered in {time.monotonic() - begun:.2f} s"
