"""ScriptedEndpoint: the server in a thread or a process of its own, its address, its settings and its counts."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

from ddb_aiquery.testing import _dialogue
from ddb_aiquery.testing._process import ProcessHost
from ddb_aiquery.testing._script import Script, as_function
from ddb_aiquery.testing._server import Connection, Counts, Received, Service, read_request

Answering = Callable[[str, dict[str, Any]], Any]
_ROUNDS = 6
"""Of a loop, until all that was accepted is closed: a connection is made known in three, and lost in the next."""


class Host(Protocol):
    """Where the Service runs: it is started once, asked by name, and closed."""

    @property
    def pid(self) -> int:
        """The id of the process that it runs in."""

    def start(self) -> int:
        """Start serving on a free port of 127.0.0.1 and return the port."""

    def ask(self, what: str) -> Any:
        """Return `counts` or `received`, or `reset` the counts, from inside the server's loop."""

    def close(self) -> None:
        """Stop serving and drop every connection."""


async def listen(service: Service, tls: ssl.SSLContext | None = None) -> tuple[asyncio.Server, set[Connection]]:
    """Serve on a free port of 127.0.0.1; the set holds the connections that are open."""
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(service, loop, connections), "127.0.0.1", 0, backlog=4096, ssl=tls
    )
    return server, connections


def consult(service: Service, what: str) -> Any:
    """Return what a Host is asked for; runs in the server's loop."""
    if what == "received":
        return [read_request(head, body) for head, body in service.received]
    counts = service.counts
    if what == "reset":
        service.counts = Counts()
        service.received.clear()
    return _copy(counts)


def _copy(counts: Counts) -> Counts:
    values = {name: getattr(counts, name) for name in Counts.__slots__}
    return Counts(**{**values, "prompts": Counter(counts.prompts)})


class ThreadHost:
    """Runs the Service in a thread with an event loop of its own: any function will do, the GIL is shared."""

    def __init__(self, service: Service, tls: ssl.SSLContext | None) -> None:
        self._service = service
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-endpoint", daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    @property
    def pid(self) -> int:
        return os.getpid()

    def start(self) -> int:
        self._thread.start()
        self._server, self._connections = self._call(listen(self._service, self._tls))
        return int(self._server.sockets[0].getsockname()[1])

    def ask(self, what: str) -> Any:
        return self._call(self._consult(what))

    def close(self) -> None:
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _consult(self, what: str) -> Any:
        return consult(self._service, what)

    async def _shut(self) -> None:
        listening = self._server
        for socket in listening.sockets if listening else ():
            self._loop.remove_reader(socket.fileno())
        for _ in range(_ROUNDS):
            for connection in list(self._connections):
                connection.abort()
            await asyncio.sleep(0)
        if listening is not None:  # only now: asyncio loses what it accepts for a server that is closed
            listening.close()


class ScriptedEndpoint:
    """A chat endpoint on 127.0.0.1 that answers by a function, misbehaves by a script, and counts.

    `answer(prompt, request)` returns the answer's text, anything else to have it sent as JSON text, or a step such as
    `Status(429)`. It gets the last user message and the whole request; without it, the answer is `echo: <prompt>`, or
    an instance of the JSON schema that the request asks for. `script` is a step per request: a sequence, a function
    of an `Arrival`, or one of the policies (`RateLimited`, `Collapse`, `Mixture`, `FirstOf`). `latency` are seconds
    from the last byte of a request to the first of its response, kept exactly under load.

    With `process=True` the server runs in a process of its own, so that it shares no GIL with a benchmark; `answer`
    and `script` must then be importable by name. `tls` serves https (thread only).

    It serves `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`, and as a custom endpoint any other POST that has
    `dataframe_records`. Use it as a context manager: leaving it raises RuntimeError with the traceback if `answer` or
    `script` raised.
    """

    def __init__(
        self,
        answer: Answering = _dialogue.default_answer,
        *,
        latency: float = 0.0,
        script: Script | None = None,
        model: str = "test-model",
        process: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.model = model
        service = Service(answer, as_function(script), latency, model)
        self._host: Host = ProcessHost(service) if process else ThreadHost(service, tls)
        self._scheme = "https" if tls else "http"
        self._port = 0
        self._last: tuple[Counts, list[Received]] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        trouble = self.close().trouble
        if trouble and kind is None:
            raise RuntimeError(f"the answer function or the script of a ScriptedEndpoint raised:\n{trouble}")

    def start(self) -> None:
        """Start serving; `with` does it."""
        self._port = self._host.start()

    def close(self) -> Counts:
        """Stop serving, drop every connection, and return the last counts; they and `received` stay readable."""
        if self._last is None:
            self._last = self._host.ask("counts"), self._host.ask("received")
            self._host.close()
        return self._last[0]

    @property
    def base_url(self) -> str:
        """The URL for the settings: `http://127.0.0.1:<port>/v1`."""
        return f"{self._scheme}://127.0.0.1:{self._port}/v1"

    @property
    def pid(self) -> int:
        """The id of the process that serves: its own with `process=True`, else this one."""
        return self._host.pid

    def settings(self, name: str = "test", **endpoint_options: Any) -> dict[str, Any]:
        """Return a `config` dict with this endpoint as `name` and as the default; options override its entries."""
        entry = {"base_url": self.base_url, "model": self.model, "api_key": "test-key", **endpoint_options}
        return {"endpoints": {name: entry}, "defaults": {"endpoint": name}}

    @property
    def counts(self) -> Counts:
        """A copy of all counts, taken at one moment."""
        counts: Counts = self._last[0] if self._last is not None else self._host.ask("counts")
        return counts

    @property
    def received(self) -> list[Received]:
        """The last 256 requests as they came in."""
        requests: list[Received] = self._last[1] if self._last is not None else self._host.ask("received")
        return requests

    def reset_counts(self) -> Counts:
        """Start counting from zero and return what was counted until now."""
        counts: Counts = self._host.ask("reset")
        return counts

    @property
    def requests(self) -> int:
        """Questions that came in, whatever became of them."""
        return self.counts.requests

    @property
    def connections(self) -> int:
        """Connections that were accepted."""
        return self.counts.connections

    @property
    def answered(self) -> int:
        """Answers written whole to a client that was still there."""
        return self.counts.answered

    @property
    def billed(self) -> int:
        """Answers generated, also where the client had left or the response was cut."""
        return self.counts.billed

    @property
    def rejected(self) -> int:
        """Responses with status 429, 503 or 529."""
        return self.counts.rejected

    @property
    def peak(self) -> int:
        """The most requests that were being answered at one time."""
        return self.counts.peak

    @property
    def prompts(self) -> Mapping[str, int]:
        """How often each prompt was answered."""
        return self.counts.prompts
