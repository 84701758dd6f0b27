"""The gateway as an ASGI application: routes, the order of checks, and the body's limits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from ddb_aiquery._gateway import listing, reading, writing
from ddb_aiquery._gateway.desk import PERIOD, ClientGone, Desk
from ddb_aiquery._gateway.doorman import Doorman
from ddb_aiquery._gateway.figures import MEDIA
from ddb_aiquery._gateway.openapi import document
from ddb_aiquery._gateway.refusal import Refusal
from ddb_aiquery._gateway.writing import Response

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 8 * 1024 * 1024
BODY_SECONDS = 60.0
LOG = logging.getLogger("ddb_aiquery.gateway")
_BASES = "(?:/v1|/serving-endpoints|/ai-gateway/(?:mlflow|openai)/v1)"


@dataclass(frozen=True, slots=True)
class Route:
    """A path and what it does; an `open` one needs no token."""

    pattern: re.Pattern[str]
    method: str
    handler: str
    open: bool = False


ROUTES = (
    Route(re.compile(f"{_BASES}/chat/completions"), "POST", "chat"),
    Route(re.compile(f"{_BASES}/embeddings"), "POST", "embeddings"),
    Route(re.compile(r"/serving-endpoints/(?P<name>.+)/invocations"), "POST", "invocation"),
    Route(re.compile(f"{_BASES}/models"), "GET", "models"),
    Route(re.compile(f"{_BASES}/models/(?P<name>.+)"), "GET", "model"),
    Route(re.compile(r"/api/2\.0/serving-endpoints/?"), "GET", "endpoints"),
    Route(re.compile(r"/api/2\.0/serving-endpoints/(?P<name>.+)"), "GET", "endpoint"),
    Route(re.compile(r"/health"), "GET", "health", open=True),
    Route(re.compile(r"/metrics"), "GET", "metrics"),
    Route(re.compile(r"/openapi\.json"), "GET", "openapi", open=True),
    # The Databricks SDK asks this before anything else, without a token, and waits 300 s if nothing answers.
    Route(re.compile(r"/\.well-known/databricks-config"), "GET", "absent", open=True),
)
"""The first whose pattern is the whole path serves it."""


class Gateway:
    """The ASGI application. `limit` are bytes of a request's body."""

    def __init__(self, desk: Desk, doorman: Doorman, *, limit: int = MAX_BODY) -> None:
        self._desk = desk
        self._doorman = doorman
        self._limit = limit
        self._places: dict[str, tuple[Route, Mapping[str, str]]] = {}

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request, or the application's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        begun = time.perf_counter()
        try:
            response = await self._respond(scope, receive)
        except ClientGone:
            return
        await _send(response, send, scope["method"] == "HEAD")
        self._desk.figures.answered(response.status, time.perf_counter() - begun)

    def stop(self) -> None:
        """Prepare for the end: what would be tried again is given up, what is under way is still answered."""
        self._desk.stop()

    async def _live(self, receive: Receive, send: Send) -> None:
        """Keep the books while the server runs."""
        books = asyncio.ensure_future(self._keep_books())
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                books.cancel()
                await self._desk.settled()
                await self._desk.close_books(end=True)
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _keep_books(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            await self._desk.close_books()

    async def _respond(self, scope: Mapping[str, Any], receive: Receive) -> Response:
        try:
            self._doorman.check_origin(scope["headers"])
            route, names = self._place(scope)
            headers = dict(scope["headers"])
            if not route.open:
                self._doorman.check_token(headers.get(b"authorization", b""))
            _check_method(route, scope["method"])
            if route.method == "GET":
                return getattr(self, f"_{route.handler}")(**names)  # type: ignore[no-any-return]
            fields = reading.read_body(await self._body(headers, receive))
            return await getattr(self, f"_{route.handler}")(fields, receive, **names)  # type: ignore[no-any-return]
        except Refusal as refusal:
            return writing.refused(refusal, openai=_speaks_openai(scope))
        except ClientGone:
            raise
        except Exception:
            LOG.exception("a request failed")
            return writing.refused(Refusal(500, "the gateway failed; its log says more"), openai=_speaks_openai(scope))

    def _place(self, scope: Mapping[str, Any]) -> tuple[Route, Mapping[str, str]]:
        """Return the route of a path, and the names in it."""
        path = scope["path"]
        known = self._places.get(path)
        if known is not None:
            return known
        for route in ROUTES:
            found = route.pattern.fullmatch(path)
            if found:
                place = route, found.groupdict()
                if len(self._places) < 1024:  # noqa: PLR2004 (paths are few; no client may fill the memory with others)
                    self._places[path] = place
                return place
        self._doorman.check_token(dict(scope["headers"]).get(b"authorization", b""))
        raise Refusal(404, f"there is no {path[:100]}; GET /openapi.json lists what there is")

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Return a request's body, which is JSON and no larger than the limit."""
        media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if media != b"application/json":
            raise Refusal(415, "send the body as Content-Type: application/json")
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise Refusal(415, "send the body as it is, without Content-Encoding")
        told = headers.get(b"content-length", b"0")
        if told.isdigit() and int(told) > self._limit:
            raise self._too_large()
        parts, size, more = [], 0, True
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    more = message.get("more_body", False)
                    if size > self._limit:
                        raise self._too_large()
        except TimeoutError:
            raise Refusal(408, f"the body did not arrive within {BODY_SECONDS:.0f} s") from None
        return b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body is larger than {self._limit / 2**20:g} MiB", {"connection": "close"})

    async def _chat(self, fields: Mapping[str, Any], receive: Receive) -> Response:
        endpoint = self._desk.endpoint(reading.model_of(fields))
        return await self._answer(endpoint, reading.read_chat(endpoint, fields), receive)

    async def _embeddings(self, fields: Mapping[str, Any], receive: Receive) -> Response:
        endpoint = self._desk.endpoint(reading.model_of(fields))
        return await self._answer(endpoint, reading.read_embeddings(endpoint, fields), receive)

    async def _invocation(self, fields: Mapping[str, Any], receive: Receive, name: str) -> Response:
        endpoint = self._desk.endpoint(name)
        return await self._answer(endpoint, reading.read_invocation(endpoint, fields), receive)

    async def _answer(self, endpoint: Any, wanted: reading.Wanted, receive: Receive) -> Response:
        outcomes: Any = self._desk.stored(endpoint, wanted.questions)
        if outcomes is None:
            outcomes = await self._desk.asked(endpoint, wanted.questions, _gone(receive))
        return writing.answered(endpoint, wanted, outcomes)

    def _models(self) -> Response:
        return writing.json(listing.models(self._desk.settings))

    def _model(self, name: str) -> Response:
        known = name if name in self._desk.settings.entries else self._desk.endpoint(name).name
        return writing.json(listing.model(known))

    def _endpoints(self) -> Response:
        return writing.json(listing.all_described(self._desk.settings))

    def _endpoint(self, name: str) -> Response:
        settings = self._desk.settings
        known = name in settings.entries
        return writing.json(listing.listed(settings, name) if known else listing.described(self._desk.endpoint(name)))

    def _health(self) -> Response:
        return writing.json({"status": "ok"})

    def _metrics(self) -> Response:
        return Response(200, self._desk.metrics().encode(), MEDIA)

    def _openapi(self) -> Response:
        return writing.json(document())

    def _absent(self) -> Response:
        raise Refusal(404, "this is no workspace, but a gateway: there is no configuration to discover")


def _speaks_openai(scope: Mapping[str, Any]) -> bool:
    return bool(scope["path"].startswith("/v1/"))


def _check_method(route: Route, method: str) -> None:
    if method != route.method and not (method == "HEAD" and route.method == "GET"):
        allowed = "GET, HEAD" if route.method == "GET" else route.method
        raise Refusal(405, f"this path takes {allowed}", {"allow": allowed})


async def _gone(receive: Receive) -> None:
    """End when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(response: Response, send: Send, head_only: bool) -> None:
    headers = [(b"content-type", response.media.encode()), (b"content-length", str(len(response.body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in response.headers.items()]
    with contextlib.suppress(OSError):
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head_only else response.body})
