"""`connect`: DuckDB, the functions and the planner in one connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from ddb_aiquery._connection import AiConnection, opened
from ddb_aiquery._session import Session
from ddb_aiquery._settings import load


def connect(
    database: str | Path = ":memory:", read_only: bool = False, *, config: Any = None, **duckdb_options: Any
) -> AiConnection:
    """Open a DuckDB connection with the functions and the planner; all that DuckDB's own offers works on it.

    `config` is a path, a dict or Settings; without it the environment and the usual file decide. `duckdb_options`
    go to DuckDB's `connect` (its own `config` dictionary as `duckdb_config`).

    Raises:
        SettingsError: names the key, the file and the line. duckdb.Error: the database cannot be opened.
    """
    config = load(config)  # as in `complete`
    session = Session(config)
    if "duckdb_config" in duckdb_options:
        duckdb_options["config"] = duckdb_options.pop("duckdb_config")
    return opened(duckdb.connect(str(database), read_only, **duckdb_options), session)
