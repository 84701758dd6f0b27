"""SQL files and their names."""

from __future__ import annotations

import pytest

from ddb_aiquery._sql import named


def test_every_statement_has_a_name():
    """A statement is found by its name and ends before the next name."""
    statements = named("cache.sql")
    assert statements["bucket"] == "SELECT level, at FROM buckets WHERE bucket = ?;"
    assert all("-- name:" not in text and text for text in statements.values())


def test_an_unknown_file_is_an_error():
    """Nothing is guessed."""
    with pytest.raises(FileNotFoundError):
        named("no such file.sql")
