"""Hostile endpoints and URLs, through SQL and through the settings: nobody is called."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from test_address import HOSTILE

import ddb_aiquery
from ddb_aiquery.testing import Malformed, ScriptedEndpoint


class Listener:
    """A port of 127.0.0.1 that counts who knocks and takes down what they say."""

    def __init__(self) -> None:
        self.knocks = 0
        self.heard = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.knocks += 1
            visitor.settimeout(0.5)
            with contextlib.suppress(OSError):
                self.heard += visitor.recv(65536)
            visitor.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A port that must not be called."""
    made = Listener()
    yield made
    made.close()


def forms(port: int) -> list[str]:
    """URLs that would lead to the listener, and names that are none."""
    hosts = ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"]
    urls = [f"{scheme}://{host}:{port}/v1" for host in hosts for scheme in ("http", "https")]
    return [
        *urls,
        *(f"//{host}:{port}" for host in hosts),
        f"http://user:pass@127.0.0.1:{port}",
        f"test@127.0.0.1:{port}",
        f"127.0.0.1:{port}/../v1",
        f"openai/../../127.0.0.1:{port}",
        f"openai//127.0.0.1:{port}",
        f"HTTP:/127.0.0.1:{port}",
        f"unix:/127.0.0.1:{port}",
        "test\r\nHost: evil",
        "test\x00",
        "test test",
        "../test",
        "test/../other",
        "",
        "'; DROP TABLE t; --",
        "${HOME}",
        "sk-canary0123456789abcdef",
    ]


def test_sql_passes_names_and_nothing_else(listener: Listener) -> None:
    """Over 100 hostile forms as the endpoint argument open no connection, each is an error that repeats no key."""
    with ScriptedEndpoint() as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test"))
        hostile = [*forms(listener.port), *HOSTILE]
        assert len(hostile) >= 100
        for form in hostile:
            with pytest.raises(duckdb.Error) as caught:
                con.execute("SELECT ai_query(?, 'secret prompt')", [form]).fetchall()
            assert "sk-canary" not in str(caught.value)
        assert listener.knocks == server.connections == 0


@pytest.mark.parametrize("field", ["base_url", "environment"])
def test_hostile_urls_in_the_settings_are_refused(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    """Every hostile base_url is an error before any socket, written plainly or through a variable."""
    for url in HOSTILE:
        if "\x00" in url and field == "environment":
            continue
        if field == "environment":
            monkeypatch.setenv("HOSTILE_URL", url)
        entry = {"base_url": "${HOSTILE_URL}" if field == "environment" else url, "api_key": "key-4711-key"}
        if not url or "://" not in url:
            continue  # a bare host is taken for https, which the guard against calls out refuses
        with pytest.raises(ddb_aiquery.errors.AiQueryError):
            ddb_aiquery.complete("hostile", ["x"], config={"endpoints": {"hostile": entry}})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("transport", ["pyreqwest", "httpx"])
def test_redirects_are_not_followed(listener: Listener, status: int, transport: str) -> None:
    """Not one byte reaches the place that a redirect names, least of all the key."""
    where = f"http://127.0.0.1:{listener.port}/v1/chat/completions"
    reply = Malformed(b"", status, {"location": where})
    with ScriptedEndpoint(lambda _p, _r: reply) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test", transport=transport, api_key="key-4711-key"))
        with pytest.raises(duckdb.Error, match="redirects are not followed"):
            con.execute("SELECT ai_query('test', 'x')").fetchall()
        assert server.requests == 1
    assert listener.knocks == 0
    assert listener.heard == b""


@pytest.mark.parametrize("transport", ["pyreqwest", "httpx"])
def test_proxies_of_the_environment_are_ignored(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """HTTPS_PROXY and its like send neither prompts nor keys anywhere."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    with ScriptedEndpoint() as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test", transport=transport))
        assert con.execute("SELECT ai_query('test', 'x')").fetchall() == [("echo: x",)]
    assert listener.knocks == 0


def test_a_key_goes_to_its_own_endpoint_only() -> None:
    """Two endpoints, two keys: each server sees its own and never the other's, fallbacks and retries included."""

    def seen(server: ScriptedEndpoint) -> set[Any]:
        return {received.headers.get("authorization") for received in server.received}

    with ScriptedEndpoint() as one, ScriptedEndpoint() as two, duckdb.connect() as con:
        endpoints = {
            "one": {"base_url": one.base_url, "api_key": "key-of-one"},
            "two": {"base_url": two.base_url, "api_key": "key-of-two"},
        }
        ddb_aiquery.register(con, config={"endpoints": endpoints})
        con.execute("SELECT ai_query(e, 'p' || i) FROM range(50) t(i), (VALUES ('one'), ('two')) v(e)").fetchall()
        assert seen(one) == {"Bearer key-of-one"}
        assert seen(two) == {"Bearer key-of-two"}
