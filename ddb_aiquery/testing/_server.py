"""The HTTP server of a ScriptedEndpoint: one asyncio protocol, written by hand because it must cost next to nothing."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import traceback
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ddb_aiquery.testing import _dialogue
from ddb_aiquery.testing._reply import Asked, Response, error_response, render, response
from ddb_aiquery.testing._script import Arrival, Cut, Headers, Slow, Step

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_ABORT = struct.pack("ii", 1, 0)
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in: path, header names in lower case, body."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Counts:
    """What a ScriptedEndpoint saw and did since the last reset.

    `answered` are answers written whole to a client that was still there (truncated and refused ones too), `billed`
    all that were generated, whether or not anyone was left to read them, `rejected` the 429, 503 and 529,
    `prompts` how often each prompt was answered, `peak` the most requests that were being answered at once.
    """

    requests: int = 0
    connections: int = 0
    answered: int = 0
    billed: int = 0
    rejected: int = 0
    peak: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    prompts: Counter[str] = field(default_factory=Counter)
    trouble: str = ""
    """The traceback of the first exception that the answer function or the script raised."""


class Service:
    """Decides what each request gets and counts it; knows nothing of sockets beyond `Connection.send`."""

    def __init__(
        self,
        answer: Callable[[str, dict[str, Any]], Any],
        script: Callable[[Arrival], Step | None],
        latency: float,
        model: str,
    ) -> None:
        self.counts = Counts()
        self.received: deque[tuple[bytes, bytes]] = deque(maxlen=_KEPT)
        self._answer = answer
        self._script = script
        self._latency = latency
        self._model = model
        self._in_flight = 0
        self._number = 0

    def take(self, connection: Connection, head: bytes, body: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """Answer one whole request, after the latency that the endpoint and its script ask for."""
        method, path = head[: head.index(b"\r\n")].split(b" ", 2)[:2]
        if method != b"POST":
            connection.send(self._listing(path))
            return
        now = loop.time()
        self.received.append((head, body))
        self.counts.requests += 1
        self._number += 1
        self._in_flight += 1
        self.counts.peak = max(self.counts.peak, self._in_flight)
        delay, reply = self._decide(path, body, now)
        if delay > 0:
            loop.call_at(now + delay, self._finish, connection, reply)
        else:
            self._finish(connection, reply)

    def _listing(self, path: bytes) -> Response:
        if path.endswith(b"/models"):
            return response(200, _dialogue.models(self._model))
        return error_response(404, "not_found", "no such path")

    def _decide(self, path: bytes, body: bytes, now: float) -> tuple[float, Response]:
        try:
            request = orjson.loads(body)
            prompt = _dialogue.prompt_of(request)
        except (ValueError, AttributeError, TypeError, KeyError, IndexError):
            return 0.0, error_response(400, "invalid_json", "the body is no request that this endpoint knows")
        try:
            return self._speak(path, request, prompt, now)
        except Exception as exception:  # noqa: BLE001 (the user's function; its error is raised where the endpoint is closed)
            self.counts.trouble = self.counts.trouble or traceback.format_exc()
            return 0.0, error_response(500, "script_error", repr(exception))

    def _speak(self, path: bytes, request: dict[str, Any], prompt: str, now: float) -> tuple[float, Response]:
        step = self._script(Arrival(self._number, prompt, request, now, self._in_flight))
        delay, step = _unwrap(step, self._latency)
        answered = None
        if step is None or isinstance(step, Cut | Headers):
            answered = self._answer(prompt, request)
            if isinstance(answered, Step):
                delay, step = _unwrap(answered, delay)
                answered = _dialogue.default_answer(prompt, request)
        return delay, render(Asked(path, request, prompt, self._number), answered, step)

    def _finish(self, connection: Connection, reply: Response) -> None:
        self._in_flight -= 1
        there = connection.send(reply)
        counts = self.counts
        counts.rejected += reply.status in (429, 503, 529)
        if reply.prompt is None:
            return
        counts.billed += 1
        counts.input_tokens += reply.input_tokens
        counts.output_tokens += reply.output_tokens
        if there and reply.cut is None:
            counts.answered += 1
            counts.prompts[reply.prompt] += 1


def _unwrap(step: Step | None, delay: float) -> tuple[float, Step | None]:
    while isinstance(step, Slow):
        delay, step = delay + step.seconds, step.then
    return delay, step


def read_request(head: bytes, body: bytes) -> Received:
    """Take a kept request apart for whoever looks at it."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return Received(first.split(" ")[1], {name.strip().lower(): value.strip() for name, value in pairs}, body)


class Connection(asyncio.Protocol):
    """One keep-alive connection: collects a request, hands it to the Service, and waits before it reads the next."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop, open_ones: set[Connection]) -> None:
        self._service = service
        self._loop = loop
        self._open_ones = open_ones
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream server makes a Transport
        self._open_ones.add(self)
        self._service.counts.connections += 1

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._open_ones.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        found = _LENGTH.search(head)
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(self._buffer) < whole:
            return
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        self._busy = True
        self._service.take(self, head, body, self._loop)

    def send(self, reply: Response) -> bool:
        """Write the reply, or as much of it as the script lets through; False where the client has left."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if reply.cut is None:
            transport.write(reply.data)
            self._busy = False
            if self._buffer:
                self._next()
            return True
        transport.write(reply.data[: reply.cut])
        if reply.reset:
            self.abort()
        else:
            transport.close()
        return True

    def abort(self) -> None:
        """Drop the connection with RST."""
        if self._transport is not None:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            self._transport.abort()
