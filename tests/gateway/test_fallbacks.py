"""Fallbacks as a client of the gateway sees them."""

from __future__ import annotations

import pytest

from ddb_aiquery.testing import ScriptedEndpoint, Status

from .conftest import running

DOWN = Status(401, message="not today")


@pytest.fixture
def others():
    """Two more endpoints: `second` is down as well, `third` answers."""
    with (
        ScriptedEndpoint(script=lambda _: DOWN) as second,
        ScriptedEndpoint(lambda prompt, _: f"third {prompt}") as third,
    ):
        yield second, third


def entries(others):
    """Return the settings of both; each names the next as its own fallback."""
    second, third = others
    return (
        f'[endpoints.second]\nbase_url = "{second.base_url}"\nfallbacks = ["third", "test"]\n'
        f'[endpoints.third]\nbase_url = "{third.base_url}"\n'
    )


def test_the_list_of_the_endpoint_that_was_asked_is_followed(tmp_path, others) -> None:
    """Each fallback in turn; the answer says who gave it, and is not stored as the first one's."""
    with running(tmp_path, extra=entries(others), fallbacks=["second", "third"]) as gateway:
        said = gateway.chat("401:")
        assert said.json()["choices"][0]["message"]["content"] == "third 401:"
        assert said.headers["x-ddb-aiquery-note"] == "fallback: third"
        assert gateway.chat("401:", model="third").headers["x-ddb-aiquery-cached"] == "true"


def test_a_fallbacks_own_fallbacks_are_not_asked(tmp_path, others) -> None:
    """Who may see a prompt stands in one place: the entry of the endpoint that was asked. So there is no circle either."""
    second, third = others
    with running(tmp_path, extra=entries(others), fallbacks=["second"]) as gateway:
        refused = gateway.chat("401:")
        assert refused.status_code >= 400
        assert "then at the fallback 'second'" in refused.json()["error"]["message"]
        assert (second.requests, third.requests) == (1, 0)
        own = gateway.chat("401:", model="second")
        assert own.json()["choices"][0]["message"]["content"] == "third 401:"
