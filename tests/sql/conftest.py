"""Two stages: `script`, the macros over a scripted `__ai_query` without an engine; `con`, all of it, planned and not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb.sqltypes import VARCHAR

import ddb_aiquery
from ddb_aiquery._results.parameters import read_parameters
from ddb_aiquery._results.request import read_files, read_request
from ddb_aiquery._results.shape import shape
from ddb_aiquery._sql import named
from ddb_aiquery._values import Answer, Form
from ddb_aiquery.testing import ScriptedEndpoint
from ddb_aiquery.testing._dialogue import default_answer

FILES = ("ai_query.sql", "named_struct.sql", "prompts.sql", "tasks.sql")


@dataclass(frozen=True)
class Asked:
    """What one row asked."""

    endpoint: str
    form: Form
    request: str
    parameters: str
    response_format: str | None
    files: tuple[bytes, ...]


@dataclass
class Script:
    """Answers by a function, keeps what was asked, each question once."""

    reply: Callable[[Asked], str] = lambda asked: f"re: {asked.request}"
    asked: list[Asked] = field(default_factory=list)
    con: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def row(self, endpoint: Any, request: Any, *rest: Any) -> str | None:
        """Answer one row as the engine does."""
        return_type, fail_on_error, parameters, response_format, files, _session = rest
        if request is None:
            return None
        shaped = shape(return_type, response_format, fail_on_error)
        form, text = read_request(request, {"embed": "embedding", "custom": "custom"}.get(endpoint, "chat"))
        asked = Asked(endpoint, form, text, read_parameters(parameters), shaped.response_format, read_files(files))
        if asked not in self.asked:
            self.asked.append(asked)
        return shaped.document(shaped.read(Answer(self.reply(asked))))

    def all(self, sql: str, parameters: Any = None) -> list[Any]:
        """Run a statement and return the first column."""
        return [row[0] for row in self.con.execute(sql, parameters).fetchall()]

    def one(self, sql: str, parameters: Any = None) -> Any:
        """Run a statement and return its one value."""
        (value,) = self.all(sql, parameters)
        return value

    def type(self, sql: str) -> str:
        """Return the type of the first column, as DESCRIBE knows it."""
        row = self.con.execute(f"DESCRIBE {sql}").fetchone()
        assert row is not None
        return str(row[1])

    def endpoints(self, chat: str = "chat", embedding: str | None = None) -> None:
        """Set the default endpoints."""
        name = "NULL" if embedding is None else f"'{embedding}'"
        self.con.execute(
            "CREATE OR REPLACE TEMP MACRO __ai_default_endpoint(task := 'chat') AS "
            f"CASE task WHEN 'embedding' THEN {name} ELSE '{chat}' END"
        )

    def macros(self) -> None:
        """Register the functions and create the macros."""

        def documents(*columns: Any) -> pa.Array:
            rows = zip(*(column.to_pylist() for column in columns), strict=True)
            return pa.array([self.row(*row) for row in rows], pa.large_string())

        def structures(*columns: Any) -> pa.Array:
            rows = zip(*(column.to_pylist() for column in columns), strict=True)
            return pa.array([shape(*row).structure for row in rows], pa.large_string())

        for name, function in (("__ai_query", documents), ("__ai_structure", structures)):
            self.con.create_function(
                name, function, None, VARCHAR, type="arrow", null_handling="special", side_effects=False
            )
        self.con.execute("CREATE TEMP MACRO __ai_session() AS 'session'")
        self.endpoints()
        for file in FILES:
            for statement in named(file).values():
                self.con.execute(statement)


@pytest.fixture
def script():
    """Return a Script whose connection has every macro."""
    scripted = Script()
    scripted.macros()
    yield scripted
    scripted.con.close()


class Served:
    """One scripted server behind a chat, an embedding and a custom endpoint; `reply` may be changed at any time."""

    def __init__(self) -> None:
        self.reply: Any = default_answer
        self.server = ScriptedEndpoint(self._answer)

    def _answer(self, prompt: str, request: dict[str, Any]) -> Any:
        return self.reply(prompt, request)

    def settings(self, **defaults: str) -> dict[str, Any]:
        """Return the settings of the three endpoints; `chat` is the default one."""
        tasks = {"chat": "chat", "embed": "embedding", "custom": "custom"}
        endpoints = {
            name: self.server.settings(name, task=task)["endpoints"][name] | self._address(task)
            for name, task in tasks.items()
        }
        return {"endpoints": endpoints, "defaults": {"endpoint": "chat", **defaults}}

    def _address(self, task: str) -> dict[str, str]:
        return {"base_url": f"{self.server.base_url}/invocations"} if task == "custom" else {}

    def says(self, text: Any) -> None:
        """Let every answer be this one."""
        self.reply = lambda _prompt, _request: text

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The requests that came in."""
        return [json.loads(received.body) for received in self.server.received]


@pytest.fixture
def served() -> Iterator[Served]:
    """Return the server behind `con`."""
    made = Served()
    with made.server:
        yield made


@pytest.fixture(params=["connect", "register"])
def con(request: pytest.FixtureRequest, served: Served) -> Iterator[Any]:
    """Return a connection over `served`, planned and not."""
    make = {
        "connect": ddb_aiquery.connect,
        "register": lambda config: ddb_aiquery.register(duckdb.connect(), config=config),
    }
    with make[request.param](config=served.settings()) as made:
        yield made
