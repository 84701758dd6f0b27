"""Tells by its text whether a statement may call: it names ai_something, or a view or macro that does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ddb_aiquery._sql import named

if TYPE_CHECKING:
    import duckdb

_CALL = r"\b(?:__)?ai_\w"
_REDEFINING = re.compile(
    r"(?:^|;)\s*(?:"
    r"create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:recursive\s+)?(?:view|macro|function)"
    r"|drop\s+(?:view|macro|function)|alter|attach|detach|use|import|rollback|set\s+(?:schema|search_path))\b",
    re.IGNORECASE,
)
"""Statements after which other views and macros may hold calls."""


class Callers:
    """The views and macros of a connection that hold calls, read again when a statement may have changed them.

    What another connection defines is not seen until then: it runs through the function, right but unplanned.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._pattern: re.Pattern[str] | None = None

    def named_in(self, text: str) -> bool:
        """Return whether the text names a call or something that holds one."""
        if self._pattern is None:
            self._pattern = self._read()
        return self._pattern.search(text) is not None

    def after(self, text: str) -> None:
        """Take notice of a statement that was run."""
        if _REDEFINING.search(text):
            self._pattern = None

    def _read(self) -> re.Pattern[str]:
        defined = self._connection.execute(named("planner.sql")["definitions"]).fetchall()
        parts, pattern, size = [_CALL], re.compile(_CALL, re.IGNORECASE), 0
        while len(parts) > size:  # views over views
            size = len(parts)
            found = {name for name, body in defined if pattern.search(body)}
            parts = [_CALL, *(rf"\b{re.escape(name)}\b" for name in sorted(found))]
            pattern = re.compile("|".join(parts), re.IGNORECASE)
        return pattern
