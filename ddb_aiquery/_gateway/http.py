"""The HTTP server under the gateway: uvicorn's protocol with the bounds that it leaves to a proxy."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
HEAD_SECONDS = 10.0
MAX_CONNECTIONS = 4096


class BoundedProtocol(HttpToolsProtocol):  # uvicorn is optional, so mypy may not know it
    """Ends connections whose request line and headers are too long or take too long, and those beyond the limit."""

    _head = 0
    _timer: asyncio.TimerHandle | None = None
    _reading = False

    def connection_made(self, transport: Any) -> None:
        """Take a connection in, if there is room, and wait for its first request."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the end of the headers."""
        self._head += len(data)
        super().data_received(data)
        if self._reading and self._head > MAX_HEAD and self.transport is not None:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin a request: its head is timed from its first byte."""
        super().on_message_begin()
        self._head, self._reading = 0, True
        if self._timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """End the watch over the head."""
        self._reading = False
        self._head_is_here()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _head_is_here(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
