"""What a provider's protocol is: pure functions from a Question to a request and from a Reply to its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from ddb_aiquery._values import Endpoint, Form, Outcome, Question, Reply
from ddb_aiquery.errors import CallError, RowError


class Dialect(Protocol):
    """One provider's protocol, in both directions; it neither waits nor sends.

    `name` is part of every key. The text of a `Form.TEXT` or `Form.EMBED` question must stand in the body once, as
    the JSON string that it is, and must decide nothing else about the body: Transport writes the rest only once.
    """

    @property
    def name(self) -> str:
        """The dialect's name in keys."""

    def path(self, endpoint: Endpoint, form: Form) -> str:
        """Return what follows the endpoint's base URL, query included; empty to post to the base URL itself."""

    def body(self, endpoint: Endpoint, question: Question) -> bytes:
        """Return the request's body: equal questions, equal bytes. Raises RowError or CallError if there is none."""

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]:
        """Return the headers that carry the credential and the protocol's version, names in lower case."""

    def outcome(self, reply: Reply) -> Outcome:
        """Read a reply of any status; never raises, whatever the bytes are."""


def parameters_of(endpoint: Endpoint, question: Question) -> dict[str, Any]:
    """Return the endpoint's parameters with the question's own laid over them.

    Raises:
        CallError: they ask for a stream, which one answer a row has no use for.
    """
    own = orjson.loads(question.parameters) if question.parameters != "{}" else {}
    parameters = {**endpoint.parameters, **own}
    if parameters.get("stream"):
        raise CallError("modelParameters: 'stream' is not supported, each row gets one answer; leave it out")
    return parameters


def dumps(fields: Mapping[str, Any]) -> bytes:
    """Return the body with its fields in order of their names.

    What stands inside a field keeps its order: models write the fields of an answer in the order of its schema.

    Raises:
        RowError: a text holds a lone surrogate, or a number is too large for JSON.
    """
    try:
        return orjson.dumps(dict(sorted(fields.items())))
    except (TypeError, ValueError) as error:
        raise RowError(f"the request cannot be written as JSON: {error}") from None


def raw(text: str, what: str) -> orjson.Fragment:
    """Return JSON text that goes into the body as it stands: equal text, equal bytes, no number rounded.

    Raises:
        RowError: it is no JSON.
    """
    loads(text, what)
    return orjson.Fragment(text)


def loads(text: str, what: str) -> Any:
    """Return the value of JSON text.

    Raises:
        RowError: it is no JSON.
    """
    try:
        return orjson.loads(text)
    except (ValueError, TypeError) as error:
        raise RowError(f"{what} is not valid JSON: {error}") from None
