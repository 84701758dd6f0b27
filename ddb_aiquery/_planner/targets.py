"""Where a statement writes to: looked at before anything is asked, since nobody gets answers that cannot be written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ddb_aiquery._planner import normal_form
from ddb_aiquery._planner.text import plain, tokens
from ddb_aiquery._sql import named

if TYPE_CHECKING:
    from ddb_aiquery._planner.records import Statement
    from ddb_aiquery._planner.text import Span


class Hopeless(Exception):
    """The statement fails whatever is answered; `error` says why in DuckDB's words."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def settled(connection: duckdb.DuckDBPyConnection, statement: Statement, cut: Span) -> bool:
    """Return whether the statement is done without its query: CREATE TABLE IF NOT EXISTS of a table that is there.

    The connection must have the planner's macro for binding, under which no call is evaluated.

    Raises:
        Hopeless: it cannot be written there.
        duckdb.Error: the target does not fit the query (no such table, another number of columns, ...).
    """
    normal_form.bind(connection, statement.text, statement.parameters)
    if statement.kind == "COPY":
        _check_folder(cut.after)
    words = [token.word for token in tokens(cut.before)]
    if statement.kind != "CREATE" or not _is_taken(connection, words):
        return False
    try:
        connection.execute(statement.text, statement.parameters)
    except duckdb.Error as error:
        raise Hopeless(error) from None
    return True


def _is_taken(connection: duckdb.DuckDBPyConnection, words: Sequence[str]) -> bool:
    """Return whether what `CREATE TABLE name AS` makes is there already: a view, where it would be replaced."""
    start = words.index("table") + 1
    if words[start : start + 3] == ["if", "not", "exists"]:
        start += 3
    *around, name = [plain(word) for word in words[start : _end(words, start)] if word != "."]
    given = {
        "name": name,
        "schema": around[-1] if around else None,
        "database": around[0] if len(around) > 1 else None,
        "temporary": not {"temp", "temporary"}.isdisjoint(words[:start]),
    }
    kinds = {kind for (kind,) in connection.execute(named("planner.sql")["taken"], given).fetchall()}
    return "view" in kinds if "replace" in words[:start] else bool(kinds)


def _end(words: Sequence[str], start: int) -> int:
    return next(at for at in range(start, len(words)) if words[at] in {"as", "("})


def _check_folder(after: str) -> None:
    """Fail where COPY's file would stand in a folder that is not there, or not ours to write in."""
    close, to, target, *_ = tokens(after)
    if (close.word, to.word, target.word[:1]) != (")", "to", "'"):
        return  # the path is an expression
    path = after.encode()[target.start + 1 : target.end - 1].decode().replace("''", "'")
    folder = Path(path).parent
    if "://" in path or path.startswith("/dev/") or os.access(folder, os.W_OK):
        return
    why = "its folder cannot be written" if folder.exists() else "its folder is not there"
    raise Hopeless(duckdb.IOException(f'IO Error: Cannot open file "{path}": {why}; nothing was asked'))
