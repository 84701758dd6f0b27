"""Databricks' documented calls, rewritten: each runs, planned, not planned and translated, with the documented types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ddb_aiquery._translate import translate
from ddb_aiquery.testing._dialogue import default_answer

_, *PARTS = re.split(r"(?m)^-- name: (\w+)\n", Path(__file__).with_name("databricks.sql").read_text("utf-8"))
SNIPPETS = dict(zip(PARTS[::2], PARTS[1::2], strict=True))
TABLES = SNIPPETS.pop("tables")


def note(snippet: str, name: str) -> str:
    """Return what a snippet's comment says under a name."""
    found = re.search(rf"(?m)^-- {name}: (.*)$", snippet)
    return found[1] if found else ""


def run(con, text):
    """Run a script and return the types and the rows of its last statement."""
    *before, last = [one.query for one in con.extract_statements(text)]
    for one in before:
        con.execute(one)
    types = [row[1].replace('"', "") for row in con.execute(f"DESCRIBE {last}").fetchall()]
    return types, con.execute(last).fetchall()


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_documented_call_runs_with_its_types(con, served, name):
    """The text as it stands, where DuckDB can read it, and its translation give rows of the documented types."""
    snippet = SNIPPETS[name]
    if reply := note(snippet, "reply"):
        served.says(reply)
    else:
        served.reply = default_answer
    types = note(snippet, "types").split(" | ")
    texts = [translate(snippet)] if note(snippet, "spelling") else [snippet, translate(snippet)]
    for text in texts:
        con.execute(TABLES)
        found, rows = run(con, text)
        assert found == types
        assert rows
        assert any(value is not None for row in rows for value in row)


def test_there_are_enough_of_them():
    """At least 60 snippets stand here, each with its types, for ai_query and every task function."""
    assert len(SNIPPETS) >= 60
    assert all(note(snippet, "types") for snippet in SNIPPETS.values())
    names = [
        "query",
        "sentiment",
        "classify",
        "extract",
        "fix_grammar",
        "gen",
        "mask",
        "similarity",
        "summarize",
        "translate",
    ]
    assert {name for name in names if any(snippet.startswith(name) for snippet in SNIPPETS)} == set(names)
