"""Python objects as tables: which variables and registered objects a statement reads, and DuckDB's view of them."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping
from types import FrameType, FunctionType
from typing import Any

import duckdb

from ddb_aiquery._planner import in_transaction
from ddb_aiquery._planner.text import plain, tokens
from ddb_aiquery._relation import AiRelation
from ddb_aiquery._sql import named

_TABULAR = frozenset({"pandas", "pyarrow", "polars", "numpy", "duckdb", "_duckdb"})

_WORD = re.compile(r"[^\W\d]\w*")
_LOOKED_AT = 100_000
"""Characters of a text in which variables are looked for: beyond it there are rows."""
_READ = re.compile(r'\b(?:from|join)\s+"?([^\W\d]\w*)', re.IGNORECASE)
"""What a text reads, at first sight."""


class PythonTables:
    """The Python objects that the statements of one connection can name."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.registered: dict[str, Any] = {}

    def read_by(self, text: str, frame: FrameType | None) -> Mapping[str, Any]:
        """Return the objects that a statement reads as tables, relations answered."""
        found = {
            name: value.to_arrow_table() if isinstance(value, AiRelation) else value
            for name, value in self.variables(text, frame).items()
        }
        if self.registered:
            words = {plain(token.word) for token in tokens(text)}
            found |= {name: value for name, value in self.registered.items() if name in words}
        return found

    def variables(self, text: str, frame: FrameType | None) -> dict[str, Any]:
        """Return the caller's variables that a statement names and the database has no table for."""
        try:
            names = self._names(text)
        except duckdb.BinderException:  # it binds to tables without columns, which USING cannot join
            names = set(_READ.findall(text))
        except duckdb.Error:
            return {}
        seen = {name: _variable(name, frame) for name in names}
        return {name: value for name, value in seen.items() if value is not None and not self._is_table(name)}

    def _names(self, text: str) -> set[str]:
        """Return the tables that a statement names; an error must not abort the user's own transaction."""
        if not in_transaction(self._connection):
            return self._connection.get_table_names(text)
        with self._connection.duplicate() as other:  # unlike a cursor's, its macros are not made anew
            return other.get_table_names(text)

    def _is_table(self, name: str) -> bool:
        return bool(self._connection.execute(named("planner.sql")["is_table"], [name, name]).fetchall())


def visible(text: str, frame: FrameType | None) -> dict[str, Any]:
    """Return the table-like variables that the caller, or its callers, can see and a text has words for.

    DuckDB itself looks at our frames first, whose variables have names too.
    """
    words, found = set(_WORD.findall(text[:_LOOKED_AT])), {}
    while frame is not None and words:
        for names in (frame.f_locals, frame.f_globals):
            for name in words.intersection(names):
                if _is_tabular(names[name]):
                    found[name] = names[name]
        words -= found.keys()
        frame = frame.f_back
    return found


def called_with(variables: Mapping[str, Any], method: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a method of DuckDB's from a frame that sees these variables: DuckDB looks for tables among them."""
    seen = {"__builtins__": builtins, **variables}  # without builtins DuckDB cannot look at all
    return FunctionType(_submit.__code__, seen)(method, *args, **options)


def _submit(__ai_method: Any, /, *__ai_arguments: Any, **__ai_options: Any) -> Any:
    return __ai_method(*__ai_arguments, **__ai_options)


def _variable(name: str, frame: FrameType | None) -> Any:
    """Return the table-like variable of that name that the caller, or its callers, can see."""
    while frame is not None:
        for names in (frame.f_locals, frame.f_globals):
            value = names.get(name)
            if _is_tabular(value):
                return value
        frame = frame.f_back
    return None


def _is_tabular(value: Any) -> bool:
    root = type(value).__module__.partition(".")[0]
    return isinstance(value, AiRelation) or root in _TABULAR or hasattr(value, "__arrow_c_stream__")
