"""A small dbt project for each test, and one process that runs dbt on it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("dbt.adapters.duckdb")
sys.path.insert(0, str(Path(__file__).parent))

from shop_project import Driver, Project, environment, profile

from ddb_aiquery.testing import ScriptedEndpoint


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """One dbt process for all tests."""
    started = Driver()
    yield started
    started.close()


@pytest.fixture
def project(tmp_path: Path, driver: Driver, scripted: ScriptedEndpoint) -> Project:
    """An empty project named `shop` over the scripted endpoint, `threads: 4`."""
    made = Project(tmp_path / "shop", driver, environment(tmp_path / "shop", tmp_path / "cache"))
    made.write(
        {
            "dbt_project.yml": json.dumps({"name": "shop", "version": "1.0", "profile": "shop"}),
            "profiles.yml": profile(scripted),
        }
    )
    return made
