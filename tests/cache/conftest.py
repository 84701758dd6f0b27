"""Stores and records for the tests of the cache, and children that are real processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import ddb_aiquery
from ddb_aiquery._cache import Store, open_store
from ddb_aiquery._values import Answer, Outcome, Record, Usage

ROOT = Path(ddb_aiquery.__file__).parent.parent


def make_key(name: str | int) -> bytes:
    return hashlib.sha256(str(name).encode()).digest()


def make_record(name: str | int, outcome: Outcome | None = None, **changes: object) -> Record:
    told = outcome or Answer(f"answer {name}", Usage(3, 5), model="m")
    values = {"endpoint": "e", "request": b'{"input":"%b"}' % str(name).encode(), "cost_micro": 7, "at": 1_000.0}
    return Record(make_key(name), outcome=told, **{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def key() -> Callable[..., bytes]:
    return make_key


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, directory: Path) -> Iterator[Store]:
    with open_store(directory if request.param == "file" else None) as it:
        yield it


PRELUDE = """
import hashlib, os, sys, time
from pathlib import Path
from ddb_aiquery._cache import open_store
from ddb_aiquery._values import Answer, Record
from ddb_aiquery.errors import CacheError

def key(name): return hashlib.sha256(str(name).encode()).digest()
def record(name): return Record(key(name), "e", b"r", Answer("answer %s" % name), 7, 1000.0)
def say(*words): print(*words, flush=True)
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python processes that can say and hear lines; what still runs at the end is killed."""
    children: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", PRELUDE + dedent(code), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """Run a Python process to its end and return what it said."""

    def run(code: str, *arguments: object) -> str:
        child = start(code, *arguments)
        out, err = child.communicate()
        assert child.returncode == 0, err
        return out

    return run
