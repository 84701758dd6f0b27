"""Six ways to ask the same endpoint: five packages of other people and curl, and SQL beside them.

Optional, and each in an environment of its own, since they do not agree with dbt nor with each other (one minute; the
pip 23 that comes with Python 3.11 chooses versions for two more):

    python3 -m venv .venv/clients && .venv/clients/bin/pip install -q -e '.[clients]'
    python3 -m venv .venv/litellm && .venv/litellm/bin/pip install -q 'litellm[proxy]'
    export DDB_AIQUERY_CLIENTS_PYTHON=.venv/clients/bin/python DDB_AIQUERY_LITELLM=.venv/litellm/bin/litellm
    .venv/bin/pytest -n 0 -m clients tests/clients
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import ddb_aiquery

from ..gateway.conftest import TOKEN, running  # noqa: TID252 (tests are no package)

pytestmark = pytest.mark.clients

PYTHON = os.environ.get("DDB_AIQUERY_CLIENTS_PYTHON", sys.executable)
CLIENTS = {
    "openai": "openai",
    "databricks": "databricks.sdk",
    "mlflow": "mlflow.deployments",
    "langchain": "databricks_langchain",
    "databricks_openai": "databricks_openai",
}
ANSWER = "echo: and then"
STREAMING = {"openai", "mlflow", "langchain"}


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    """A gateway with an empty cache."""
    monkeypatch.delenv("DDB_AIQUERY_CACHE")
    with running(tmp_path) as found:
        yield found


def run(name, gateway):
    """Run one client and return what it heard."""
    there = subprocess.run([PYTHON, "-c", f"import {CLIENTS[name]}"], capture_output=True, check=False)
    if there.returncode:
        pytest.skip(f"{CLIENTS[name]} is not installed")
    script = Path(__file__).with_name("client.py")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("DATABRICKS_", "OPENAI_"))}
    done = subprocess.run(
        [PYTHON, str(script), name, gateway.url, TOKEN], capture_output=True, text=True, check=False, env=environ
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("HEARD")), None)
    assert line, done.stderr[-3000:]
    return json.loads(line.removeprefix("HEARD"))


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_of_other_people(name, gateway) -> None:
    """A conversation with parameters, the same again without a call, a stream, the lists and an error."""
    heard = run(name, gateway)
    assert heard["talk"] == heard["again"] == ANSWER
    assert gateway.upstream.prompts["and then"] == 1
    sent = next(r for r in gateway.upstream.received if b"and then" in r.body)
    assert json.loads(sent.body)["max_tokens"] == 32
    assert json.loads(sent.body)["temperature"] == 0.5
    if name in STREAMING:
        assert heard["stream"] == ANSWER
    if "error" in heard:
        assert "known: test" in heard["error"]
    if "models" in heard:
        assert "test" in heard["models"]
    if "task" in heard:
        assert heard["task"] == "llm/v1/chat"
    if "embedding" in heard:
        assert len(heard["embedding"]) == 8


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("login", [["-u", f"token:{TOKEN}"], ["-H", f"Authorization: Bearer {TOKEN}"]])
def test_curl(gateway, login) -> None:
    """REST as documented, whole and as a stream, by both ways to log in; a wrong token is a 401."""
    data = json.dumps({"messages": [{"role": "user", "content": "hi"}]})
    url = f"{gateway.url}/serving-endpoints/test/invocations"
    command = ["curl", "-sS", "-w", "\n%{http_code}", "-H", "Content-Type: application/json", "-d", data, url]
    for _ in range(2):
        said, status = subprocess.run([*command, *login], capture_output=True, text=True, check=True).stdout.rsplit(
            "\n", 1
        )
        assert status == "200"
        assert json.loads(said)["choices"][0]["message"]["content"] == "echo: hi"
    assert gateway.upstream.requests == 1
    streamed = [part if part != data else json.dumps({**json.loads(data), "stream": True}) for part in command]
    said = subprocess.run([*streamed, *login], capture_output=True, text=True, check=True).stdout
    assert said.count("data: ") > 2
    assert "data: [DONE]" in said
    assert gateway.upstream.requests == 1
    refused = subprocess.run([*command, "-u", "token:wrong"], capture_output=True, text=True, check=True).stdout
    assert refused.endswith("401")


def test_sql_shares_the_answers(gateway) -> None:
    """What a client asked, SQL does not ask again, and the other way round."""
    assert gateway.chat("from a client").status_code == 200
    with duckdb.connect() as con:
        ddb_aiquery.register(con, config=gateway.config)
        query = "SELECT ai_query('test', p) FROM (VALUES ('from a client'), ('from sql')) t(p)"
        assert con.execute(query).fetchall() == [("echo: from a client",), ("echo: from sql",)]
    assert gateway.chat("from sql").headers["x-ddb-aiquery-cached"] == "true"
    assert gateway.upstream.requests == 2
