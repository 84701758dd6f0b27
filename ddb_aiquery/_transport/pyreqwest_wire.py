"""The wire of the hot path: pyreqwest, Rust's reqwest under asyncio."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from pyreqwest.bytes import Bytes
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import BuilderError, PoolTimeoutError, PyreqwestError, RequestTimeoutError
from pyreqwest.http import HeaderMap, Url
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.response import Response, ResponseBodyReader

from ddb_aiquery._transport.wire import INVALID_ADDRESS, TooLarge, Way, decoded, line, read_capped, too_large
from ddb_aiquery._values import Billing, Fault, Reply

_FIRST_READ = 64 * 1024
"""A reply up to this size, which is nearly every one, is read in one step."""
_KEEPALIVE = timedelta(seconds=60)
_BEGUN_IN: list[int] = []
"""The process in which pyreqwest's threads began."""


def runs_here() -> bool:
    """Tell whether pyreqwest can be used in this process: its threads do not survive a fork."""
    if not _BEGUN_IN:
        _BEGUN_IN.append(os.getpid())
    return _BEGUN_IN[0] == os.getpid()


class PyreqwestWire:
    """One pooled client, since reqwest sets its times and its proxy for a whole client."""

    def __init__(self, way: Way) -> None:
        self._limit = way.max_response_bytes
        self._client = _client(way)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply | Fault:
        """POST the body; see Wire."""
        try:
            async with self._client.post(_parsed(url)).headers(headers).body_bytes(body).build_streamed() as response:
                return await self._read(response)
        except TooLarge:
            return too_large(self._limit)
        except PyreqwestError as error:
            return _fault(error)
        except ValueError:  # what reqwest's parser says of a URL, which may hold a key
            return INVALID_ADDRESS

    async def _read(self, response: Response) -> Reply:
        limit = self._limit
        reader = response.body_reader
        # A read returns fewer bytes than asked for only at the end; one more than the limit proves excess.
        first = await reader.read(min(_FIRST_READ, limit + 1))
        body = bytes(first) if first is not None else b""
        if len(body) >= _FIRST_READ or len(body) > limit:
            body += await read_capped(_chunks(reader), limit - len(body))
        headers = _plain(response.headers)
        return Reply(response.status, headers, decoded(body, headers.get("content-encoding"), limit))

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


def _plain(headers: HeaderMap) -> dict[str, str]:
    """Return the headers by name; one with letters outside ASCII, which pyreqwest cannot show, is left out."""
    try:
        return dict(headers.items())
    except ValueError:
        shown = {}
        for name in headers:
            with contextlib.suppress(ValueError):
                shown[name] = headers[name]
        return shown


@lru_cache(maxsize=256)
def _parsed(url: str) -> Url:
    """Return the URL as reqwest has it, parsed once: parsing is half of what `post` costs.

    Raises:
        ValueError: it is no URL.
    """
    return Url(url)


def _client(way: Way) -> Client:
    builder = (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(enable=False)
        .referer(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .connect_timeout(timedelta(seconds=way.connect_seconds))
        .timeout(timedelta(seconds=way.timeout_seconds))
        .tcp_keepalive(_KEEPALIVE)
        .tcp_keepalive_interval(_KEEPALIVE)
        .tcp_keepalive_retries(5)
        .pool_max_idle_per_host(way.max_idle)
        .user_agent("ddb_aiquery")
    )
    if way.proxy:
        builder = builder.proxy(ProxyBuilder.all(way.proxy))
    if way.ca_file:
        builder = builder.add_root_certificate_pem(Path(way.ca_file).read_bytes())
    return builder.build()


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
