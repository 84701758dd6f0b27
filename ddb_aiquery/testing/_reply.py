"""From a script's step, or a plain answer, to the bytes of an HTTP response."""

from __future__ import annotations

import http
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ddb_aiquery.testing import _dialogue
from ddb_aiquery.testing._script import Cut, Headers, Malformed, Refusal, Reset, Status, Step, Truncated

_PHRASES = {int(status): status.phrase for status in http.HTTPStatus}
_JSON = b"content-type: application/json\r\n"


@dataclass(frozen=True, slots=True)
class Response:
    """The bytes to send, where to cut them, and what the counts need; `prompt` None where nothing was generated."""

    status: int
    data: bytes
    cut: int | None = None
    reset: bool = False
    prompt: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0


def response(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response; `headers` come besides content-type and content-length."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1") if headers else b""
    head = b"HTTP/1.1 %d %s\r\ncontent-length: %d\r\n" % (status, _PHRASES.get(status, "").encode(), len(body))
    return Response(status, head + _JSON + more + b"\r\n" + body)


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with OpenAI's error object."""
    return response(status, _dialogue.error(status, code, message), headers)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the replies need it: where it came in, what it holds, what it asks, and its number."""

    path: bytes
    request: Mapping[str, Any]
    prompt: str
    number: int


def render(asked: Asked, answered: Any, step: Step | None) -> Response:
    """Return what the step makes of a request; `answered` is what the answer function said, None if not asked."""
    if isinstance(step, Status):
        wait = {} if step.retry_after is None else {"retry-after": str(step.retry_after)}
        return error_response(step.status, step.code, step.message, {**wait, **step.headers})
    if isinstance(step, Malformed):
        return _exactly(step)
    if isinstance(step, Reset):
        return Response(0, b"", cut=0, reset=True)
    if isinstance(step, Truncated):
        return _chat(asked, _dialogue.Said(step.text, "length"))
    if isinstance(step, Refusal):
        return _chat(asked, _dialogue.Said(None, "stop", step.text))
    usual = _usual(asked, answered, step.headers if isinstance(step, Headers) else None)
    return replace(usual, cut=step.after_bytes, reset=step.reset) if isinstance(step, Cut) else usual


def _usual(asked: Asked, answered: Any, headers: Mapping[str, str] | None) -> Response:
    if asked.path.endswith(b"/embeddings"):
        return _generated(response(200, _dialogue.embeddings(asked.request, asked.number), headers), asked.prompt, "")
    if "dataframe_records" in asked.request:
        return _generated(response(200, _dialogue.predictions(answered), headers), asked.prompt, "")
    text = answered if isinstance(answered, str) else orjson.dumps(answered).decode()
    return _chat(asked, _dialogue.Said(text), headers)


def _chat(asked: Asked, said: _dialogue.Said, headers: Mapping[str, str] | None = None) -> Response:
    body = _dialogue.chat(asked.request, asked.prompt, asked.number, said)
    return _generated(response(200, body, headers), asked.prompt, said.text or said.refusal)


def _generated(reply: Response, prompt: str, text: str) -> Response:
    return Response(
        reply.status,
        reply.data,
        prompt=prompt,
        input_tokens=_dialogue.tokens(prompt),
        output_tokens=_dialogue.tokens(text),
    )


def _exactly(step: Malformed) -> Response:
    headers = {name.lower(): value for name, value in step.headers.items()}
    if "transfer-encoding" not in headers:
        headers.setdefault("content-length", str(len(step.body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")
    head = b"HTTP/1.1 %d %s\r\n" % (step.status, _PHRASES.get(step.status, "").encode())
    return Response(step.status, head + lines + b"\r\n" + step.body)
