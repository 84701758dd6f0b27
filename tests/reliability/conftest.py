from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ddb_aiquery

sys.path.insert(0, str(Path(__file__).parent))  # the harnesses beside the tests


@pytest.fixture
def open_plain() -> Iterator[Callable[..., duckdb.DuckDBPyConnection]]:
    """Open connections with the functions under given settings; they are closed after the test."""
    made: list[duckdb.DuckDBPyConnection] = []

    def make(config: Any) -> duckdb.DuckDBPyConnection:
        made.append(ddb_aiquery.register(duckdb.connect(), config=config))
        return made[-1]

    yield make
    for con in made:
        con.close()


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python code in a process of its own, which shares the test's cache directory."""

    def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environ},
            timeout=120,
        )

    return run
