"""The shell as a user starts it: a home of its own, a settings file, and a scripted endpoint behind it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ddb_aiquery.testing import ScriptedEndpoint

sys.path.insert(0, str(Path(__file__).parent))
from terminal import PROGRAM, ROOT, Terminal, write_settings

Ran = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ScriptedEndpoint]:
    """An endpoint that answers `echo: <prompt>`."""
    with ScriptedEndpoint(lambda prompt, _request: f"echo: {prompt}") as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's home, and the folder in which the shell is started."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def environ(home: Path, endpoint: ScriptedEndpoint) -> dict[str, str]:
    """The environment of the program: only this home, only this endpoint."""
    settings = endpoint.settings("test", input_price=1.0, output_price=1.0)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DDB_", "DATABRICKS", "XDG", "COLUMNS", "LINES"))
    }
    return kept | {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "DDB_AIQUERY_CACHE": str(home / "cache"),
        "DDB_AIQUERY_CONFIG": str(write_settings(home / "config.toml", settings)),
        "PYTHONPATH": str(ROOT),
        "PROMPT_TOOLKIT_NO_CPR": "1",
        "TERM": "xterm-256color",
        "PYTHONWARNINGS": "error",
    }


@pytest.fixture(scope="module")
def ran(environ: dict[str, str], home: Path) -> Callable[..., Ran]:
    """Run the program to its end, without a terminal."""

    def run(*words: str, stdin: str = "", **more: str) -> Ran:
        return subprocess.run(
            [*PROGRAM, *words],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env=environ | more,
            cwd=home,
            check=False,
        )

    return run


@pytest.fixture
def opened(environ: dict[str, str], home: Path) -> Iterator[Callable[..., Terminal]]:
    """Start the program in a terminal."""
    terminals: list[Terminal] = []

    def start(*words: str, **more: str) -> Terminal:
        terminals.append(Terminal([*PROGRAM, *words], environ | more, cwd=home))
        terminals[-1].wait_for("D")
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()
