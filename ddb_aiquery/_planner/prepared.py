"""Prepared statements: kept as text, planned when they are executed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ddb_aiquery._planner.text import plain

if TYPE_CHECKING:
    import duckdb

    from ddb_aiquery._planner.text import Token

EXECUTE = re.compile(r"\bexecute\b", re.IGNORECASE)
"""What a text that runs a prepared statement must hold."""


class Prepared:
    """The texts behind the names that PREPARE gave on one connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._texts: dict[str, str] = {}

    def may_be_in(self, text: str) -> bool:
        """Return whether a text may execute one of them."""
        return bool(self._texts) and EXECUTE.search(text) is not None

    def keep(self, text: str, listed: Sequence[Token]) -> None:
        """Remember `PREPARE name AS ...`."""
        start = next(token.end for token in listed if token.word == "as")
        self._texts[plain(listed[1].word)] = text.encode()[start:].decode().strip()

    def text_of(self, words: Sequence[str]) -> str | None:
        """Return the text that `EXECUTE name ...` means, None for a name that is not known here."""
        return self._texts.get(plain(words[1])) if len(words) > 1 else None

    def arguments(self, text: str, listed: Sequence[Token]) -> Any:
        """Return the values that EXECUTE passes: a list, a dictionary of named ones, or None."""
        if len(listed) < 3 or listed[2].word != "(":  # noqa: PLR2004 (the name stands between)
            return None
        inside = text.encode()[listed[2].end :].decode().rpartition(")")[0]
        named = ":=" in inside
        rows = self._connection.execute(f"SELECT struct_pack({inside})" if named else f"SELECT {inside}").fetchall()
        return rows[0][0] if named else list(rows[0])
