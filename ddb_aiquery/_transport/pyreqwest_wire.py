"""The wire of the hot path: pyreqwest, Rust's reqwest under asyncio (research/http_perf.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from pyreqwest.bytes import Bytes
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import BuilderError, PoolTimeoutError, PyreqwestError, RequestTimeoutError
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import RequestBuilder
from pyreqwest.response import ResponseBodyReader

from ddb_aiquery._transport.wire import INVALID_ADDRESS, Timeouts, TooLarge, Way, decoded, line, read_capped, too_large
from ddb_aiquery._values import Billing, Fault, Reply

_FIRST_READ = 64 * 1024
"""A reply up to this size, which is nearly every one, is read in one step."""
_KEEPALIVE = timedelta(seconds=60)


class PyreqwestWire:
    """One pooled client for each Timeouts, because reqwest sets the time to connect for a whole client."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._authorities = Path(way.ca_file).read_bytes() if way.ca_file else b""
        self._clients: dict[Timeouts, Client] = {}

    async def send(self, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts) -> Reply | Fault:
        """POST the body; see Wire."""
        try:
            client = self._clients.get(timeouts) or self._open(timeouts)
            return await self._exchange(client.post(url).headers(headers).body_bytes(body))
        except TooLarge:
            return too_large(self._way.max_response_bytes)
        except PyreqwestError as error:
            return _fault(error)
        except ValueError:  # what reqwest's parser says of a URL, which may hold a key
            return INVALID_ADDRESS

    async def _exchange(self, request: RequestBuilder) -> Reply:
        limit = self._way.max_response_bytes
        async with request.build_streamed() as response:
            reader = response.body_reader
            # A read returns fewer bytes than asked for only at the end; one more than the limit proves excess.
            first = await reader.read(min(_FIRST_READ, limit + 1))
            body = bytes(first) if first is not None else b""
            if len(body) >= _FIRST_READ or len(body) > limit:
                body += await read_capped(_chunks(reader), limit - len(body))
            headers = dict(response.headers.items())
            return Reply(response.status, headers, decoded(body, headers.get("content-encoding"), limit))

    async def close(self) -> None:
        """Close every connection."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    def _open(self, timeouts: Timeouts) -> Client:
        way = self._way
        builder = (
            ClientBuilder()
            .no_proxy()
            .follow_redirects(enable=False)
            .referer(enable=False)
            .gzip(enable=False)
            .brotli(enable=False)
            .zstd(enable=False)
            .deflate(enable=False)
            .connect_timeout(timedelta(seconds=timeouts.connect))
            .timeout(timedelta(seconds=timeouts.total))
            .tcp_keepalive(_KEEPALIVE)
            .tcp_keepalive_interval(_KEEPALIVE)
            .tcp_keepalive_retries(5)
            .pool_max_idle_per_host(way.max_idle)
            .user_agent("ddb_aiquery")
        )
        if way.proxy:
            builder = builder.proxy(ProxyBuilder.all(way.proxy))
        if self._authorities:
            builder = builder.add_root_certificate_pem(self._authorities)
        client = self._clients[timeouts] = builder.build()
        return client


async def _chunks(reader: ResponseBodyReader) -> AsyncIterator[Bytes]:
    while (chunk := await reader.read_chunk()) is not None:
        yield chunk


def _fault(error: PyreqwestError) -> Fault:
    # The class says ConnectError also of a connection that broke after the request was sent, and ConnectTimeoutError
    # of a reply that never came: only the causes tell where a call stood.
    causes = list(_causes(error))
    connecting = "client error (Connect)" in causes
    not_sent = connecting or isinstance(error, BuilderError | PoolTimeoutError)
    certificate = connecting and any("certificate" in cause.lower() for cause in causes)
    words = [
        cause for cause in causes if not cause.startswith(("error sending request", "builder error", "client error"))
    ]
    if isinstance(error, RequestTimeoutError):
        words = ["timed out while connecting" if connecting else "timed out waiting for the reply"]
    return Fault(
        Billing.NOT_SENT if not_sent else Billing.AMBIGUOUS,
        line(words or [error.message]),
        final=certificate or isinstance(error, BuilderError),
    )


def _causes(error: PyreqwestError) -> Iterator[str]:
    for cause in (getattr(error, "details", None) or {}).get("causes") or ():
        # A cause that names the URL is left out: a URL may hold a key, and the endpoint's name says where.
        if "://" not in cause["message"]:
            yield cause["message"]
