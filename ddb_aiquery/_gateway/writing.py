"""From Answers to the bodies that clients expect: OpenAI's objects, its stream, MLflow's predictions, and errors."""

from __future__ import annotations

import base64
import struct
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ddb_aiquery._gateway.reading import EMBEDDINGS, RECORDS, Wanted
from ddb_aiquery._gateway.refusal import Refusal, failed
from ddb_aiquery._values import NOTHING, Answer, Endpoint, Failure, Kind, Outcome, Usage

JSON = "application/json"
STREAM = "text/event-stream; charset=utf-8"
_PIECE = 256
"""Characters of a streamed piece: an answer comes whole, so pieces are as large as a client shows well."""
_AS_SAID = {Kind.TRUNCATED: "length", Kind.REFUSED: "content_filter"}
"""Failures for SQL that a chat client knows as ways for an answer to end."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP response; header names in lower case."""

    status: int
    body: bytes
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)


def json(value: Any, status: int = 200, headers: Mapping[str, str] = NOTHING) -> Response:
    """Return a JSON response."""
    return Response(status, orjson.dumps(value), JSON, headers)


def answered(endpoint: Endpoint, wanted: Wanted, outcomes: Sequence[Outcome]) -> Response:
    """Return the response to a request whose every Question has its outcome.

    Raises:
        Refusal: one of them is a Failure that no body can hold.
    """
    if wanted.kind == EMBEDDINGS:
        return _embeddings(endpoint, wanted, _all(outcomes, endpoint))
    if wanted.kind == RECORDS:
        answers = _all(outcomes, endpoint)
        return json({"predictions": [_value(a.text) for a in answers]}, headers=_headers(endpoint, answers))
    said = _said(outcomes[0], endpoint)
    chat = _Chat(said, _model(endpoint, said.answer), f"chatcmpl-{uuid.uuid4().hex}", int(time.time()))
    headers = _headers(endpoint, [said.answer])
    if wanted.stream:
        return Response(
            200, b"".join(chat.events(wanted.stream_usage)), STREAM, {**headers, "cache-control": "no-cache"}
        )
    return Response(200, orjson.dumps(chat.whole()), JSON, headers)


def refused(refusal: Refusal, *, openai: bool) -> Response:
    """Return an error in OpenAI's words or in Databricks'."""
    if not openai:
        body: dict[str, Any] = {"error_code": refusal.code, "message": refusal.message}
    else:
        kind = "invalid_request_error" if refusal.status < 500 else "server_error"  # noqa: PLR2004 (the classes of HTTP)
        error = {"message": refusal.message, "type": kind, "code": refusal.code.lower(), "param": refusal.field or None}
        body = {"error": error}
    return json(body, refusal.status, refusal.headers)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a chat client hears: an Answer, or a Failure that reads as one."""

    answer: Answer
    finish: str
    refusal: str | None = None
    tool_calls: Sequence[Any] = ()


def _said(outcome: Outcome, endpoint: Endpoint) -> _Said:
    if isinstance(outcome, Answer):
        return _Said(outcome, "stop")
    if outcome.tool_calls:
        return _Said(Answer(outcome.text, outcome.usage), "tool_calls", tool_calls=orjson.loads(outcome.tool_calls))
    finish = _AS_SAID.get(outcome.kind)
    if finish is None or outcome.status != 200:  # noqa: PLR2004
        raise failed(outcome, endpoint.name)
    refusal = outcome.text or outcome.message if outcome.kind is Kind.REFUSED else None
    return _Said(Answer("" if refusal else outcome.text, outcome.usage), finish, refusal)


def _all(outcomes: Sequence[Outcome], endpoint: Endpoint) -> list[Answer]:
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            raise failed(outcome, endpoint.name)
    return [outcome for outcome in outcomes if isinstance(outcome, Answer)]


@dataclass(frozen=True, slots=True)
class _Chat:
    """One chat completion, whole or as a stream. Every field is there that some client needs (servers_clients.md 4)."""

    said: _Said
    model: str
    id: str
    created: int

    def whole(self) -> dict[str, Any]:
        answer = self.said.answer
        message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": self.said.refusal}
        if answer.reasoning:
            message["reasoning_content"] = answer.reasoning
        if self.said.tool_calls:
            message |= {"content": answer.text or None, "tool_calls": self.said.tool_calls}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.said.finish}
        return {**self._head("chat.completion"), "choices": [choice], "usage": _usage(answer.usage)}

    def events(self, with_usage: bool) -> Iterator[bytes]:
        """Return the stream that a client expects: a role, pieces of text or calls of tools, the end, and `[DONE]`."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in _pieces(self.said.answer.reasoning)]
        deltas += [{"content": piece} for piece in _pieces(self.said.answer.text)]
        deltas += [{"tool_calls": [{"index": at, **call}]} for at, call in enumerate(self.said.tool_calls)]
        if self.said.refusal:
            deltas.append({"refusal": self.said.refusal})
        head = self._head("chat.completion.chunk")
        for delta in deltas:
            yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": self.said.finish}]})
        if with_usage:
            yield _event({**head, "choices": [], "usage": _usage(self.said.answer.usage)})
        yield b"data: [DONE]\n\n"

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _embeddings(endpoint: Endpoint, wanted: Wanted, answers: Sequence[Answer]) -> Response:
    vectors = [orjson.loads(answer.text) for answer in answers]
    given = [_packed(vector) for vector in vectors] if wanted.base64 else vectors
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(given)]
    usage = _usage(sum((answer.usage for answer in answers), Usage()))
    body = {"object": "list", "data": data, "model": _model(endpoint, answers[0]), "usage": usage}
    return json(body, headers=_headers(endpoint, answers))


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _value(text: str) -> Any:
    """Return a prediction as it was before it became text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _usage(usage: Usage) -> dict[str, int]:
    spent, made = usage.input_tokens, usage.output_tokens
    return {"prompt_tokens": spent, "completion_tokens": made, "total_tokens": spent + made}


def _model(endpoint: Endpoint, answer: Answer) -> str:
    return answer.model or endpoint.model


def _headers(endpoint: Endpoint, answers: Sequence[Answer]) -> dict[str, str]:
    """Return what Databricks tells in headers, whether the answers were stored, and what else is to be known."""
    model = _model(endpoint, answers[0]).encode("ascii", "replace").decode()
    headers = {"served-model-name": model, "x-ddb-aiquery-cached": str(all(a.cached for a in answers)).lower()}
    note = "; ".join(dict.fromkeys(answer.note for answer in answers if answer.note))
    if note:
        headers["x-ddb-aiquery-note"] = note.encode("ascii", "replace").decode()
    return headers
