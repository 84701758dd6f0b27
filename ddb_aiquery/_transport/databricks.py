"""Databricks model serving: invocations by the endpoint's name, the OpenAI-compatible path, and its error codes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from ddb_aiquery._transport import json_text
from ddb_aiquery._transport.dialect import dumps, parameters_of
from ddb_aiquery._transport.json_text import mapping
from ddb_aiquery._transport.openai import OpenAI, messages
from ddb_aiquery._transport.openai_reply import error_of, outcome
from ddb_aiquery._transport.status import one_line
from ddb_aiquery._values import Answer, Endpoint, Failure, Form, Kind, Outcome, Question, Reply

_COMPATIBLE = frozenset({"serving-endpoints", "v1"})
"""Base URLs that end so are OpenAI-compatible: a workspace's serving-endpoints, and its AI gateway's."""
_KINDS = {
    **dict.fromkeys(("request_limit_exceeded", "resource_exhausted", "temporarily_unavailable"), Kind.REJECTED),
    **dict.fromkeys(("resource_conflict", "aborted"), Kind.REJECTED),
    **dict.fromkeys(("deadline_exceeded", "cancelled"), Kind.AMBIGUOUS),
    **dict.fromkeys(("internal_error", "unknown", "data_loss"), Kind.FAILED),
    **dict.fromkeys(("unauthenticated", "customer_unauthorized", "permission_denied"), Kind.ENDPOINT),
    **dict.fromkeys(("resource_does_not_exist", "endpoint_not_found", "not_found"), Kind.ENDPOINT),
    **dict.fromkeys(("feature_disabled", "not_implemented", "invalid_state", "quota_exceeded"), Kind.ENDPOINT),
    **dict.fromkeys(("bad_request", "invalid_parameter_value", "malformed_request"), Kind.ROW),
}
"""The codes that Databricks' own SDK tells apart (databricks-sdk, errors/platform.py); a status says less."""
_CLOSED = "rate limit of 0"
_OPENAI = OpenAI()


@dataclass(frozen=True, slots=True)
class Databricks:
    """The dialect of a Databricks workspace.

    With the workspace's own address as base URL, questions go to `/serving-endpoints/{model}/invocations`, whose body
    names no model; where the base URL ends in `/serving-endpoints` or `/v1`, to the OpenAI-compatible path below it.
    """

    name: str = "databricks"

    def path(self, endpoint: Endpoint, form: Form) -> str:
        """Return the invocations of the endpoint called `model`, or the compatible path."""
        invocations = f"/{quote(endpoint.model, safe='')}/invocations"
        if not _compatible(endpoint):
            return f"/serving-endpoints{invocations}"
        return invocations if form is Form.RECORD else _OPENAI.path(endpoint, form)

    def body(self, endpoint: Endpoint, question: Question) -> bytes:
        """Return the request's body; `strict` of a JSON schema goes to GPT models alone, since others refuse it."""
        question = _without_strict(endpoint, question)
        if _compatible(endpoint) or question.form is Form.RECORD:
            return _OPENAI.body(endpoint, question)
        fields = parameters_of(endpoint, question)
        if question.form is Form.EMBED:
            return dumps({**fields, "input": question.request})
        if "max_completion_tokens" in fields:
            fields["max_tokens"] = fields.pop("max_completion_tokens")
        if question.response_format is not None:
            fields["response_format"] = orjson.Fragment(question.response_format)
        return dumps({**fields, "messages": messages(question)})

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]:
        """Return the personal token as Bearer, or with `auth = "basic"` as the password of the user `token`."""
        if endpoint.api_key and endpoint.options.get("auth") == "basic":
            pair = f"token:{endpoint.api_key.reveal()}".encode()
            return {"authorization": f"Basic {b64encode(pair).decode()}"}
        return _OPENAI.headers(endpoint)

    def outcome(self, reply: Reply) -> Outcome:
        """Read a reply; never raises."""
        if not 200 <= reply.status < 300:  # noqa: PLR2004 (the class of successes)
            return _refusal(reply, outcome(reply))
        read = outcome(_plain(reply))
        served = reply.headers.get("served-model-name", "")
        return replace(read, model=one_line(served, 200)) if served and isinstance(read, Answer) else read


def labelled(endpoint: Endpoint, body: bytes, run: str) -> bytes:
    """Return the body with the Run's id as `usage_context`, which the workspace's usage tables show.

    It is put in on the way out, so it is no part of a key. Custom endpoints do not know the field, and neither does
    the OpenAI-compatible path.
    """
    if not run or endpoint.task == "custom" or _compatible(endpoint):
        return body
    return body[:-1] + b',"usage_context":' + orjson.dumps({"ddb_aiquery_run": run}) + b"}"


def _compatible(endpoint: Endpoint) -> bool:
    return urlsplit(endpoint.base_url).path.rpartition("/")[2] in _COMPATIBLE


def _without_strict(endpoint: Endpoint, question: Question) -> Question:
    if question.response_format is None or "gpt" in endpoint.model.lower():
        return question
    format_ = orjson.loads(question.response_format)
    schema = format_.get("json_schema") if isinstance(format_, dict) else None
    if not isinstance(schema, dict) or "strict" not in schema:
        return question
    schema.pop("strict")
    return replace(question, response_format=orjson.dumps(format_).decode())


def _refusal(reply: Reply, read: Outcome) -> Outcome:
    """Let Databricks' code decide where it says more than the status."""
    value, _ = json_text.read(reply.body)
    message, codes = error_of(value, b"")
    kind = next((_KINDS[code] for code in sorted(codes) if code in _KINDS), None)
    if kind is None or not isinstance(read, Failure) or read.kind is Kind.REFUSED:
        return read
    if kind is Kind.REJECTED and _CLOSED in message:
        kind = Kind.ENDPOINT  # the endpoint's owner has closed it to this user
    return replace(read, kind=kind)


def _plain(reply: Reply) -> Reply:
    """Return the reply of an agent or of a custom model in the form of those that the OpenAI dialect reads."""
    if b'"choices"' in reply.body[:4096] or b'"data"' in reply.body[:64]:
        return reply
    value, _ = json_text.read(reply.body)
    fields = mapping(value)
    said = fields.get("messages", fields.get("output"))
    found: Any = None
    if fields.get("choices") or fields.get("error"):
        return reply
    if isinstance(said, list) and said and isinstance(said[-1], dict):
        message = {**said[-1], "role": "assistant"}
        found = {**fields, "choices": [{"message": message, "finish_reason": "stop"}]}
    elif isinstance(fields.get("predictions"), dict):
        found = {**fields, "predictions": [fields["predictions"]]}
    elif isinstance(fields.get("outputs"), list):
        found = {**fields, "predictions": fields["outputs"]}
    return reply if found is None else replace(reply, body=json_text.written(found).encode("utf-8", "replace"))
