"""Reading what Anthropic's Messages sent: an Answer or a Failure, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ddb_aiquery._transport import json_text
from ddb_aiquery._transport.json_text import mapping
from ddb_aiquery._transport.openai_reply import Context, error_of, read_content
from ddb_aiquery._transport.status import failure, request_id_of
from ddb_aiquery._values import Kind, Outcome, Reply

ANSWER_TOOL = "answer"
"""The tool that a responseFormat becomes; its input is the answer."""
_COMPLETE = frozenset({"end_turn", "stop_sequence", "tool_use"})
_CUT_OFF = frozenset({"max_tokens", "model_context_window_exceeded"})
_READ_TOKENS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_NO_MONEY = "credit balance is too low"
"""Anthropic says this with status 400, as if the request were wrong."""


def outcome(reply: Reply) -> Outcome:
    """Return the Answer or the Failure that a reply of any status is."""
    value, note = json_text.read(reply.body)
    fields = mapping(value)
    if not 200 <= reply.status < 300:  # noqa: PLR2004 (the class of successes)
        return _refused(reply, value, fields)
    context = Context(reply, {**fields, "usage": _usage(fields.get("usage"))}, note)
    if fields.get("type") == "error":
        return context.fails(Kind.INVALID, "an error instead of an answer: " + error_of(value, b"")[0])
    if not isinstance(fields.get("content"), list):
        return context.fails(Kind.INVALID, "no answer: the reply has no content; check base_url and provider")
    return _message(context)


def _refused(reply: Reply, value: Any, fields: Mapping[str, Any]) -> Outcome:
    message, codes = error_of(value, reply.body)
    found = failure(reply, message, codes, request_id_of(reply.headers, fields.get("request_id")))
    return replace(found, kind=Kind.ENDPOINT) if _NO_MONEY in message else found


def _message(context: Context) -> Outcome:
    blocks = context.fields["content"]
    said, reasoning = read_content(blocks)
    form = next((b for b in blocks if isinstance(b, dict) and b.get("type") == "tool_use"), None)
    if form is not None and form.get("name") == ANSWER_TOOL:
        said = json_text.written(form.get("input"))
    finish = context.fields.get("stop_reason")
    if finish == "refusal":
        return context.fails(Kind.REFUSED, "the model declined", said or "")
    if finish in _CUT_OFF:
        return context.fails(
            Kind.TRUNCATED, f"the answer was cut off (stop_reason {finish}); raise max_tokens", said or ""
        )
    if finish not in _COMPLETE:
        return context.fails(Kind.INVALID, f"the answer is not complete: stop_reason '{finish}'", said or "")
    if form is not None and form.get("name") != ANSWER_TOOL:
        return context.fails(Kind.ROW, "the model called a tool instead of answering; leave tools out of the request")
    if said is None:
        return context.fails(Kind.INVALID, "the answer has no content")
    return context.answers(said, "stop", reasoning)


def _usage(said: Any) -> Mapping[str, Any]:
    """Return the usage with all tokens that were read, whether or not Anthropic's prompt cache had them."""
    fields = mapping(said)
    parts = [fields.get(name) for name in _READ_TOKENS]
    if not isinstance(parts[0], int):
        return fields
    return {**fields, "input_tokens": sum(part for part in parts if isinstance(part, int) and part > 0)}
