"""Anthropic's Messages: the request. The reply is read in anthropic_reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddb_aiquery._transport.anthropic_reply import ANSWER_TOOL, outcome
from ddb_aiquery._transport.attachments import data_url
from ddb_aiquery._transport.dialect import dumps, loads, parameters_of
from ddb_aiquery._values import Endpoint, Form, Outcome, Question, Reply
from ddb_aiquery.errors import CallError, RowError

VERSION = "2023-06-01"
MAX_TOKENS = 4096
"""Anthropic demands a limit; every model that it still serves takes this one."""


@dataclass(frozen=True, slots=True)
class Anthropic:
    """The dialect of Anthropic's Messages, and of those who serve Claude in the same words."""

    name: str = "anthropic"

    def path(self, endpoint: Endpoint, form: Form) -> str:  # noqa: ARG002 (the model stands in the body)
        """Return the path of messages.

        Raises:
            CallError: the endpoint is asked for what Anthropic does not have.
        """
        if form in {Form.EMBED, Form.RECORD}:
            raise CallError("Anthropic has neither embeddings nor custom models; name another endpoint")
        return "/messages"

    def body(self, endpoint: Endpoint, question: Question) -> bytes:
        """Return the request's body: OpenAI's names of parameters, messages and formats in Anthropic's.

        Raises:
            RowError: the messages are malformed, or nothing but a system message.
        """
        system, said = _conversation(question)
        fields = {**_parameters(parameters_of(endpoint, question)), "model": endpoint.model, "messages": said}
        if system:
            fields["system"] = system
        if question.response_format is not None:
            fields |= _forced(loads(question.response_format, "responseFormat"))
        return dumps(fields)

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]:
        """Return the version and the key."""
        key = {"x-api-key": endpoint.api_key.reveal()} if endpoint.api_key else {}
        return {"anthropic-version": str(endpoint.options.get("api_version", VERSION)), **key}

    def outcome(self, reply: Reply) -> Outcome:
        """Read a reply; never raises."""
        return outcome(reply)


def _parameters(given: dict[str, Any]) -> dict[str, Any]:
    limit = given.pop("max_completion_tokens", None)
    given.setdefault("max_tokens", limit or MAX_TOKENS)
    stop = given.pop("stop", None)
    if stop:
        given["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    return given


def _forced(format_: Any) -> dict[str, Any]:
    """Return the tool that the model must call with its answer: the one way to hold it to a schema."""
    asked = format_ if isinstance(format_, dict) else {}
    schema = asked.get("json_schema") or {}
    tool = {
        "name": ANSWER_TOOL,
        "description": str(schema.get("description") or schema.get("name") or "The answer."),
        "input_schema": schema.get("schema") or {"type": "object"},
    }
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER_TOOL}}


def _conversation(question: Question) -> tuple[str, list[dict[str, Any]]]:
    """Return the system text and the messages, files added to the last thing that the user says."""
    files = [_block({"image_url": {"url": data_url(data)}}) for data in question.files]
    if question.form is Form.TEXT:
        content = [*files, {"type": "text", "text": question.request}] if files else question.request
        return "", [{"role": "user", "content": content}]
    given = loads(question.request, "the list of messages")
    if not isinstance(given, list) or not all(isinstance(message, dict) for message in given):
        raise RowError("the messages are not a list of STRUCT(role, content)")
    system = "\n\n".join(_text(m.get("content")) for m in given if m.get("role") in {"system", "developer"})
    said = [_message(m) for m in given if m.get("role") not in {"system", "developer"}]
    if not said:
        raise RowError("the messages hold no message of the user, which Anthropic needs")
    if files:
        said[-1]["content"] = [*files, *_blocks(said[-1]["content"])]
    return system, said


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with the two fields that Anthropic knows; it refuses names and empty texts."""
    content = message.get("content")
    if isinstance(content, list):
        content = [block for block in map(_block, content) if block.get("text") != ""]
    return {"role": message.get("role", "user"), "content": content}


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _block(block: Any) -> dict[str, Any]:
    """Return a block of content: OpenAI's images and files as Anthropic's sources, all others as they are."""
    if not isinstance(block, dict):
        return {"type": "text", "text": str(block)}
    image = block.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    file = block.get("file")
    if isinstance(file, dict):
        url = file.get("file_data")
    if not isinstance(url, str):
        return block
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media, _, data = url.removeprefix("data:").partition(";base64,")
    kind = "document" if media == "application/pdf" else "image"
    return {"type": kind, "source": {"type": "base64", "media_type": media, "data": data}}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(str(block.get("text", "")) if isinstance(block, dict) else str(block) for block in blocks)
