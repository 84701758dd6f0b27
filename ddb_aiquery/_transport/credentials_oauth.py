"""OAuth client credentials: a token fetched once, for all who wait, and again before it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from ddb_aiquery._address import origin
from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._transport import json_text
from ddb_aiquery._transport.openai_reply import error_of
from ddb_aiquery._values import Failure, Kind, Secret

_EARLY = 300.0
"""Seconds before its end at which a token is renewed; a short-lived one when four fifths of it are over."""
_LONGEST_BODY = 1 << 20
_LIMITS = httpx.Timeout(30.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an OAuth server wants for a token (RFC 6749 4.4): the client's name and secret, as Basic or in the form."""

    url: str
    client_id: str
    secret: Secret
    scope: str
    basic: bool = True


@dataclass(frozen=True, slots=True)
class _Token:
    headers: Mapping[str, str]
    until: float


class ClientCredentials:
    """Tokens of the client credentials grant, kept until shortly before their end.

    `clock` is monotonic seconds. Used from one event loop.
    """

    def __init__(self, grant: Grant, clock: Callable[[], float] = time.monotonic) -> None:
        self._grant = grant
        self._clock = clock
        self._turn = asyncio.Lock()
        self._token: _Token | None = None

    @property
    def url(self) -> str:
        """The token's address."""
        return self._grant.url

    async def headers(self) -> Mapping[str, str] | Failure:
        """Return the bearer token's header, fetching it where there is none that lasts."""
        token = self._token
        if token is not None and self._clock() < token.until:
            return token.headers
        async with self._turn:
            token = self._token
            if token is not None and self._clock() < token.until:  # somebody fetched it meanwhile
                return token.headers
            found = await self._fetch()
            if isinstance(found, Failure):
                return found
            self._token = found
            return found.headers

    def refused(self, headers: Mapping[str, str]) -> None:
        """Forget the token if it is still the one refused."""
        if self._token is not None and self._token.headers is headers:
            self._token = None

    async def _fetch(self) -> _Token | Failure:
        grant = self._grant
        form = {"grant_type": "client_credentials", "scope": grant.scope}
        pair = (grant.client_id, grant.secret.reveal())
        if not grant.basic:
            form |= {"client_id": pair[0], "client_secret": pair[1]}
        asked = self._clock()
        try:
            auth = pair if grant.basic else None
            async with httpx.AsyncClient(trust_env=False, timeout=_LIMITS, auth=auth) as client:
                reply = await client.post(grant.url, data=form)
        except httpx.HTTPError as error:
            return Failure(Kind.NOT_SENT, f"no token from {origin(grant.url)}: {str(error) or type(error).__name__}")
        return _token(reply, asked, grant)


def _token(reply: httpx.Response, asked: float, grant: Grant) -> _Token | Failure:
    value, _ = json_text.read(reply.content[:_LONGEST_BODY])
    fields = json_text.mapping(value)
    text = fields.get("access_token")
    if reply.status_code == httpx.codes.OK and isinstance(text, str) and text and text.isprintable():
        REDACTOR.register(text)
        lasts = _seconds(fields.get("expires_in"))
        return _Token({"authorization": f"Bearer {text}"}, asked + lasts - min(_EARLY, lasts / 5))
    where = f"no token for client '{grant.client_id}' from {origin(grant.url)}: HTTP {reply.status_code}"
    said = fields.get("error_description") or error_of(value, reply.content)[0]
    temporary = (
        reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or reply.status_code == httpx.codes.TOO_MANY_REQUESTS
    )
    kind = Kind.NOT_SENT if temporary else Kind.ENDPOINT
    return Failure(kind, REDACTOR.clean(f"{where}: {said}", limit=300), status=reply.status_code)


def _seconds(said: Any) -> float:
    """Return how long a token lasts; an hour where the server does not say, which is what they all give."""
    try:
        seconds = float(said)
    except (TypeError, ValueError):
        return 3600.0
    return min(max(seconds, 0.0), 86_400.0)
