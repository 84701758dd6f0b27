from __future__ import annotations

import gzip
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ddb_aiquery.testing import Malformed, ScriptedEndpoint

MIB = 1 << 20
UNIT = 1 if sys.platform == "darwin" else 1024
"""What ru_maxrss counts in."""

CODE = """
import duckdb, resource, ddb_aiquery
con = ddb_aiquery.register(duckdb.connect(), config={settings!r})
con.execute("SET enable_progress_bar = false")
ask = "SELECT r.response, r.errorMessage FROM (SELECT ai_query('{name}', p, failOnError => false) AS r FROM (VALUES {rows}) v(p))"
con.execute(ask.replace("bad", "warm")).fetchall() if {warm} else None
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(con.execute(ask).fetchall())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
ROWS = "('a'), ('bad'), ('b')"


def bomb() -> bytes:
    """300 MB of zeros as 300 kB."""
    return gzip.compress(bytes(300_000_000), 9)


DEEP = b'{"choices":[{"message":{"content":' + b"[" * 100_000 + b"]" * 100_000 + b'},"finish_reason":"stop"}]}'


REPLIES: dict[str, Callable[[], Malformed]] = {
    "bomb": lambda: Malformed(bomb(), headers={"content-type": "application/json", "content-encoding": "gzip"}),
    "deep": lambda: Malformed(DEEP),
    "long digits": lambda: Malformed(b'{"usage":{"prompt_tokens":' + b"9" * 5000 + b'},"choices":[]}'),
}


@pytest.mark.parametrize(("what", "transport"), [*((what, "pyreqwest") for what in REPLIES), ("bomb", "httpx")])
def test_a_hostile_reply_costs_its_row_and_little_memory(python: Callable[..., Any], what: str, transport: str) -> None:
    """A gzip bomb or JSON nested 100,000 deep fails its own row; the neighbours are answered; memory hardly grows."""
    reply = REPLIES[what]()
    with ScriptedEndpoint(lambda p, _r: reply if p == "bad" else f"ok {p}") as server:
        settings = server.settings("test", transport=transport, deadline_seconds=3)
        done = python(CODE.format(settings=settings, name="test", rows=ROWS, warm=True))
        assert done.stdout, done.stderr
        rows, grown = done.stdout.strip().split("\n")
        found = eval(rows)  # noqa: S307 (our own child printed it)
        assert [response for response, _ in found] == ["ok a", None, "ok b"]
        assert found[1][1]
        assert int(grown) * UNIT <= 64 * MIB


class Endless:
    """A server whose replies never end: a body without length, or one byte now and then."""

    def __init__(self, head: bytes, piece: bytes) -> None:
        self._head, self._piece = head, piece
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._pour, args=(visitor,), daemon=True).start()

    def _pour(self, visitor: socket.socket) -> None:
        try:
            visitor.recv(65536)
            visitor.sendall(self._head)
            while True:
                visitor.sendall(self._piece)
        except OSError:
            visitor.close()

    def close(self) -> None:
        self._socket.close()


HEADS = {
    "no length": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "headers": b"HTTP/1.1 200 OK\r\n",
    "garbage": b"",
}
PIECES = {"chunked": b"10000\r\n" + b" " * 65536 + b"\r\n", "headers": b"x-more: " + b"y" * 1000 + b"\r\n"}


@pytest.fixture
def endless(request: pytest.FixtureRequest) -> Iterator[Endless]:
    """The server that the test's parameter names."""
    server = Endless(HEADS[request.param], PIECES.get(request.param, b" " * 65536))
    yield server
    server.close()


@pytest.mark.parametrize("transport", ["pyreqwest", "httpx"])
@pytest.mark.parametrize(
    "endless",
    # What is no reply at all may have been billed, so it is asked for again: six times, with waits between.
    [pytest.param(head, marks=[pytest.mark.long] if head in {"headers", "garbage"} else []) for head in HEADS],
    indirect=True,
)
def test_a_reply_without_end_is_left(python: Callable[..., Any], endless: Endless, transport: str) -> None:
    """A body, a head or garbage without end is left at the limit of a reply; the query ends with an error."""
    entry = {"base_url": endless.base_url, "transport": transport, "timeout_seconds": 2, "deadline_seconds": 3}
    settings = {"endpoints": {"endless": entry}}
    done = python(CODE.format(settings=settings, name="endless", rows="('bad')", warm=False))
    assert done.stdout or "EndpointError" in done.stderr, done.stderr
    if done.stdout:
        rows, grown = done.stdout.strip().split("\n")
        assert eval(rows)[0][0] is None  # noqa: S307 (our own child printed it)
        assert int(grown) * UNIT <= 64 * MIB
