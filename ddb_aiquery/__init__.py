"""ai_query for DuckDB: call language models from SQL, asking each distinct question once.

`connect` opens a DuckDB connection with the functions and the planner, `register` puts the functions into a
connection that you made, `complete` is the same engine without SQL.
"""

from __future__ import annotations

from ddb_aiquery import errors
from ddb_aiquery._complete import complete
from ddb_aiquery._functions import register
from ddb_aiquery._settings import Settings
from ddb_aiquery._values import Answer, Estimate, Failure, Run

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Estimate",
    "Failure",
    "Run",
    "Settings",
    "complete",
    "errors",
    "register",
]
