"""The part of an envelope that is the same for many questions, written and hashed once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

from ddb_aiquery._transport.address import origin_and_path
from ddb_aiquery._transport.dialect import Dialect
from ddb_aiquery._transport.keys import key_of, sealer
from ddb_aiquery._values import Endpoint, Envelope, Form, Question
from ddb_aiquery.errors import RowError

_BLANK = "\ue000the question goes here\ue001"
"""Stands where the text will be; a body that holds it more than once is written whole for every question."""
_BLANK_JSON = orjson.dumps(_BLANK)
_TEXTS = frozenset({Form.TEXT, Form.EMBED})


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What questions that differ in nothing but their text have in common. `parts` is None where that is not enough."""

    dialect: Dialect
    endpoint: Endpoint
    path: str
    sealer: Any
    parts: tuple[bytes, bytes] | None

    @classmethod
    def of(cls, dialect: Dialect, endpoint: Endpoint, like: Question) -> Letterhead:
        """Write the letterhead of all questions like this one.

        Raises:
            RowError, CallError: as Dialect.body does.
            SettingsError: calls may not go to the endpoint's base URL.
        """
        path = dialect.path(endpoint, like.form)
        begun = sealer(dialect.name, *origin_and_path(endpoint, path))
        parts = None
        if like.form in _TEXTS:
            pieces = dialect.body(endpoint, replace(like, request=_BLANK, files=())).split(_BLANK_JSON)
            parts = (pieces[0], pieces[1]) if len(pieces) == 2 else None  # noqa: PLR2004 (before and after)
        return cls(dialect, endpoint, path, begun, parts)

    def seal(self, question: Question) -> Envelope:
        """Return the question's envelope.

        Raises:
            RowError: the question cannot be written as JSON.
        """
        body = self._body(question)
        return Envelope(key_of(self.sealer, body), self.path, body)

    def _body(self, question: Question) -> bytes:
        parts = self.parts
        try:
            if parts is None or question.files:
                return self.dialect.body(self.endpoint, question)
            return parts[0] + orjson.dumps(question.request) + parts[1]
        except orjson.JSONEncodeError as error:
            raise _unsendable(question.request, error) from None


def _unsendable(text: str, error: Exception) -> RowError:
    at = next((i for i, c in enumerate(text) if "\ud800" <= c <= "\udfff"), None)
    if at is None:
        return RowError(f"the request cannot be written as JSON: {error}")
    near = ascii(text[max(0, at - 20) : at + 20])
    return RowError(f"the request holds a lone surrogate (half a character) at position {at}, near {near}; repair it")
