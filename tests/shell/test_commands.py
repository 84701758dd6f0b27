"""Subcommands: what they print where, and the one line that they say of wrong arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

import ddb_aiquery
from ddb_aiquery.cli import main
from ddb_aiquery.testing import ScriptedEndpoint


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--port", "70000"], "70000 is not from 0 to 65535"),
        (["serve", "--port", "-1"], "-1 is not from 0 to 65535"),
        (["serve", "--port", "http"], "invalid int value"),
        (["serve", "--patience", "-1"], "-1 is not 0 or more"),
        (["usage", "--limit", "0"], "0 is not 1 or more"),
        (["cache", "clear", "--older-than-days", "-1"], "-1 is not 0 or more"),
    ],
)
def test_a_number_out_of_range_is_refused(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    """The usage of the command, and what the number may be; nothing is done."""
    with pytest.raises(SystemExit):
        main(words)
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith(f"usage: ddb-aiquery {words[0]}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["estimate", "SELEC"], "syntax error"),
        (["estimate", "SELECT ai_gen(review) FROM reviews"], "reviews"),
        (["estimate", "SELECT 1", "--database", "missing.duckdb"], "there is no database missing.duckdb"),
    ],
)
def test_what_cannot_be_estimated_is_one_error(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    """No traceback, and no file made on the way."""
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert said in error
    assert not Path("missing.duckdb").exists()


def test_usage_and_cache_are_told_in_words_of_ai_usage(
    capsys: pytest.CaptureFixture[str], scripted: ScriptedEndpoint
) -> None:
    """Costs in dollars and times of the day; in a pipe no column is cut."""
    with ddb_aiquery.connect(config=scripted.settings("test", input_price=1.0, output_price=1.0)) as con:
        con.execute("SELECT ai_query('test', '[bold]q' || i) FROM range(3) t(i)").fetchall()
    assert main(["usage"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("created", "questions", "cost", "seconds", "'[bold]q' || i) FROM range(3)"))
    assert main(["cache", "stats"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (lines["answers"], lines["failures"]) == ("3", "0")
    assert lines["cost_usd"].startswith("$0.0")
    assert lines["oldest"].startswith("20")
