"""uvicorn as the gateway runs it: one process, one event loop, bounds on what comes in, a graceful end."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import socket
import sys
from typing import Any

import uvicorn

from ddb_aiquery._gateway.app import Gateway
from ddb_aiquery._gateway.http import BoundedProtocol


class _Server(uvicorn.Server):  # uvicorn is optional, so mypy may not know it
    """Says where it listens once it does, in one line that a program can wait for."""

    def __init__(self, config: uvicorn.Config, application: Gateway, message: str) -> None:
        super().__init__(config)
        self._application = application
        self._message = message

    async def startup(self, sockets: Any = None) -> None:
        """Begin to serve, then speak."""
        await super().startup(sockets)
        if not self.started:
            return
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"gateway: http://{shown}:{port}\n{self._message}", file=sys.stderr, flush=True)  # noqa: T201 (for the user)

    async def shutdown(self, sockets: Any = None) -> None:
        """Let the application know before its requests are waited for."""
        self._application.stop()
        await super().shutdown(sockets)


def run(application: Gateway, listening: list[socket.socket], message: str, keep_alive: int) -> None:
    """Serve on sockets until SIGINT or SIGTERM; requests in flight are answered first, a second signal ends at once."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # a client's malformed request is not our trouble
    config = uvicorn.Config(
        application,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=keep_alive,
    )
    # uvicorn raises the signal again after its graceful end, which must not end the process before its exit handlers.
    signal.signal(signal.SIGTERM, lambda *_: None)
    gc.collect()
    gc.freeze()  # what is loaded by now stays; to look through it again would hold every client up for 25 ms
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config, application, message).run(sockets=listening)
    gc.unfreeze()  # or DuckDB's library tells of every object that the end of the process finds still there
