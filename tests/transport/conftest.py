"""Both wires for every test that names `wire`, and a raw listener for what no honest server would send."""

import asyncio
import contextlib
import socket
import threading
import time

import pytest

from ddb_aiquery._transport import Transport, Way, open_wire
from ddb_aiquery._values import Endpoint, Question, Secret

HEADERS = {"accept-encoding": "identity", "authorization": "Bearer test-key", "content-type": "application/json"}
BODY = b'{"messages":[{"content":"hi","role":"user"}],"model":"m"}'


@pytest.fixture(params=["pyreqwest", "httpx"])
def wire(request):
    """The name of a wire; a test with it runs over both."""
    return request.param


@pytest.fixture
def post(wire):
    """POST the same small request `times` times over one wire and return what came of each."""

    def post(url, times=1, **way):
        async def exchange():
            opened = open_wire(wire, Way(**{"timeout_seconds": 10, **way}))
            try:
                return [await opened.send(url, HEADERS, BODY) for _ in range(times)]
            finally:
                await opened.close()

        return asyncio.run(exchange())

    return post


@pytest.fixture
def ask():
    """Send one Question several times through a Transport to a base URL and return its outcomes."""

    def ask(base_url, times=1, question=None, **endpoint):
        target = Endpoint("test", base_url, "m", **{"api_key": Secret("test-key"), **endpoint})

        async def exchange():
            transport = Transport()
            try:
                envelope = transport.seal(target, question or Question("test", "hi"))
                return [(await transport.send(target, envelope))[0] for _ in range(times)]
            finally:
                await transport.close()

        return asyncio.run(exchange())

    return ask


class Listener:
    """A socket that reads a request, writes `said`, with a `pause` after each byte if one is given, and closes."""

    def __init__(self, said=b"", pause=0.0):
        self.said = said
        self.pause = pause
        self.heard = b""
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with peer, contextlib.suppress(OSError):
                while not self.heard.endswith(BODY[-1:]):  # closing before the end of a request would reset it
                    self.heard += peer.recv(65536)
                for part in [self.said] if not self.pause else [self.said[i : i + 1] for i in range(len(self.said))]:
                    peer.sendall(part)
                    time.sleep(self.pause)

    def close(self):
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def listen():
    """Open Listeners that are closed after the test."""
    opened = []

    def listen(said=b"", pause=0.0):
        opened.append(Listener(said, pause))
        return opened[-1]

    yield listen
    for listener in opened:
        listener.close()
