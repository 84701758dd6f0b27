"""Subcommands: what they print where, and the one line that they say of wrong arguments."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import ddb_aiquery
from ddb_aiquery._cache import open_store
from ddb_aiquery._figures import Run
from ddb_aiquery._running import usage_row
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
    assert re.search(r"\$0\.0000[0-9]*[1-9]", shown)  # a small cost is not nothing
    assert main(["cache", "stats"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (lines["answers"], lines["failures"]) == ("3", "0")
    assert lines["cost"].startswith("$0.0")
    assert lines["oldest"].startswith("20")


def test_usage_is_in_the_order_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    """What began first stands first, whatever was written down first."""
    with open_store(Path(os.environ["DDB_AIQUERY_CACHE"])) as store:
        for label, at in (("later", 2_000_000.0), ("earlier", 1_000_000.0)):
            store.record_run({**usage_row(Run(label=label)), "at": at})
    assert main(["usage"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("earlier") < shown.index("later")


def test_a_piped_list_of_endpoints_cuts_no_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The variable that lacks is named in full, on one line."""
    config = tmp_path / "config.toml"
    config.write_text('[endpoints.keyless]\nprovider = "openai"\nmodel = "a-model-with-quite-a-long-name-2026"\n')
    assert main(["endpoints", "--config", str(config)]) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "keyless" in line)
    assert "set the environment variable OPENAI_API_KEY" in line
