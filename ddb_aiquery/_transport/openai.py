"""OpenAI's chat completions and embeddings, which nearly every server speaks, and MLflow's invocations beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ddb_aiquery._transport.attachments import data_url
from ddb_aiquery._transport.dialect import dumps, loads, parameters_of, raw
from ddb_aiquery._transport.openai_reply import outcome
from ddb_aiquery._values import Endpoint, Form, Outcome, Question, Reply
from ddb_aiquery.errors import RowError

_PATHS = {Form.EMBED: "/embeddings", Form.RECORD: ""}


@dataclass(frozen=True, slots=True)
class OpenAI:
    """The dialect of OpenAI and of every server that is compatible with it."""

    name: str = "openai"

    def path(self, endpoint: Endpoint, form: Form) -> str:  # noqa: ARG002 (other dialects put the model here)
        """Return the path below the base URL; a custom endpoint's base URL is its whole address."""
        return _PATHS.get(form, "/chat/completions")

    def body(self, endpoint: Endpoint, question: Question) -> bytes:
        """Return the request's body; parameters of the call go over the endpoint's."""
        parameters = parameters_of(endpoint, question)
        if question.form is Form.RECORD:
            record = {"dataframe_records": [raw(question.request, "the record")]}
            return dumps({**record, "params": dict(sorted(parameters.items()))} if parameters else record)
        if question.form is Form.EMBED:
            return dumps({**parameters, "model": endpoint.model, "input": question.request})
        fields = {**parameters, "model": endpoint.model, "messages": messages(question)}
        if question.response_format is not None:
            fields["response_format"] = raw(question.response_format, "responseFormat")
        return dumps(fields)

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]:
        """Return the bearer token, if the endpoint has a key."""
        return {"authorization": f"Bearer {endpoint.api_key.reveal()}"} if endpoint.api_key else {}

    def outcome(self, reply: Reply) -> Outcome:
        """Read a reply; never raises."""
        return outcome(reply)


def messages(question: Question) -> Any:
    """Return the conversation, files added to the last thing that the user says.

    Raises:
        RowError: the messages are not a JSON list of objects, or a file's type is not known.
    """
    if question.form is Form.TEXT:
        content: Any = question.request
        if question.files:
            content = [*blocks_of(content), *map(_block, question.files)]
        return [{"content": content, "role": "user"}]
    given = loads(question.request, "the list of messages")
    if not isinstance(given, list) or not given or not all(isinstance(message, dict) for message in given):
        raise RowError("the messages are not a list of STRUCT(role, content) with at least one element")
    if not question.files:
        return raw(question.request, "the list of messages")
    last = next((i for i in reversed(range(len(given))) if given[i].get("role") == "user"), None)
    if last is None:
        return [*given, {"content": [_block(data) for data in question.files], "role": "user"}]
    said = given[last]
    with_files = {**said, "content": [*blocks_of(said.get("content")), *map(_block, question.files)]}
    return [*given[:last], with_files, *given[last + 1 :]]


def blocks_of(content: Any) -> list[Any]:
    """Return a message's content as a list of blocks."""
    if isinstance(content, list):
        return content
    return [{"text": content, "type": "text"}] if isinstance(content, str) and content else []


def _block(data: bytes) -> dict[str, Any]:
    url = data_url(data)
    if url.startswith("data:application/pdf;"):
        return {"file": {"file_data": url, "filename": "file.pdf"}, "type": "file"}
    return {"image_url": {"url": url}, "type": "image_url"}
