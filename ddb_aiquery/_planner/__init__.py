"""The planner: from a statement's text to the questions that any correct evaluation must ask, and no other.

The way: `normal_form` (DuckDB binds the text), `bind` (the bound tree taken apart, calls carried up by `rules`),
`stages` (what to ask in which order), `questions` (as SQL), `running` (on a connection), `planner` (all of it).
"""

from __future__ import annotations

from ddb_aiquery._planner.calls import Unplannable
from ddb_aiquery._planner.functions import Functions, read_functions
from ddb_aiquery._planner.planner import Planner, in_transaction
from ddb_aiquery._planner.records import PLANNED, WRITES, Finish, Outcome, Statement
from ddb_aiquery._planner.running import Asker, Memory, Stage

__all__ = [
    "PLANNED",
    "WRITES",
    "Asker",
    "Finish",
    "Functions",
    "Memory",
    "Outcome",
    "Planner",
    "Stage",
    "Statement",
    "Unplannable",
    "in_transaction",
    "read_functions",
]
