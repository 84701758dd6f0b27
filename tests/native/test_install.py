"""install, uninstall, status: what is missing is said, nothing of the user's is touched, 2.x trusts a file by name."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from ddb_aiquery._commands import native
from ddb_aiquery._shell.native.bridge import Bridge, remove
from ddb_aiquery._shell.native.build import NativeError, Recipe, c_string, directory
from ddb_aiquery._shell.native.duckdb_program import find


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """A cache directory with nothing built in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own-cache"))


@pytest.fixture
def duckdb2(monkeypatch, tmp_path):
    """A program `duckdb` whose version is 2, with a home of its own."""
    script = tmp_path / "duckdb"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("duckdb2.py")} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("DDB_AIQUERY_DUCKDB", str(script))
    return find()


def test_without_a_program_the_message_says_what_to_install(monkeypatch):
    """Where the named `duckdb` is none, the error names it and the remedy."""
    monkeypatch.setenv("DDB_AIQUERY_DUCKDB", "/no/such/duckdb")
    with pytest.raises(NativeError, match="/no/such/duckdb, which is no program: install DuckDB's command line"):
        find()


@pytest.mark.usefixtures("own_cache")
def test_without_a_compiler_the_message_says_what_to_install(program, monkeypatch, tmp_path, capsys):
    """Where there is no C compiler, building says how to get one, and status shows it without a traceback."""
    monkeypatch.setenv("DDB_AIQUERY_DUCKDB", str(program.path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NativeError, match=r"no C compiler: install one .* or use the shell `ddb-aiquery`"):
        Recipe(program.platform, ("x",)).build()
    assert native.status() == 1
    assert "compiler   none" in capsys.readouterr().out


@pytest.mark.usefixtures("own_cache")
def test_a_failing_compiler_is_quoted(program):
    """What the compiler complains about is in the message."""
    with pytest.raises(NativeError, match=r"cannot compile the native bridge: .*--no-such-flag"):
        Recipe(program.platform, ("x",), ("--no-such-flag",)).build()


def test_a_text_survives_as_a_c_literal():
    """Digits after an octal escape, quotes and newlines stay what they are."""
    assert c_string('a"1\n\\é') == '"a\\0421\\012\\134\\303\\251"'


@pytest.mark.usefixtures("own_cache")
def test_install_builds_once_and_uninstall_removes_it(program, monkeypatch, capsys):
    """The second build takes the first one's file; after uninstall nothing of ours is left."""
    monkeypatch.setenv("DDB_AIQUERY_DUCKDB", str(program.path))
    home = Path(os.environ["HOME"])
    assert native.status() == 1
    assert native.install() == 0
    built = Bridge(program, Recipe(program.platform, ())).recipe.path.parents[1]
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*") if path.is_file()}
    assert native.install() == 0
    assert native.status() == 0
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*") if path.is_file()} == before
    assert not (home / ".duckdbrc").exists()
    assert native.uninstall() == 0
    assert not directory().exists()
    assert "works      yes" in capsys.readouterr().out


def test_the_users_start_file_still_runs(bridge, run, tmp_path):
    """The shell reads the user's own start file as ever, and it stays as it was."""
    start = tmp_path / "home" / ".duckdbrc"
    start.parent.mkdir()
    start.write_text("CREATE MACRO mine() AS 'my own';\n")
    done = run(bridge, "-csv", "-noheader", "-c", "SELECT mine(), __ai_structure(NULL, NULL, true)")
    assert done.stdout == 'my own,"""VARCHAR"""\n'
    assert start.read_text() == "CREATE MACRO mine() AS 'my own';\n"


@pytest.mark.usefixtures("own_cache")
def test_duckdb_2_trusts_the_signed_file_by_name(duckdb2, run, echo):
    """On 2.x no -unsigned is needed: a repository of one file, signed once, is installed, used, renewed and removed."""
    assert duckdb2.has_repositories
    bridge = Bridge(duckdb2, Recipe(duckdb2.platform, echo.recipe.command))
    command = bridge.command(["-json", "-c", "SELECT __ai_query('by name') AS a"])
    assert "-unsigned" not in command
    assert json.loads(run(bridge, "-json", "-c", "SELECT __ai_query('by name') AS a").stdout) == [{"a": "'by name'"}]
    installed = list(duckdb2.extensions.rglob("*.duckdb_extension"))
    assert len(installed) == 1
    other = Bridge(duckdb2, Recipe(duckdb2.platform, echo.recipe.command, ("-O1",)))
    assert json.loads(run(other, "-json", "-c", "SELECT __ai_query('anew') AS a").stdout) == [{"a": "'anew'"}]
    assert json.loads(run(bridge, "-json", "-c", "SELECT __ai_query('back') AS a").stdout) == [{"a": "'back'"}]
    remove(duckdb2)
    assert not installed[0].exists()
    assert not directory().exists()
