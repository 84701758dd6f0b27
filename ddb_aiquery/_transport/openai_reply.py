"""Reading what an OpenAI-compatible server sent: an Answer or a Failure, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ddb_aiquery._transport import json_text
from ddb_aiquery._transport.json_text import mapping
from ddb_aiquery._transport.status import failure, one_line, request_id_of
from ddb_aiquery._values import BYTES_PER_TOKEN, Answer, Failure, Kind, Outcome, Reply, Usage

_CALLED = frozenset({"tool_calls", "function_call"})
_COMPLETE = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence", *_CALLED})
_CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"})
_DECLINED = frozenset({"content_filter", "refusal", "safety"})
_MOST_TOKENS = 2**53


def outcome(reply: Reply) -> Outcome:
    """Return the Answer or the Failure that a reply of any status is."""
    value, note = json_text.read(reply.body)
    fields = mapping(value)
    if not 200 <= reply.status < 300:  # noqa: PLR2004 (the class of successes)
        message, codes = error_of(value, reply.body)
        return failure(reply, message, codes, request_id_of(reply.headers, fields.get("id")))
    context = Context(reply, fields, note)
    if fields.get("error"):
        return context.fails(Kind.INVALID, "an error instead of an answer: " + error_of(value, b"")[0])
    if isinstance(fields.get("choices"), list):
        return _chat(context)
    if isinstance(fields.get("data"), list):
        return _embedding(context)
    if isinstance(fields.get("predictions"), list):
        return _prediction(context)
    return context.fails(Kind.INVALID, "no answer: " + _looks_like(reply.body, value))


@dataclass(frozen=True, slots=True)
class Context:
    """A reply with its parsed body, and the two ways that reading it can end."""

    reply: Reply
    fields: Mapping[str, Any]
    note: str

    def answers(self, text: str, finish: str, reasoning: str = "") -> Answer:
        """Return a complete answer."""
        plain = json_text.whole(text)
        return Answer(
            text=plain,
            usage=self.usage(plain),
            finish=finish,
            model=one_line(_text(self.fields.get("model")), 200),
            reasoning=json_text.whole(reasoning),
            request_id=self.request_id(),
            note=self.note or ("repaired" if plain is not text else ""),
        )

    def fails(self, kind: Kind, message: str, text: str = "") -> Failure:
        """Return a failure that was paid for."""
        plain = json_text.whole(text)
        return Failure(
            kind=kind,
            message=one_line(message),
            status=self.reply.status,
            usage=self.usage(plain),
            text=plain,
            request_id=self.request_id(),
        )

    def usage(self, text: str) -> Usage:
        """Return the tokens as reported, else an estimate of those in the reply."""
        said = mapping(self.fields.get("usage"))
        spent = _tokens(said.get("prompt_tokens", said.get("input_tokens")))
        made = _tokens(said.get("completion_tokens", said.get("output_tokens")))
        if spent is not None and (made is not None or "total_tokens" in said):
            return Usage(spent, made or 0)
        return Usage(spent or 0, len(text.encode()) // BYTES_PER_TOKEN if made is None else made, estimated=True)

    def request_id(self) -> str:
        """Return the provider's id of this exchange."""
        return request_id_of(self.reply.headers, self.fields.get("id"))


def _chat(context: Context) -> Outcome:
    choices = context.fields["choices"]
    choice = mapping(choices[0] if choices else None)
    message = mapping(choice.get("message"))
    text, reasoning = read_content(message.get("content"))
    reasoning = reasoning or _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    finish = _text(choice.get("finish_reason"))
    refusal = _text(message.get("refusal"))
    if refusal or finish in _DECLINED:
        why = refusal or "the provider's content filter stopped it"
        return context.fails(Kind.REFUSED, "the model declined: " + why, refusal or text or "")
    if finish in _CUT_OFF:
        spent = "" if text else ", all tokens went into reasoning"
        return context.fails(
            Kind.TRUNCATED, f"the answer was cut off (finish_reason {finish}{spent}); raise max_tokens", text or ""
        )
    if finish not in _COMPLETE:
        return context.fails(Kind.INVALID, f"the answer is not complete: finish_reason '{finish}'", text or "")
    called = message.get("tool_calls")
    calls = [call for call in called if isinstance(call, dict)] if isinstance(called, list) else []
    if calls and (finish in _CALLED or not text):
        why = "the model called a tool instead of answering; leave tools out of the request"
        return replace(context.fails(Kind.ROW, why, text or ""), tool_calls=orjson.dumps(calls).decode())
    if text is None:
        return context.fails(Kind.INVALID, "the answer has no content")
    return context.answers(text, finish, reasoning)


def read_content(content: Any) -> tuple[str | None, str]:
    """Return the text and the reasoning of a message's content; the text is None where there is none at all."""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, list):
        return None, ""
    said: list[str] = []
    thought: list[str] = []
    for block in content:
        fields = mapping(block)
        kind = fields.get("type")
        if isinstance(block, str):
            said.append(block)
        elif kind in {"text", "output_text"}:
            said.append(_text(fields.get("text")))
        elif kind in {"reasoning", "thinking"}:
            thought.append(_thought(fields))
    return ("".join(said) if said else None), "".join(thought)


def _thought(fields: Mapping[str, Any]) -> str:
    for name in ("thinking", "text", "reasoning", "summary"):
        found = fields.get(name)
        if isinstance(found, str):
            return found
        if isinstance(found, list):
            return "".join(_text(mapping(part).get("text")) for part in found)
    return ""


def _embedding(context: Context) -> Outcome:
    data = context.fields["data"]
    vector = mapping(data[0] if data else None).get("embedding")
    if not isinstance(vector, list) or not vector or not all(type(x) in (int, float) for x in vector):
        return context.fails(Kind.INVALID, "the reply has no embedding that is a list of numbers")
    try:
        text = orjson.dumps(vector).decode()
    except TypeError:  # an integer of more than 64 bits
        return context.fails(Kind.INVALID, "the reply's embedding holds a number out of range")
    if "null" in text:  # how orjson writes what is no number
        return context.fails(Kind.INVALID, "the reply's embedding holds a number out of range")
    return context.answers(text, "stop")


def _prediction(context: Context) -> Outcome:
    predictions = context.fields["predictions"]
    if not predictions or predictions[0] is None:
        return context.fails(Kind.INVALID, "the reply has no prediction")
    if isinstance(predictions[0], str):
        return context.answers(predictions[0], "stop")
    precise = mapping(json_text.exact(context.reply.body)).get("predictions") or predictions
    text = json_text.written(precise[0])
    return context.answers(text, "stop") if text else context.fails(Kind.INVALID, "the prediction is nested too deeply")


def error_of(value: Any, body: bytes) -> tuple[str, frozenset[str]]:
    """Return the message of an error object and its codes in lower case; a body that has none speaks for itself."""
    fields = mapping(value[0] if isinstance(value, list) and value else value)
    error = fields.get("error") or fields
    if isinstance(error, str):
        return one_line(error), frozenset()
    error = mapping(error)
    inner = mapping(error.get("innererror"))
    named = (error.get("code"), error.get("type"), error.get("error_code"), fields.get("error_code"), inner.get("code"))
    codes = frozenset(code.lower() for code in named if isinstance(code, str))
    message = error.get("message") or error.get("detail") or fields.get("message") or fields.get("detail")
    if message is not None:
        return one_line(message if isinstance(message, str) else json_text.written(message)), codes
    return ("" if value is not None or not body else _looks_like(body, value)), codes


def _looks_like(body: bytes, value: Any) -> str:
    start = body[:200].decode("utf-8", "replace").strip()
    if not start:
        return "the body is empty"
    if start.startswith("<"):
        return "the body is a web page; check base_url"
    if start.startswith(("data:", "event:")):
        return "the endpoint streams its answers though it was not asked to, which is not read"
    known = "the body is JSON of another form" if value is not None else "the body is no JSON"
    return f"{known}: {one_line(start, 100)}"


def _tokens(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
