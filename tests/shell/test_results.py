"""What results look like, and where they go."""

from __future__ import annotations

import csv
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("shell")
Run = Callable[..., "subprocess.CompletedProcess[str]"]
DUCKDB = shutil.which("duckdb", path=str(Path(sys.executable).parent))
WIDE = "SELECT 1 AS a, 'x,y' AS b, NULL AS n, 1.50::DECIMAL(4,2) AS d, true AS t, [1, 2] AS l, 'a<b>|' AS h"


def test_csv_and_json_can_be_read_back(ran: Run) -> None:
    """Whatever stands in a value, a reader gets it back."""
    text = 'quote " comma , line\nend \\ and ünïcode'
    sql = f"SELECT '{text}' AS t, 12345678901234567890.5::DECIMAL(38, 1) AS d, {{'k': [1, NULL]}} AS s"
    assert list(csv.reader(io.StringIO(ran("-csv", "-c", sql).stdout)))[1][:2] == [text, "12345678901234567890.5"]
    (row,) = json.loads(ran("-json", "-c", sql).stdout)
    assert row == {"t": text, "d": "12345678901234567890.5", "s": {"k": [1, None]}}
    assert json.loads(ran("-json", "-c", "FROM range(0)").stdout) == []


@pytest.mark.skipif(DUCKDB is None, reason="needs the duckdb shell (the package duckdb-cli)")
def test_output_is_that_of_duckdb(ran: Run) -> None:
    """Every mode gives, character for character, what the `duckdb` shell gives."""
    modes = ["box", "html", "json", "jsonlines", "line", "list", "markdown", "quote", "table", "tabs"]
    script = "".join(f".mode {mode}\n{WIDE};\n" for mode in modes)
    theirs = subprocess.run([str(DUCKDB)], input=script, capture_output=True, text=True, check=True)
    assert ran(stdin=script).stdout == theirs.stdout


@pytest.mark.skipif(DUCKDB is None, reason="needs the duckdb shell (the package duckdb-cli)")
def test_a_box_is_that_of_duckdb(ran: Run) -> None:
    """A piped box ends where it ends, as from the `duckdb` shell, and a long result is cut alike."""
    script = "SELECT 1 AS a, 'text' AS b;\nSELECT 2 AS c;\nFROM range(100);\n"
    theirs = subprocess.run([str(DUCKDB)], input=script, capture_output=True, text=True, check=True)
    assert ran(stdin=script).stdout == theirs.stdout


def test_numbers_in_lists_are_numbers_in_json(ran: Run) -> None:
    """Only a number by itself that a double cannot hold is a text."""
    (row,) = json.loads(ran("-json", "-c", "SELECT [1.5, 2.5] AS l, {'d': 0.5} AS s, 1.5 AS d").stdout)
    assert row == {"l": [1.5, 2.5], "s": {"d": 0.5}, "d": "1.5"}


def test_rows_become_inserts(ran: Run) -> None:
    """`.mode insert TABLE` writes statements that bring the rows back, whatever names and texts hold."""
    begun = 'CREATE TABLE "my t" ("order" INT, t VARCHAR);\nINSERT INTO "my t" VALUES (1, \'it\'\'s\'), (2, NULL);\n'
    made = ran(stdin=begun + '.mode insert "my t"\nFROM "my t";\n').stdout
    assert made.count("INSERT INTO") == 2
    again = ran(stdin=begun + f'DELETE FROM "my t";\n{made}.mode list\n.headers off\nFROM "my t";\n')
    assert again.stdout == "1|it's\n2|NULL\n"


def test_a_file_is_imported(ran: Run, home: Path) -> None:
    """`.import` makes the table, adds to one that is there, and reads a file by what its name ends in."""
    (home / "some.csv").write_text('a,b\n1,x\n2,"y,z"\n', encoding="utf-8")
    (home / "some.jsonl").write_text('{"a": 3, "b": "j"}\n', encoding="utf-8")
    script = ".import some.csv t\n.import some.csv t\n.import some.jsonl t\n.mode list\n.headers off\nFROM t;\n"
    done = ran(stdin=script)
    assert (done.returncode, done.stdout) == (0, "1|x\n2|y,z\n1|x\n2|y,z\n3|j\n")
    missing = ran(stdin=".import nosuch.csv t\n")
    assert missing.returncode == 1
    assert missing.stderr.startswith("stdin:1: IO Error: No files found")


def test_results_go_to_a_command(ran: Run, home: Path) -> None:
    """`.output |COMMAND` pipes what follows, `.once` one statement; a command that leaves early ends nothing."""
    script = (
        ".mode list\n.headers off\n.output |tr a-z A-Z > loud.txt\nSELECT 'loud';\n.output\n"
        ".once once.txt\nSELECT 'once';\nSELECT 'screen';\n"
        ".once |head -1 > first.txt\nFROM range(1000000);\nSELECT 'after';\n"
    )
    done = ran(stdin=script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "screen\nafter\n", "")
    read = [(home / name).read_text(encoding="utf-8") for name in ("loud.txt", "once.txt", "first.txt")]
    assert read == ["LOUD\n", "once\n", "0\n"]


@pytest.mark.parametrize(
    ("separator", "null", "written"),
    [
        ("ü", "ö", "aüb\n1üö\n"),
        (r"\t", r"\N", "a\tb\n1\t\\N\n"),
        (r"\x3b", "\\", "a;b\n1;\\\n"),
        ("::", "", "a::b\n1::\n"),
        (r"\q", "x", "a\\qb\n1\\qx\n"),
    ],
)
def test_separators_are_any_text(ran: Run, separator: str, null: str, written: str) -> None:
    """Not only one ASCII character, by flag or by command; what is no escape stands for itself."""
    flags = ran("-csv", "-separator", separator, "-nullvalue", null, "-c", "SELECT 1 AS a, NULL AS b")
    assert (flags.stdout, flags.stderr) == (written, "")
    typed = f".mode csv\n.separator '{separator}'\n.nullvalue '{null}'\nSELECT 1 AS a, NULL AS b;\n"
    assert ran(stdin=typed).stdout == written


def test_a_long_separator_guards_values(ran: Run) -> None:
    """A value that holds it, a quote or a line's end is in quotes."""
    sql = "SELECT 'x::y' AS a, 'p:q' AS b, 'say \"hi\"' AS c, E'two\\nlines' AS d"
    done = ran("-csv", "-noheader", "-separator", "::", "-c", sql)
    assert done.stdout == '"x::y"::p:q::"say ""hi"""::"two\nlines"\n'


def test_types_that_arrow_lacks_are_shown_with_calls_too(ran: Run) -> None:
    """An answer beside a UUID or an ENUM does not change how DuckDB writes them."""
    sql = "SELECT ai_query('test', 'typed') AS said, 'b'::ENUM('a', 'b') AS e, 1::HUGEINT AS h"
    assert "enum('a', 'b')" in ran("-c", sql).stdout
    assert "int128" in ran("-c", sql).stdout


def test_a_signal_cuts_nothing_off_a_result() -> None:
    """What is written to a slow reader is whole, also where PYTHONUNBUFFERED is set, as it is in many containers."""
    code = """
import signal
signal.signal(signal.SIGUSR1, lambda *_: None)
from ddb_aiquery.cli import main
main(["-csv", "-noheader", "-c", "SELECT repeat('x', 3000000)"])
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as shell:
        assert shell.stdout is not None
        select.select([shell.stdout], [], [])  # it has begun to write, and stands until somebody reads
        shell.send_signal(signal.SIGUSR1)
        assert len(shell.stdout.read().strip()) == 3_000_000
