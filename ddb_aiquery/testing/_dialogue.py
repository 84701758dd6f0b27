"""How a ScriptedEndpoint speaks OpenAI's protocol: a request's prompt, and the body of each kind of reply."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson


def tokens(text: str) -> int:
    """Return the tokens that this endpoint counts for a text: one for every four bytes begun."""
    return (len(text.encode("utf-8", "replace")) + 3) // 4


def prompt_of(request: Mapping[str, Any]) -> str:
    """Return what is asked: the last user message's text, the text to embed, or the record as JSON."""
    if "messages" in request:
        asked = [m for m in request["messages"] if m.get("role") == "user"] or request["messages"][-1:]
        return _text_of(asked[-1].get("content")) if asked else ""
    if "dataframe_records" in request:
        return orjson.dumps(request["dataframe_records"][0]).decode()
    given = request.get("input", request.get("prompt", ""))
    return given if isinstance(given, str) else orjson.dumps(given).decode()


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content if block.get("type") == "text")
    return content if isinstance(content, str) else ""


def default_answer(prompt: str, request: Mapping[str, Any]) -> Any:
    """Return `echo: <prompt>`, or where a JSON schema is asked for, the same value of that schema for each prompt."""
    wanted = request.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return _instance(wanted.get("json_schema", {}).get("schema", {}), prompt)
    if wanted.get("type") == "json_object":
        return {"echo": prompt}
    return "echo: " + prompt


def _instance(schema: Mapping[str, Any], prompt: str) -> Any:
    if schema.get("enum"):
        return schema["enum"][int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big") % len(schema["enum"])]
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return _instance(option, prompt)
    kind = schema.get("type", "string")
    kind = next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _instance(part, prompt) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [_instance(schema.get("items", {}), prompt)]
    number = len(prompt)
    return {"integer": number, "number": number / 2, "boolean": number % 2 == 0, "null": None}.get(kind, prompt)


def vector(text: str, dimensions: int = 8) -> list[float]:
    """Return the unit vector that stands for a text: equal texts, equal vectors."""
    stream = hashlib.shake_256(text.encode("utf-8", "replace")).digest(dimensions * 2)
    raw = [int.from_bytes(stream[i : i + 2], "big") / 32768 - 1 for i in range(0, len(stream), 2)]
    length = sum(x * x for x in raw) ** 0.5 or 1.0
    return [round(x / length, 6) for x in raw]


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says in a chat: the text (None leaves the content null), why it ended, how it declined."""

    text: str | None
    finish: str = "stop"
    refusal: str = ""


def chat(request: Mapping[str, Any], prompt: str, number: int, said: Said) -> bytes:
    """Return the body of a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.refusal:
        message["refusal"] = said.refusal
    usage = {"prompt_tokens": tokens(prompt), "completion_tokens": tokens(said.text or said.refusal)}
    return orjson.dumps(
        {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 0,
            "model": request.get("model", ""),
            "choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
            "usage": {**usage, "total_tokens": sum(usage.values())},
        }
    )


def embeddings(request: Mapping[str, Any], number: int) -> bytes:
    """Return the body of an embeddings reply, one vector for each input text."""
    given = request.get("input", "")
    texts = [given] if isinstance(given, str) else list(given)
    size = int(request.get("dimensions") or 8)
    data = [{"object": "embedding", "index": i, "embedding": vector(str(t), size)} for i, t in enumerate(texts)]
    spent = sum(tokens(str(t)) for t in texts)
    usage = {"prompt_tokens": spent, "total_tokens": spent}
    body = {"object": "list", "id": f"emb-{number}", "data": data, "model": request.get("model", ""), "usage": usage}
    return orjson.dumps(body)


def predictions(answer: Any) -> bytes:
    """Return the body of a custom endpoint's reply to one record."""
    return orjson.dumps({"predictions": [answer]})


def models(model: str) -> bytes:
    """Return the body of the list of models, which has this one."""
    return orjson.dumps({"object": "list", "data": [{"id": model, "object": "model", "owned_by": "test"}]})


def error(status: int, code: str, message: str) -> bytes:
    """Return OpenAI's error object."""
    kind = "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004 (the classes of HTTP)
    return orjson.dumps({"error": {"message": message, "type": kind, "code": code or None, "param": None}})
