"""The real shell over the engine: the same answers as in Python, its own arguments, errors and exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import ddb_aiquery

QUERIES = [
    "SELECT ai_query('test', 'hello') AS a, ai_query('test', NULL) AS b",
    "SELECT ai_query('test', request => '{\"n\":' || i || '}', returnType => 'STRUCT<n: INT>') AS a FROM range(3) t(i)",
    "SELECT ai_query('test', '[1,2]', responseFormat => 'STRUCT<r: STRUCT<n: ARRAY<INT>>>', failOnError => false) AS a",
    "SELECT ai_query('test', 'x', modelParameters => named_struct('temperature', 0.5, 'stop', ['a'])) AS a",
    "SELECT ai_query('test', [{'role': 'user', 'content': p}]) AS a FROM (SELECT 'a' AS p)",
    "SELECT ai_query('test', 'fail', failOnError => false) AS a",
    "SELECT ai_gen('a poem') AS a, ai_summarize('a text') AS b, ai_translate(NULL, 'en') AS c",
    "SELECT name, task, model FROM ai_endpoints()",
    "SELECT prompt, text FROM ai_cache() ORDER BY ALL",
    "SELECT count(*) AS n, count(DISTINCT ai_query('test', 'p' || i % 7)) AS d FROM range(5000) t(i)",
]


@pytest.mark.usefixtures("config")
def test_the_same_answers_as_in_python(bridge, run, monkeypatch, tmp_path):
    """Every query gives the same rows in the real shell and through `register`, types included."""
    done = run(bridge, "-json", *[word for sql in QUERIES for word in ("-c", sql)])
    assert done.stderr == ""
    monkeypatch.setenv("DDB_AIQUERY_CACHE", str(tmp_path / "other cache"))
    with duckdb.connect() as con:
        ddb_aiquery.register(con)
        for sql, printed in zip(QUERIES, done.stdout.replace("]\n[", "]\0[").split("\0"), strict=True):
            expected = con.execute(f"SELECT to_json(list(q)) FROM ({sql}) q").fetchall()[0][0]
            assert json.loads(printed) == json.loads(expected), sql


@pytest.mark.usefixtures("config")
def test_each_question_is_asked_once(bridge, run, scripted):
    """Many rows and several shells share one cache: each distinct question is sent a single time."""
    sql = "SELECT count(ai_query('test', 'p' || i % 50)) FROM range(10000) t(i)"
    for _ in range(2):
        assert run(bridge, "-csv", "-noheader", "-c", sql).stdout == "10000\n"
    assert scripted.prompts == {f"p{i}": 1 for i in range(50)}


@pytest.mark.usefixtures("config")
def test_an_unknown_endpoint_is_said_once(bridge, run):
    """The message is the engine's own, once, on stderr; the exit status says that the statement failed."""
    done = run(bridge, "-csv", "-c", "SELECT ai_query('tset', 'x' || i) FROM range(2) t(i)")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("unknown endpoint 'tset'") == 1
    assert "Traceback" not in done.stderr


def test_a_settings_error_ends_only_the_call(bridge, run, monkeypatch, tmp_path):
    """Wrong settings are an error that names the file, not a shell without prompt; the next statement runs."""
    file = tmp_path / "wrong.toml"
    file.write_text("[endpoints.test]\nbase_ulr = 'x'\n")
    monkeypatch.setenv("DDB_AIQUERY_CONFIG", str(file))
    done = run(bridge, "-csv", script="SELECT ai_query('test', 'x');\nSELECT 40 + 2;\n")
    assert "base_ulr" in done.stderr
    assert str(file) in done.stderr
    assert "42" in done.stdout


@pytest.mark.usefixtures("config")
def test_scripts_databases_and_output_are_the_shells_own(bridge, run, tmp_path):
    """A piped script, -f and a database file work as ever; the child takes no line and adds none."""
    database, file = tmp_path / "my data.duckdb", tmp_path / "script.sql"
    file.write_text("CREATE TABLE kept AS SELECT ai_query('test', 'kept') AS a;\n")
    assert run(bridge, str(database), "-f", str(file)).returncode == 0
    script = "SELECT a FROM kept;\nSELECT ai_query('test', 'two') AS a;\n.mode json\nSELECT 3 AS a;\n"
    done = run(bridge, "-csv", str(database), script=script)
    assert done.stdout == 'a\necho: kept\na\necho: two\n[{"a":3}]\n'
    assert done.stderr == ""


@pytest.mark.usefixtures("config")
def test_another_database_reads_the_bridge_again(bridge, run, tmp_path):
    """After `.open` the functions come back with the line that started them."""
    read = bridge.command()[-1]
    script = (
        f"SELECT ai_query('test', 'a');\n.open '{tmp_path / 'other.duckdb'}'\n{read}\nSELECT ai_query('test', 'b');\n"
    )
    done = run(bridge, "-csv", "-noheader", script=script)
    assert done.stdout.splitlines() == ["echo: a", "echo: b"]


@pytest.mark.usefixtures("program")
def test_the_native_command_becomes_the_shell(config, monkeypatch, tmp_path):
    """`ddb-aiquery native shell` passes every argument on, --config reaches the child, and no file here is imported."""
    monkeypatch.delenv("DDB_AIQUERY_CONFIG")
    here = tmp_path / "here"
    here.mkdir()
    for trap in ("json.py", "ddb_aiquery.py", "pyarrow.py"):
        (here / trap).write_text("raise SystemExit('imported from the working directory')")
    code = "import sys; from ddb_aiquery._commands.native import shell; shell(sys.argv[2:], sys.argv[1])"
    words = [sys.executable, "-P", "-c", code, str(config), "-csv", "-noheader", "-c", "SELECT ai_query('test', 'x')"]
    root = str(Path(ddb_aiquery.__file__).parents[1])
    done = subprocess.run(
        words, cwd=here, env=os.environ | {"PYTHONPATH": root}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("echo: x\n", "", 0)
