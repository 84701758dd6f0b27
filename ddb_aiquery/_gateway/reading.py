"""From a request's body to Questions: what is asked, how, and in which form the answer is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ddb_aiquery._gateway.refusal import Refusal, bad
from ddb_aiquery._results.parameters import read_parameters
from ddb_aiquery._results.request import read_request
from ddb_aiquery._results.shape import shape
from ddb_aiquery._values import Endpoint, Form, Question
from ddb_aiquery.errors import AiQueryError, CallError

CHAT, EMBEDDINGS, RECORDS = "chat", "embeddings", "records"
MOST_INPUTS = 2048
_RECORDS = ("dataframe_records", "dataframe_split", "instances", "inputs")
_NOT_ASKED = frozenset(
    {
        *("model", "messages", "input", "stream", "stream_options", "n", "response_format", "encoding_format"),
        *("client_request_id", "usage_context", "extra_params"),
        *(*_RECORDS, "params"),
    }
)
"""Fields that say how to answer or who asks; all others are parameters and part of the question."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request: its Questions in order, and the form that the client wants its answers in."""

    kind: str
    questions: tuple[Question, ...]
    stream: bool = False
    stream_usage: bool = False
    base64: bool = False


def read_body(body: bytes) -> dict[str, Any]:
    """Return the body's JSON object.

    Raises:
        Refusal: 400, it is none.
    """
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise Refusal(400, "the body is not a JSON object")
    return fields


def model_of(fields: Mapping[str, Any]) -> str:
    """Return the endpoint that a body names.

    Raises:
        Refusal: 400, it names none.
    """
    name = fields.get("model")
    if not isinstance(name, str) or not name:
        raise bad("model", "give the name of an endpoint; GET /v1/models lists them")
    return name


def read_invocation(endpoint: Endpoint, fields: Mapping[str, Any]) -> Wanted:
    """Read a body of `/invocations`: what it holds says what is asked."""
    if "messages" in fields:
        return read_chat(endpoint, fields)
    if "input" in fields:
        return read_embeddings(endpoint, fields)
    if endpoint.task == "custom":
        return _records(endpoint, fields)
    field = "input" if endpoint.task == "embedding" else "messages"
    raise bad(field, f"is missing; endpoint '{endpoint.name}' has the task {endpoint.task}")


def read_chat(endpoint: Endpoint, fields: Mapping[str, Any]) -> Wanted:
    """Read a chat completion.

    Raises:
        Refusal: 400 with the field that is wrong.
    """
    given = fields.get("messages")
    if not isinstance(given, list) or not given:
        raise bad("messages", "give a list of at least one {role, content}")
    if endpoint.task != "chat":
        raise bad("messages", f"endpoint '{endpoint.name}' has the task {endpoint.task} and takes no messages")
    if fields.get("n") not in (None, 1) or isinstance(fields.get("n"), bool):  # it may be unhashable
        raise bad("n", "one answer a request; ask again with another seed for more")
    if _flag(fields, "logprobs"):
        raise bad("logprobs", "the gateway keeps answers without their probabilities; leave it out")
    tools = fields.get("tools")
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        raise bad("tools", "give a list of objects")
    stream = _flag(fields, "stream")
    options = _mapping(fields, "stream_options")
    form, text = _conversation(given)
    format_ = _format(fields.get("response_format"))
    question = Question(endpoint.name, text, form, _parameters(fields), format_)
    return Wanted(CHAT, (question,), stream, _flag(options, "include_usage"))


def read_embeddings(endpoint: Endpoint, fields: Mapping[str, Any]) -> Wanted:
    """Read a request for embeddings: one Question a text.

    Raises:
        Refusal: 400 with the field that is wrong.
    """
    given = fields.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise bad("input", "give a text or a list of texts; tokens are not taken")
    if len(texts) > MOST_INPUTS:
        raise bad("input", f"at most {MOST_INPUTS} texts a request")
    if endpoint.task == "custom":
        raise bad("input", f"endpoint '{endpoint.name}' has the task custom and takes dataframe_records")
    wanted = fields.get("encoding_format")
    if wanted not in (None, "float", "base64"):  # the same
        raise bad("encoding_format", "give float or base64")
    parameters = _parameters(fields)
    questions = tuple(Question(endpoint.name, text, Form.EMBED, parameters) for text in texts)
    return Wanted(EMBEDDINGS, questions, base64=wanted == "base64")


def _records(endpoint: Endpoint, fields: Mapping[str, Any]) -> Wanted:
    records = _rows(fields)
    if not records or len(records) > MOST_INPUTS:
        raise bad("dataframe_records", f"give 1 to {MOST_INPUTS} records")
    parameters = _parameters({**fields, **_mapping(fields, "params")})
    try:
        texts = [read_request(record, "custom")[1] for record in records]
    except AiQueryError as error:
        raise bad("dataframe_records", str(error)) from None
    return Wanted(RECORDS, tuple(Question(endpoint.name, text, Form.RECORD, parameters) for text in texts))


def _rows(fields: Mapping[str, Any]) -> Sequence[Any]:
    """Return the records of MLflow's four ways to send some; the endpoint is sent `dataframe_records`."""
    given = [name for name in _RECORDS if fields.get(name) is not None]
    if len(given) != 1:
        what = f"give one of them, not {' and '.join(given)}" if given else "is missing"
        raise bad(given[0] if given else _RECORDS[0], f"{what}; a custom endpoint takes a list of records")
    (name,) = given
    value = fields[name]
    if name == "dataframe_split":
        return _split(value)
    if not isinstance(value, list):
        raise bad(name, "give a list of records")
    wrong = next((row for row in value if not isinstance(row, dict)), None)
    if wrong is not None and name != "dataframe_records":
        raise bad(name, "each must be a record, {column: value}: tensors cannot be sent on")
    return value


def _split(value: Any) -> Sequence[Any]:
    columns, data = (value.get("columns"), value.get("data")) if isinstance(value, dict) else (None, None)
    if not isinstance(columns, list) or not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise bad("dataframe_split", "give columns and data, a list of rows")
    names = [str(column) for column in columns]
    if len(set(names)) < len(names):
        raise bad("dataframe_split", "two columns have the same name")
    for place, row in enumerate(data, 1):
        if len(row) != len(names):
            raise bad("dataframe_split", f"row {place} has {len(row)} values for {len(names)} columns")
    return [dict(zip(names, row, strict=True)) for row in data]


def _conversation(given: list[Any]) -> tuple[Form, str]:
    """Return messages as ai_query would ask them, so that both have the same key: one user's text is plain text."""
    only = given[0]
    plain = len(given) == 1 and isinstance(only, dict) and only.keys() == {"role", "content"} and only["role"] == "user"
    if plain and isinstance(only["content"], str):
        return Form.TEXT, only["content"]
    try:
        return read_request([_message(message, place) for place, message in enumerate(given, 1)])
    except AiQueryError as error:
        raise bad("messages", str(error)) from None


def _message(given: Any, place: int) -> dict[str, Any]:
    """Return a message with its content, which one that calls tools may leave out."""
    if not isinstance(given, dict) or "role" not in given:
        raise bad("messages", f"message {place} is no object with role and content")
    content = given.get("content")
    if not isinstance(content, str | list) and not (content is None and given.get("tool_calls")):
        raise bad("messages", f"message {place}: give content, a text or a list of parts")
    return {**given, "content": content}


def _format(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise bad("response_format", "give an object with a type")
    schema = given.get("json_schema")
    if isinstance(schema, dict):
        given = {**given, "json_schema": {"name": "response", **schema}}  # older ChatDatabricks sends no name
    try:
        return shape(None, orjson.dumps(given).decode(), True).response_format
    except CallError as error:
        raise bad("response_format", str(error)) from None


def _parameters(fields: Mapping[str, Any]) -> str:
    given = {name: value for name, value in fields.items() if name not in _NOT_ASKED}
    extra = {name: _scalar(value) for name, value in _mapping(fields, "extra_params").items()}
    stop = given.get("stop")
    if isinstance(stop, list) and not all(isinstance(text, str) for text in stop):
        raise bad("stop", "give a text or a list of texts")
    if not isinstance(fields.get("client_request_id"), str | None):
        raise bad("client_request_id", "give a text")
    _mapping(fields, "usage_context")
    try:
        return read_parameters({**given, **extra})
    except CallError as error:
        raise Refusal(400, str(error).partition("] ")[2].replace("modelParameters.", "")) from None


def _scalar(value: Any) -> Any:
    """Return the number or truth value that a text of `extra_params` spells: Databricks makes it a map of texts."""
    if not isinstance(value, str):
        return value
    try:
        read = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return value if read is None else read


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad(name, "give true or false")
    return bool(value)


def _mapping(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if value is not None and not isinstance(value, dict):
        raise bad(name, "give an object")
    return value or {}
