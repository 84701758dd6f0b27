"""The wire for the rest: httpx, where pyreqwest has no wheel and for whoever asks for it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping

import httpx

from ddb_aiquery._transport.wire import INVALID_ADDRESS, TooLarge, Way, decoded, line, read_capped, too_large
from ddb_aiquery._values import Billing, Fault, Reply

_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
        if hasattr(socket, name)  # Windows and macOS know fewer of them
    ),
)


class HttpxWire:
    """httpx's pooled transport without its client: so there are no redirects, no cookies, no netrc and no proxies."""

    def __init__(self, way: Way) -> None:
        self._limit = way.max_response_bytes
        self._seconds = way.timeout_seconds
        each = {"connect": way.connect_seconds, "read": way.timeout_seconds, "write": way.timeout_seconds}
        self._extensions = {"timeout": each}
        tls = ssl.create_default_context()
        if way.ca_file:
            tls.load_verify_locations(way.ca_file)
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls,
            trust_env=False,
            proxy=way.proxy,
            socket_options=_KEEPALIVE,
            # No limit on open connections: httpcore loses those slots of its pool whose calls were cancelled while
            # they connected, until every call waits for one that never comes (encode/httpcore issue 1093).
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=way.max_idle),
        )

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply | Fault:
        """POST the body; see Wire."""
        try:
            request = httpx.Request("POST", url, headers=headers, content=body, extensions=self._extensions)
            if not request.url.host:
                return INVALID_ADDRESS
            async with asyncio.timeout(self._seconds):
                return await self._exchange(request)
        except TooLarge:
            return too_large(self._limit)
        except TimeoutError:
            return Fault(Billing.AMBIGUOUS, "timed out waiting for the reply")
        except httpx.HTTPError as error:
            return _fault(error)
        except (httpx.InvalidURL, ValueError):  # UnicodeError among them: a host name with too long a part
            return INVALID_ADDRESS

    async def _exchange(self, request: httpx.Request) -> Reply:
        response = await self._transport.handle_async_request(request)
        try:
            body = await read_capped(response.aiter_raw(), self._limit)
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.multi_items()}
        return Reply(response.status_code, headers, decoded(body, headers.get("content-encoding"), self._limit))

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


def _fault(error: httpx.HTTPError) -> Fault:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return Fault(Billing.NOT_SENT, "timed out while connecting")
    if isinstance(error, httpx.TimeoutException):
        return Fault(Billing.AMBIGUOUS, "timed out waiting for the reply")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return INVALID_ADDRESS
    words = line([str(error) or type(error).__name__])
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return Fault(Billing.NOT_SENT, words, final="certificate" in words.lower())
    return Fault(Billing.AMBIGUOUS, words)
