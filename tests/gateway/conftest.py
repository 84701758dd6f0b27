"""A gateway in a process of its own before a scripted endpoint, and a client that has its token."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from ddb_aiquery.testing import Malformed, Refusal, ScriptedEndpoint, Slow, Status, Truncated

pytest.importorskip("uvicorn", reason="needs ddb-aiquery[server]")
pytest.importorskip("httptools", reason="needs ddb-aiquery[server]")

TOKEN = "a-token-of-at-least-32-characters-for-tests"  # noqa: S105
PACKAGE = Path(__file__).parents[2]


CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}}


def says(message, finish):
    """Return a reply with this message."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return Malformed(json.dumps({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}).encode())


def answer(prompt, request):
    """Answer or fail as the prompt says."""
    word, _, rest = prompt.partition(":")
    steps = {
        "429": lambda: Status(429, retry_after=int(rest or 7), message="slow down"),
        "500": lambda: Status(500, message="out of order"),
        "401": lambda: Status(401, message="who are you"),
        "400": lambda: Status(400, message="no such voice"),
        "slow": lambda: Slow(float(rest or 0.5)),
        "truncated": lambda: Truncated("half an ans"),
        "refused": lambda: Refusal("I would rather not."),
        "tool": lambda: says({"content": rest or None, "tool_calls": [CALL]}, "tool_calls"),
        "think": lambda: says({"content": "42", "reasoning_content": "hm " * 200}, "stop"),
    }
    if word in steps:
        return steps[word]()
    if "dataframe_records" in request:
        return {"sum": sum(value for value in request["dataframe_records"][0].values() if type(value) is int)}
    return f"echo: {prompt}"


@dataclass
class Running:
    """A gateway that listens, its upstream, and a client with the token."""

    url: str
    process: subprocess.Popen
    upstream: ScriptedEndpoint
    config: Path
    said: list[str] = field(default_factory=list)

    @property
    def port(self):
        """The port."""
        return int(self.url.rpartition(":")[2])

    def client(self, **headers):
        """Return a client with the token; `headers` replace its own."""
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {TOKEN}", **headers}, timeout=30)

    def chat(self, prompt, **fields):
        """Ask one user message."""
        with self.client() as client:
            return client.post("/v1/chat/completions", json=body(prompt, **fields))

    def stop(self, number=signal.SIGTERM):
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(30)


def body(prompt, **fields):
    """Return a chat completion's body with one user message."""
    return {"model": "test", "messages": [{"role": "user", "content": prompt}], **fields}


@contextlib.contextmanager
def running(folder: Path, *arguments, extra="", environ=None, **entry):
    """Start a gateway and stop it at the end."""
    with ScriptedEndpoint(answer) as upstream:
        lines = "".join(f"{name} = {value!r}\n" for name, value in entry.items())
        config = folder / "config.toml"
        config.write_text(
            f'[endpoints.test]\nbase_url = "{upstream.base_url}"\nmodel = "m"\napi_key = "upstream-key"\n{lines}'
            f'[endpoints.vectors]\nbase_url = "{upstream.base_url}"\ntask = "embedding"\n'
            f'[endpoints.sums]\nbase_url = "{upstream.base_url}/sums"\ntask = "custom"\n'
            f'[endpoints.limited]\nbase_url = "{upstream.base_url}"\n'
            f'[endpoints.keyless]\nprovider = "openai"\n'
            f'[cache]\ndirectory = "{folder}/answers"\n{extra}'
        )
        command = [sys.executable, "-m", "ddb_aiquery", "serve", "--port", "0", "--config", str(config), *arguments]
        environ = {"DDB_AIQUERY_GATEWAY_TOKEN": TOKEN} if environ is None else environ
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DDB_AIQUERY_CACHE")}
        child = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**inherited, "PYTHONPATH": str(PACKAGE), **environ}
        )
        first = child.stderr.readline()
        if not first.startswith("gateway: "):
            rest = child.stderr.read()
            child.wait()
            child.stderr.close()
            raise RuntimeError(first + rest)
        found = Running(first.split()[1], child, upstream, config)
        reader = threading.Thread(target=lambda: found.said.extend(child.stderr), daemon=True)
        reader.start()
        try:
            yield found
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            reader.join()
            child.stderr.close()


@pytest.fixture(autouse=True)
def same_cache(clean_environment, monkeypatch):  # it comes after that one
    """Let the settings' own cache directory count in the test's process too: the environment would beat it."""
    monkeypatch.delenv("DDB_AIQUERY_CACHE")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """One gateway for the tests that do not mind each other; its patience with a rejecting endpoint is short."""
    with running(tmp_path_factory.mktemp("gateway"), "--patience", "0.3") as found:
        yield found


@pytest.fixture
def client(gateway):
    """A client of that gateway."""
    with gateway.client() as client:
        yield client
