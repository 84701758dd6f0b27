"""A server that nobody here wrote answers ai_query: LiteLLM's proxy with mock replies, which needs no model.

Optional, as the clients are (`test_clients.py` says how); `litellm` is found on the PATH or by DDB_AIQUERY_LITELLM.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import duckdb
import httpx
import pytest

import ddb_aiquery
from ddb_aiquery.errors import AiQueryError

pytestmark = pytest.mark.clients

FOUND = shutil.which(os.environ.get("DDB_AIQUERY_LITELLM") or "litellm")
PROGRAM = FOUND and str(Path(FOUND).absolute())  # it runs in a folder of its own
KEY = "sk-1234567890"
MODELS = """
model_list:
  - {model_name: fine, litellm_params: {model: openai/x, api_key: x, mock_response: "a mocked answer"}}
  - {model_name: broken, litellm_params: {model: openai/x, api_key: x, mock_response: "litellm.InternalServerError"}}
general_settings: {master_key: sk-1234567890}
litellm_settings: {num_retries: 0}
"""


@pytest.fixture(scope="module")
def litellm(tmp_path_factory):
    """The proxy's base URL."""
    if not PROGRAM:
        pytest.skip("litellm is not installed")
    folder = tmp_path_factory.mktemp("litellm")
    (folder / "l.yaml").write_text(MODELS)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [PROGRAM, "--config", "l.yaml", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    environ = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environ)
        try:
            until = time.monotonic() + 180
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"http://127.0.0.1:{port}/health/liveliness", timeout=5).status_code == 200:
                        break
                assert child.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < until, (folder / "log").read_text()[-2000:]
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            child.terminate()
            child.wait(30)


def settings(base_url, name, key=KEY):
    """Return a config with one endpoint."""
    return {"endpoints": {name: {"base_url": base_url, "api_key": key, "deadline_seconds": 2}}}


def test_litellm_answers_sql(litellm) -> None:
    """Rows, a conversation and parameters through a proxy with its own checks."""
    with duckdb.connect() as con:
        ddb_aiquery.register(con, config=settings(litellm, "fine"))
        rows = con.execute("SELECT ai_query('fine', 'p' || i) FROM range(20) t(i)").fetchall()
        assert rows == [("a mocked answer",)] * 20
        said = "[{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'hi'}]"
        parameters = "{'temperature': 0.1, 'max_tokens': 20}"
        query = f"SELECT ai_query('fine', {said}, modelParameters => {parameters})"
        assert con.execute(query).fetchone() == ("a mocked answer",)


def test_litellms_refusals_are_understood(litellm) -> None:
    """A wrong key (without a database, LiteLLM calls it a 400) and an unknown model fail with the proxy's words."""
    with pytest.raises(AiQueryError, match=r"HTTP 40[01]"):
        ddb_aiquery.complete("fine", ["x"], config=settings(litellm, "fine", "sk-wrong-000000"))
    outcome = ddb_aiquery.complete("gone", ["x"], config=settings(litellm, "gone"), fail_on_error=False)[0]
    assert "gone" in outcome.message
