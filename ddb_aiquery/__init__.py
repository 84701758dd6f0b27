"""ai_query for DuckDB: call language models from SQL, asking each distinct question once.

`connect` opens a DuckDB connection with the functions and the planner, `register` puts the functions into a
connection that you made, `complete` is the same engine without SQL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from ddb_aiquery import errors
from ddb_aiquery._complete import complete
from ddb_aiquery._connection import AiConnection
from ddb_aiquery._functions import install, register
from ddb_aiquery._session import Session
from ddb_aiquery._settings import Settings, load
from ddb_aiquery._values import Answer, Estimate, Failure, Run

__version__ = "0.1.0"
__all__ = [
    "AiConnection",
    "Answer",
    "Estimate",
    "Failure",
    "Run",
    "Settings",
    "complete",
    "connect",
    "errors",
    "register",
    "translate",
]


def connect(
    database: str | Path = ":memory:", read_only: bool = False, *, config: Any = None, **duckdb_options: Any
) -> AiConnection:
    """Open a DuckDB connection with the functions and the planner; all that DuckDB's own offers works on it.

    `config` is a path, a dict or Settings; without it the environment and the usual file decide. `duckdb_options`
    go to DuckDB's `connect` (its own `config` dictionary as `duckdb_config`).

    Raises:
        SettingsError: names the key, the file and the line. duckdb.Error: the database cannot be opened.
    """
    session = Session(load(config))
    if "duckdb_config" in duckdb_options:
        duckdb_options["config"] = duckdb_options.pop("duckdb_config")
    raw = duckdb.connect(str(database), read_only, **duckdb_options)
    install(raw, session)
    return AiConnection(raw, session)


def translate(sql: str) -> str:
    """Turn Databricks SQL with AI functions into DuckDB SQL, so that a saved query runs.

    Raises:
        CallError: what has no counterpart, with its line and column.
    """
    from ddb_aiquery import _translate  # noqa: PLC0415 (it alone loads sqlglot)

    return _translate.translate(sql)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext ddb_aiquery`: gives the notebook `%%ai_sql`."""
    from ddb_aiquery import notebook  # noqa: PLC0415 (IPython is optional)

    notebook.load(shell)
