"""Where statements end."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddb_aiquery._shell.splitting import Piece, pieces

STATEMENTS = [
    "SELECT 1",
    "SELECT 'a;b'",
    "SELECT 'it''s; fine'",
    r"SELECT E'it\'s; fine'",
    'SELECT 1 AS "odd; ""name"""',
    "SELECT $$one; two$$",
    "SELECT $tag$one; $$ two$tag$",
    "SELECT 1 -- not; here\n, 2",
    "SELECT /* nor; /* deeper; */ here; */ 3",
    "SELECT\n\n4",
    "CREATE TABLE t (i INT)",
]


@given(st.lists(st.sampled_from(STATEMENTS), max_size=6), st.sampled_from([";", ";\n", " ;\n\n-- a comment\n", "\n;"]))
def test_statements_come_back_as_they_were_written(statements: list[str], end: str) -> None:
    """Semicolons in texts, names and comments end nothing."""
    script = "".join(statement + end for statement in statements)
    found, pending = pieces(script)
    assert [piece.text for piece in found] == statements
    assert not pending


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6))
def test_duckdb_agrees(statements: list[str]) -> None:
    """DuckDB's own parser cuts the script at the same places."""
    script = ";\n".join(statements)
    with duckdb.connect() as con:
        assert len(pieces(script)[0]) == len(con.extract_statements(script))


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("SELECT 1;\nSELECT 2;\n", [1, 2]),
        ("-- a title\n\nSELECT 1;\n\n/* two\nlines */ SELECT\n2;", [3, 6]),
        (".mode csv\nSELECT '\n.not a command\n';\n.quit", [1, 2, 5]),
        ("SELECT 1; SELECT 2", [1, 1]),
    ],
)
def test_each_piece_knows_its_line(script: str, lines: list[int]) -> None:
    """The line is that of the first word, not of a comment before it."""
    assert [piece.line for piece in pieces(script)[0]] == lines


@pytest.mark.parametrize("script", ["SELECT 1", "SELECT ';", "/* ;", 'SELECT "a;', "SELECT $$ ;", "SELECT 1 -- ;"])
def test_what_has_not_ended_is_pending(script: str) -> None:
    """A statement goes on until a semicolon outside texts and comments."""
    assert pieces(script)[1]


@pytest.mark.parametrize("script", ["", "  \n", "-- nothing;\n", "/* nothing; */", ";;;"])
def test_nothing_is_no_piece(script: str) -> None:
    """Blanks, comments and bare semicolons are nothing to run."""
    assert pieces(script) == ([], False)


def test_a_dot_begins_a_command_only_between_statements() -> None:
    """Inside a statement a dot is DuckDB's."""
    assert pieces("  .tables \nSELECT\n.5;")[0] == [Piece(".tables", 1), Piece("SELECT\n.5", 2)]
