"""The table of differences names every argument and function, and says of none what is not so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ddb_aiquery._results.request import MAX_FILE_BYTES
from ddb_aiquery._terms import ARGUMENTS
from ddb_aiquery._translate.rules import ABSENT

TEXT = (Path(__file__).parent.parent.parent / "examples" / "databricks.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| (.+?) \| (same|more|different|not here) \|", TEXT, re.MULTILINE))


@pytest.fixture
def functions(con):
    """Return the names of all public functions."""
    rows = con.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_name LIKE 'ai\\_%' ESCAPE '\\'"
    )
    return {row[0] for row in rows.fetchall()}


def test_every_argument_and_function_has_a_row(functions):
    """Nothing is left out, and nothing is named that neither exists nor is said to be absent."""
    named = set(re.findall(r"`(\w+)", " ".join(ROWS)))
    assert set(ARGUMENTS) <= named
    assert functions - {"ai_query"} <= named
    absent = set(re.findall(r"\w+", " ".join(first for first, word in ROWS.items() if word == "not here")))
    assert absent == set(ABSENT)
    assert {name for name in named if name.startswith("ai_")} == functions - {"ai_query"} | (absent - {"vector_search"})


def test_its_figures_are_those_of_the_code():
    """The limits in the text are the limits in the code."""
    assert f"{MAX_FILE_BYTES >> 20} MB a file" in TEXT


def test_every_condition_is_in_the_code():
    """Each condition of the last table is raised somewhere, but for those said not to be."""
    source = "".join(
        path.read_text("utf-8") for path in Path(__file__).parent.parent.parent.glob("ddb_aiquery/**/*.py")
    )
    conditions = TEXT.split("## Error conditions")[1].replace("AI_FUNCTION_HTTP_PARSE_CAST_ERROR", "HTTP_PARSE_")
    conditions = conditions.replace("AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR", "COLUMNS")
    here = conditions.split("Not `UNSUPPORTED_ENDPOINT_TYPE`")[0]
    for name in re.findall(r"`([A-Z_]{6,})`", here):
        assert name in source
    assert "UNSUPPORTED_ENDPOINT_TYPE" not in source
    assert "MODEL_SCHEMA_PARSE_ERROR" not in source
