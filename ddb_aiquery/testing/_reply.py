"""From a script's step, or a plain answer, to the bytes of an HTTP response."""

from __future__ import annotations

import http
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from . import _dialogue
from ._script import Cut, Headers, Malformed, Refusal, Reset, Status, Step, Truncated

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


def render(
    path: bytes, request: Mapping[str, Any], prompt: str, number: int, answered: Any, step: Step | None
) -> Response:
    """Return what the step makes of a request; `answered` is what the answer function said, None if not asked."""
    if isinstance(step, Status):
        wait = {} if step.retry_after is None else {"retry-after": str(step.retry_after)}
        return error_response(step.status, step.code, step.message, {**wait, **step.headers})
    if isinstance(step, Malformed):
        return _exactly(step)
    if isinstance(step, Reset):
        return Response(0, b"", cut=0, reset=True)
    if isinstance(step, Truncated):
        body = _dialogue.chat(request, prompt, number, text=step.text, finish="length")
        return _generated(response(200, body), prompt, step.text)
    if isinstance(step, Refusal):
        body = _dialogue.chat(request, prompt, number, text=None, refusal=step.text)
        return _generated(response(200, body), prompt, step.text)
    headers = step.headers if isinstance(step, Headers) else None
    usual = _usual(path, request, prompt, number, answered, headers)
    return replace(usual, cut=step.after_bytes, reset=step.reset) if isinstance(step, Cut) else usual


def _usual(
    path: bytes,
    request: Mapping[str, Any],
    prompt: str,
    number: int,
    answered: Any,
    headers: Mapping[str, str] | None,
) -> Response:
    if path.endswith(b"/embeddings"):
        return _generated(response(200, _dialogue.embeddings(request, number), headers), prompt, "")
    if "dataframe_records" in request:
        return _generated(response(200, _dialogue.predictions(answered), headers), prompt, "")
    text = answered if isinstance(answered, str) else orjson.dumps(answered).decode()
    return _generated(response(200, _dialogue.chat(request, prompt, number, text=text), headers), prompt, text)


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
