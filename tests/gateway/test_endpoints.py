"""`ddb-aiquery endpoints` over scripted endpoints, and over a gateway that plays the workspace."""

from __future__ import annotations

import pytest

from ddb_aiquery._commands import endpoints
from ddb_aiquery.testing import Headers, ScriptedEndpoint, Status

from .conftest import TOKEN


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Let a table's lines be long enough."""
    monkeypatch.setenv("COLUMNS", "250")


def entry(server, **fields):
    """Return an endpoint's entry."""
    return {"base_url": server.base_url, "model": "asked-for", **fields}


def test_the_settings_are_listed_without_a_call(capsys) -> None:
    """Name, provider, task, model and the limits set; one without its key says which variable is missing."""
    with ScriptedEndpoint() as server:
        config = {
            "endpoints": {
                "chat": entry(server, requests_per_minute=600),
                "vectors": entry(server, task="embedding"),
                "keyless": {"provider": "groq"},
            }
        }
        assert endpoints.run(config) == 1
        assert server.requests == 0
    said = capsys.readouterr().out
    assert "600 requests/min" in said
    assert "embedding" in said
    assert "GROQ_API_KEY" in said


def test_a_test_asks_each_past_the_cache(capsys) -> None:
    """Who answers, how fast, with which model and limits; who does not, and why. Twice is two calls."""
    told = Headers({"x-ratelimit-limit-requests": "5000", "x-ratelimit-limit-tokens": "70000"})
    with ScriptedEndpoint(script=lambda _: told) as good, ScriptedEndpoint(script=lambda _: Status(401)) as bad:
        config = {"endpoints": {"good": entry(good), "vectors": entry(good, task="embedding")}}
        assert [endpoints.run(config, test=True) for _ in range(2)] == [0, 0]
        assert good.requests == 4
        assert "5,000 requests/min, 70,000 tokens/min" in capsys.readouterr().out
        assert endpoints.run({"endpoints": {"bad": entry(bad), "own": entry(bad, task="custom")}}, test=True) == 1
    said = capsys.readouterr().out
    assert "HTTP 401" in said
    assert "not tried" in said


def test_a_workspaces_own_endpoints_are_listed(gateway, monkeypatch, capsys) -> None:
    """With DATABRICKS_HOST set, what the workspace serves is there; here a gateway is the workspace."""
    monkeypatch.setenv("DATABRICKS_HOST", gateway.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
    assert endpoints.run({"endpoints": {"mine": {"provider": "databricks", "model": "test"}}}, test=True) == 0
    said = capsys.readouterr().out
    assert "mine" in said
    assert "answers" in said
    assert "vectors" in said
    assert "not ready" in said  # the keyless one
    monkeypatch.setenv("DATABRICKS_TOKEN", "wrong-token-wrong-token")
    assert endpoints.run({}) == 1
    assert "HTTP 401" in capsys.readouterr().out
