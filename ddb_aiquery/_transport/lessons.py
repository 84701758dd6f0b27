"""What an endpoint refuses to be sent, learnt from its 400s, and requests without that.

Only what shapes an answer is ever left out; a parameter that nobody knows is the user's mistake and stays an error.
A lesson changes the request on its way out and is no part of a key: the question stays the one that was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from ddb_aiquery._transport import json_text
from ddb_aiquery._transport.refused import refused_parameter
from ddb_aiquery._values import Reply

LEFT_OUT = "left out"
_REFUSALS = frozenset({400, 422})
_SAMPLING = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty")
_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_INSTRUCTIONS = frozenset({"system", "developer"})
_NO_SYSTEM = re.compile(
    r"(?i)(?:system|developer) (?:role|message|prompt|instruction)s?\b.{0,60}\b(?:not|unsupported)"
    r"|\b(?:not|unsupported|only)\b.{0,60}\b(?:system|developer)['\"]? (?:role|message|prompt|instruction)"
    r"|role\b.{0,40} does not support ['\"](?:system|developer)"
)


def lesson_of(reply: Reply, body: bytes) -> tuple[str, str] | None:
    """Return what the reply to a request teaches: the name of what is refused, and what is to be done instead.

    None where it teaches nothing that another request could heed.
    """
    if reply.status not in _REFUSALS:
        return None
    fields = _fields(body)
    sent = [name for name in (*_SAMPLING, *_LIMITS, "response_format") if name in fields]
    if _schema(fields) is not None and "strict" in fields["response_format"]["json_schema"]:
        sent.insert(0, "strict")
    name = refused_parameter(reply, sent)
    if name in _LIMITS:
        return name, LEFT_OUT if _LIMITS[name] in fields else _LIMITS[name]
    if name:
        return name, LEFT_OUT
    if any(_is_instruction(message) for message in _messages(fields)) and _NO_SYSTEM.search(_words(reply)):
        return "system", "user"
    return None


def heeded(body: bytes, lessons: Mapping[str, str]) -> tuple[bytes, str]:
    """Return the body as the lessons want it, and in words what was changed; the same body where nothing was."""
    fields = _fields(body)
    changes = [change for what, instead in lessons.items() if (change := _change(fields, what, instead, lessons))]
    return (orjson.dumps(fields), ", ".join(changes)) if changes else (body, "")


def _change(fields: dict[str, Any], what: str, instead: str, lessons: Mapping[str, str]) -> str:
    """Change the fields by one lesson and say how; empty where it does not concern them."""
    if what == "system":
        return _without_system(fields)
    if what == "strict":
        schema = _schema(fields)
        return "without strict" if schema is not None and schema.pop("strict", None) is not None else ""
    if what not in fields:
        return ""
    if what == "response_format":
        _ask_in_words(fields)
    value = fields.pop(what)
    if instead == LEFT_OUT or lessons.get(instead) in {LEFT_OUT, what}:
        return f"without {what}"
    fields.setdefault(instead, value)
    return f"{instead} for {what}"


def _without_system(fields: dict[str, Any]) -> str:
    """Put what the system says before what the user says first."""
    messages = _messages(fields)
    said = [_text(message.get("content")) for message in messages if _is_instruction(message)]
    if not said:
        return ""
    others = [message for message in messages if not _is_instruction(message)]
    first = next((i for i, message in enumerate(others) if message.get("role") == "user"), None)
    if first is None:
        others.insert(0, {"role": "user", "content": "\n\n".join(said)})
    else:
        others[first] = {**others[first], "content": _joined("\n\n".join(said), others[first].get("content"))}
    fields["messages"] = others
    return "system message as user message"


def _ask_in_words(fields: dict[str, Any]) -> None:
    """Say in the last user message what `response_format` would have said."""
    schema = _schema(fields)
    wanted = "Answer with JSON only, without any other text."
    if schema is not None:
        wanted = f"Answer with JSON only, which fits this JSON schema: {orjson.dumps(schema.get('schema')).decode()}"
    messages = _messages(fields)
    for place in reversed(range(len(messages))):
        message = messages[place]
        if message.get("role") == "user":
            content = message.get("content")
            end = f"{content}\n\n{wanted}" if isinstance(content, str) else [*(content or ()), _block(wanted)]
            fields["messages"] = [*messages[:place], {**message, "content": end}, *messages[place + 1 :]]
            return


def _joined(before: str, content: Any) -> Any:
    return f"{before}\n\n{content}" if isinstance(content, str) else [_block(before), *(content or ())]


def _block(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict))


def _fields(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _messages(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = fields.get("messages")
    whole = isinstance(messages, list) and all(isinstance(message, dict) for message in messages)
    return messages if whole else []  # type: ignore[return-value]  # `whole` says so


def _is_instruction(message: Mapping[str, Any]) -> bool:
    return message.get("role") in _INSTRUCTIONS


def _schema(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = fields.get("response_format")
    schema = wanted.get("json_schema") if isinstance(wanted, dict) else None
    return schema if isinstance(schema, dict) else None


def _words(reply: Reply) -> str:
    value, _ = json_text.read(reply.body)
    error = value.get("error", value) if isinstance(value, dict) else None
    found = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return found if isinstance(found, str) else ""
