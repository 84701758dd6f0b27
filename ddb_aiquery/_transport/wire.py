"""The HTTP seam: one request out, one Reply or Fault back, whichever library carries it."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from ddb_aiquery._values import CONNECT_SECONDS, Billing, Fault, Reply

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
INVALID_ADDRESS = Fault(Billing.NOT_SENT, "the URL or a header of this endpoint is not valid", final=True)


@dataclass(frozen=True, slots=True)
class Way:
    """How a Wire reaches the world: what it must be told once, before its first connection.

    Seconds are to connect, and from the start of a call to the last byte of its reply. `max_idle` connections are kept
    open between calls; how many calls there are at once, their caller decides. `ca_file` is a PEM file of certificate
    authorities to trust besides the usual ones; `max_response_bytes` bounds a reply's body, decoded.
    """

    connect_seconds: float = CONNECT_SECONDS
    timeout_seconds: float = 600.0
    max_idle: int = 1024
    proxy: str | None = field(default=None, repr=False)  # it may hold a password
    ca_file: str | None = None
    max_response_bytes: int = MAX_RESPONSE_BYTES


class Wire(Protocol):
    """Sends POST requests over pooled connections; never follows a redirect, never reads the environment.

    Every `headers` has `accept-encoding: identity`: a compressed reply is taken apart under the same limit as a plain
    one, but it is not asked for.
    """

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply | Fault:
        """POST the body and return what came of it; raises nothing but CancelledError."""

    async def close(self) -> None:
        """Close every connection."""


def open_wire(name: str, way: Way | None = None) -> Wire:
    """Open the Wire called `pyreqwest` or `httpx`; httpx stands in where pyreqwest cannot be used.

    Raises:
        ValueError: there is no such wire, the proxy is no URL, or the file of authorities cannot be read or holds none.
    """
    way = way or Way()
    if name not in {"pyreqwest", "httpx"}:
        raise ValueError(f"there is no transport '{name}'; it is pyreqwest or httpx")
    _check(way)
    if name == "pyreqwest":
        try:
            from ddb_aiquery._transport import pyreqwest_wire  # noqa: PLC0415 (not on every platform)
        except ImportError:
            pass
        else:
            if pyreqwest_wire.runs_here():
                return pyreqwest_wire.PyreqwestWire(way)
    from ddb_aiquery._transport.httpx_wire import HttpxWire  # noqa: PLC0415 (a cold start pays for one library only)

    return HttpxWire(way)


def _check(way: Way) -> None:
    """Look at what a user gave before a library does: one takes a file without certificates and says nothing."""
    proxy = urlsplit(way.proxy or "http://none")
    if proxy.scheme not in {"http", "https"} or not proxy.hostname or len(proxy.geturl().split()) > 1:
        # It is not shown: it may hold a password.
        raise ValueError("the proxy is no URL: give http://HOST:PORT")
    if not way.ca_file:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(way.ca_file)
    except OSError as error:
        why = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"ca_file '{way.ca_file}': {why}") from None


class TooLarge(Exception):
    """A reply's body passes the limit."""


async def read_capped(chunks: AsyncIterator[Any], limit: int) -> bytes:
    """Collect an async iterator of chunks.

    Raises:
        TooLarge: as soon as they pass `limit` bytes.
    """
    parts = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLarge
        parts.append(bytes(chunk))
    return b"".join(parts)


def decoded(body: bytes, encoding: str | None, limit: int) -> bytes:
    """Take gzip or deflate off a body that was not asked to have it; another encoding stays, and is no JSON.

    Raises:
        TooLarge: as soon as the plain bytes pass `limit`.
    """
    if encoding is None or encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return body
    decoder = zlib.decompressobj(wbits=47)  # 47: a gzip or a zlib header, whichever is there
    try:
        plain = decoder.decompress(body, limit + 1)
    except zlib.error:
        return body
    if len(plain) > limit:
        raise TooLarge
    return plain


def too_large(limit: int) -> Fault:
    """Return the Fault of a reply that passed the limit; it was billed, and would be again."""
    return Fault(Billing.AMBIGUOUS, f"the reply is larger than {limit / 2**20:g} MiB", final=True)


def line(texts: Iterable[str]) -> str:
    """Join the network's own words to one short line."""
    return " ".join(": ".join(texts).split())[:300]
