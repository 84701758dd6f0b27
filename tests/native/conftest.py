"""A built bridge, the real `duckdb`, and settings that point at the scripted endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests' own modules

from ddb_aiquery._shell.native.bridge import Bridge, usual
from ddb_aiquery._shell.native.build import NativeError, Recipe, compiler
from ddb_aiquery._shell.native.duckdb_program import Program, find
from ddb_aiquery.testing import ScriptedEndpoint

ECHO = (sys.executable, str(Path(__file__).with_name("echo_child.py")))
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def build_once(monkeypatch: pytest.MonkeyPatch, built: Path) -> None:
    """Keep what is built for the whole session, outside the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(built))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache directory of the whole session."""
    return tmp_path_factory.mktemp("native-cache")


@pytest.fixture(scope="session")
def program() -> Program:
    """The machine's own `duckdb`; without it or a compiler there is nothing to test."""
    if compiler() is None:
        pytest.skip("no C compiler")
    try:
        return find()
    except NativeError as error:
        pytest.skip(str(error))


@pytest.fixture
def config(scripted: ScriptedEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file with the scripted endpoint as `test`, named by the environment."""
    entry = scripted.settings("test")["endpoints"]["test"]
    file = tmp_path / "config.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    file.write_text("\n".join(["[endpoints.test]", *lines, "[defaults]", 'endpoint = "test"', ""]))
    monkeypatch.setenv("DDB_AIQUERY_CONFIG", str(file))
    return file


@pytest.fixture
def bridge(program: Program) -> Bridge:
    """The bridge from the machine's `duckdb` to the package's engine."""
    return usual(program)


@pytest.fixture
def echo(program: Program) -> Bridge:
    """A bridge to a child that gives every argument back as text."""
    return Bridge(program, Recipe(program.platform, ECHO))


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a bridge's program to its end: words for its command line, `script` for its stdin."""

    def run(bridge: Bridge, *arguments: str, script: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            bridge.command(arguments),
            input=script,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | environ,
        )

    return run


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB 2 from the wheel, with the bridge to the echoing child."""
    if compiler() is None:
        pytest.skip("no C compiler")
    with pytest.MonkeyPatch.context() as patch, duckdb.connect(config={"allow_unsigned_extensions": "true"}) as con:
        patch.setenv("XDG_CACHE_HOME", str(built))
        (platform,) = con.execute("PRAGMA platform").fetchone() or ("",)
        con.execute(f"LOAD '{Recipe(platform, ECHO).build()}'")
        yield con


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Callable[[], list[int]]]:
    """Find this test's child processes by a variable in their environment; none may be left at the end."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc to look for processes in")
    mark = f"DDB_AIQUERY_TEST_MARK={tmp_path}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*mark.split("=", 1))

        def found() -> list[int]:
            return [pid for pid in _processes() if mark in _read(pid, "environ") and "python" in _read(pid, "comm")]

        yield found
        end = time.monotonic() + 20
        while found() and time.monotonic() < end:
            time.sleep(0.05)
        assert found() == []


def _processes() -> list[int]:
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()
    ]


def _read(pid: int, what: str) -> str:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace")
    except OSError:
        return ""  # it has ended, or is somebody else's
