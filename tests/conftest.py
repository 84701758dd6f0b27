"""What every test stands on: an empty home, no keys, no calls out, and a scripted endpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint, no_calls_out

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of the processes that tests start would compile everything anew


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give each test its own home, cache and no credential."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DATABRICKS_HOST", "DATABRICKS_TOKEN", "DDB_AIQUERY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    monkeypatch.setenv("DDB_AIQUERY_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True, scope="session")
def guard() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    with no_calls_out():
        yield


@pytest.fixture
def scripted() -> Iterator[ScriptedEndpoint]:
    """A scripted endpoint that answers `echo: <prompt>`."""
    with ScriptedEndpoint(lambda prompt, _request: f"echo: {prompt}") as server:
        yield server


@pytest.fixture
def con(scripted: ScriptedEndpoint) -> Iterator[ddb_aiquery.AiConnection]:
    """A connection whose default endpoint `test` is the scripted one."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as made:
        yield made
