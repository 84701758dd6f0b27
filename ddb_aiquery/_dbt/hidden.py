"""Which views and macros of a database hold a call, so that a text that names one is known to ask.

A text is looked at before it runs: DuckDB ends the transaction when it finds out that a function is missing.
"""

from __future__ import annotations

import re
import threading

import duckdb

from ddb_aiquery._sql import named

_OURS = re.compile(r"\b(__)?ai_\w|\bnamed_struct\b", re.IGNORECASE)
_NAME = r'((?:"[^"]*"|\w+)(?:\s*\.\s*(?:"[^"]*"|\w+))*)'
_MAKES = re.compile(
    r"\bcreate\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+|persistent\s+)?(?:view|macro|function)\s+"
    rf"(?:if\s+not\s+exists\s+)?{_NAME}",
    re.IGNORECASE,
)
_RENAMES = re.compile(rf"\balter\s+view\s+(?:if\s+exists\s+)?{_NAME}\s+rename\s+to\s+{_NAME}", re.IGNORECASE)


def shows_call(text: str) -> bool:
    """Return whether a text names a function of ours."""
    return _OURS.search(text) is not None


class Hidden:
    """The names behind which calls hide. They are learnt from the database once, then from what dbt sends.

    dbt's process has the database to itself. A name that is gone stays: it costs a plan, not a question.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._pattern = _OURS

    def load(self, con: duckdb.DuckDBPyConnection) -> None:
        """Learn the views and macros that are there."""
        statements = named("dbt.sql")
        made = [row for name in ("views", "macros") for row in con.execute(statements[name]).fetchall()]
        while found := {name for name, text in made if name not in self._names and self.asks(text)}:
            self._add(found)  # and those that stand on them

    def asks(self, text: str) -> bool:
        """Return whether a text asks, in itself or through a view or a macro that it names."""
        return self._pattern.search(text) is not None

    def note(self, text: str) -> None:
        """Learn from a statement that asks: the views and macros that it makes or renames."""
        names = {_last(match[1]) for match in _MAKES.finditer(text)}
        self._add(names | {_last(match[2]) for match in _RENAMES.finditer(text)})

    def _add(self, names: set[str]) -> None:
        if names <= self._names:
            return
        with self._lock:
            self._names |= names
            listed = "|".join(re.escape(name) for name in sorted(self._names))
            self._pattern = re.compile(rf"{_OURS.pattern}|(?<!\w)(?:{listed})(?!\w)", re.IGNORECASE)


def _last(path: str) -> str:
    """Return the last part of a name as it is written, without quotes."""
    return path.rpartition(".")[2].strip().strip('"')
