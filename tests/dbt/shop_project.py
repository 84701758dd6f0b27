"""A dbt project of a few files, and one process that runs dbt on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from ddb_aiquery.testing import ScriptedEndpoint

ROOT = Path(__file__).parents[2]
QUIET = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a dbt command did."""

    success: bool
    exception: str
    log: list[str]
    nodes: dict[str, dict[str, str]]

    def message(self, name: str) -> str:
        """Return what dbt says of one node."""
        return next(node["message"] for unique_id, node in self.nodes.items() if unique_id.endswith(f".{name}"))

    def about(self, name: str) -> list[str]:
        """Return our lines of the log about one node."""
        return [line for line in self.log if line.startswith("ddb_aiquery adapter") and f".{name}:" in line]


class Driver:
    """dbt in a process of its own."""

    def __init__(self) -> None:
        program = [sys.executable, str(Path(__file__).with_name("driver.py"))]
        self._child = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **QUIET}
        )

    def run(self, arguments: list[str], environment: Mapping[str, str]) -> Outcome:
        """Run one dbt command."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        request = {"arguments": arguments, "environment": dict(environment)}
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        return Outcome(**json.loads(self._child.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.wait()


@dataclass(slots=True)
class Project:
    """A dbt project whose endpoint `test` is a scripted one."""

    path: Path
    driver: Driver
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the project."""
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)

    def arguments(self, command: str) -> list[str]:
        """Return a command with where the project is."""
        return [*command.split(), "--project-dir", str(self.path), "--profiles-dir", str(self.path)]

    def dbt(self, command: str) -> Outcome:
        """Run a dbt command."""
        return self.driver.run(self.arguments(command), self.environment)

    def estimate(self) -> str:
        """Return what `ddb-aiquery estimate --dbt-project` prints, without its lines."""
        outcome = self.driver.run(["estimate", "--dbt-project", str(self.path)], self.environment)
        assert outcome.success, outcome.exception
        return " ".join("".join(outcome.log).replace("│", " ").split())

    def start(self, command: str, program: str = "from dbt.cli.main import cli; cli()") -> subprocess.Popen[str]:
        """Start a dbt command in a process of its own, as a user does."""
        return subprocess.Popen(
            [sys.executable, "-c", program, *self.arguments(command)],
            env={**os.environ, **QUIET, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Query the database that dbt has written."""
        with duckdb.connect(str(self.path / "shop.duckdb"), read_only=True) as con:
            return con.execute(query).fetchall()


def profile(endpoint: ScriptedEndpoint, **plugin: Any) -> str:
    """Return a profiles.yml, which may be JSON."""
    priced = endpoint.settings("test", input_price=1000.0, output_price=1000.0, parameters={"max_tokens": 10})
    entry = {"module": "ddb_aiquery.dbt", "config": {"config": priced, **plugin}}
    path = "{{ env_var('SHOP_DATABASE') }}"
    output = {"type": "duckdb", "path": path, "threads": 4, "plugins": [entry]}
    return json.dumps({"shop": {"target": "dev", "outputs": {"dev": output}}})


def environment(path: Path, cache: Path) -> dict[str, str]:
    """Return what tells a project's files from another test's."""
    return {"SHOP_DATABASE": str(path / "shop.duckdb"), "DDB_AIQUERY_CACHE": str(cache)}
