"""ai_query for DuckDB: call language models from SQL, asking each distinct question once.

`connect` opens a DuckDB connection with the functions and the planner, `register` puts the functions into a
connection that you made, `complete` is the same engine without SQL.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddb_aiquery import errors
    from ddb_aiquery._complete import complete
    from ddb_aiquery._connect import connect
    from ddb_aiquery._connection import AiConnection
    from ddb_aiquery._figures import Estimate, Run
    from ddb_aiquery._functions import register
    from ddb_aiquery._settings import Settings
    from ddb_aiquery._translate import translate
    from ddb_aiquery._values import Answer, Failure

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
_HOMES = {
    "AiConnection": "_connection",
    "Answer": "_values",
    "Estimate": "_figures",
    "Failure": "_values",
    "Run": "_figures",
    "Settings": "_settings",
    "complete": "_complete",
    "connect": "_connect",
    "register": "_functions",
    "translate": "_translate",
}
"""Where each name lives. It is loaded when it is first used: the shell's prompt waits for no engine."""


if not TYPE_CHECKING:  # a type checker knows the names from above, and should miss any other

    def __getattr__(name: str) -> Any:
        if name == "errors":
            return import_module("ddb_aiquery.errors")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext ddb_aiquery`: gives the notebook `%%ai_sql`."""
    from ddb_aiquery import notebook  # noqa: PLC0415 (IPython is optional)

    notebook.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext ddb_aiquery`: takes the magics and the bar back."""
    from ddb_aiquery import notebook  # noqa: PLC0415 (IPython is optional)

    notebook.unload(shell)
