"""What one call's result looks like: the type that SQL binds, the format asked for, the document between.

DuckDB learns the column's type from `from_json(document, structure)`, whose structure is a constant of the call. The
document is normalised here, so that from_json never has a value to reject: it would turn it into NULL without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import orjson

from ddb_aiquery._results.ddl import parse
from ddb_aiquery._results.formats import Format, read_format
from ddb_aiquery._results.read import read
from ddb_aiquery._results.types import TEXT, Field, Struct, Type, structure
from ddb_aiquery._values import Answer, Failure, Kind, Outcome
from ddb_aiquery.errors import CastError, RowError


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of one call's result, decided by its constant arguments alone.

    `type` is the answer's own, `structure` the text for from_json. `response_format` is JSON for the endpoint, None
    for plain text.
    """

    type: Type
    structure: str
    response_format: str | None
    fail_on_error: bool

    def read(self, answer: Answer) -> Outcome:
        """Return the answer with its text as the type has it (canonical JSON), or the Failure that says why not."""
        return read(self.type, answer)

    def document(self, outcome: Outcome | None) -> str | None:
        """Return the JSON text that from_json turns into the column's value; None is SQL's NULL.

        An Answer must have come through `read`.

        Raises:
            CastError: failOnError is true and the answer does not fit the declared type.
            RowError: failOnError is true and there is no answer.
        """
        if outcome is None:
            return None
        if isinstance(outcome, Failure):
            return self._failed(outcome)
        value = _json_text(outcome.text) if self.type is TEXT else outcome.text
        return value if self.fail_on_error else '{"response":' + value + ',"errorMessage":null}'

    def _failed(self, failure: Failure) -> str:
        if not self.fail_on_error:
            return '{"response":null,"errorMessage":' + _json_text(failure.message) + "}"
        raise (CastError if failure.kind is Kind.CAST else RowError)(failure.message)


def _json_text(text: str) -> str:
    """Return text as a JSON string; a lone surrogate, which UTF-8 cannot hold, becomes a question mark."""
    try:
        return orjson.dumps(text).decode()
    except TypeError:
        return orjson.dumps(text.encode("utf-8", "replace").decode()).decode()


@lru_cache(maxsize=1024)
def shape(return_type: str | None, response_format: str | None, fail_on_error: bool) -> Shape:
    """Return the Shape of a call with these three arguments; equal arguments give the same object.

    returnType decides the SQL type; without it a responseFormat in DDL does; without that it is VARCHAR.

    Raises:
        CallError: returnType is no type, with the place; or AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.
    """
    format_ = Format(None, TEXT) if response_format is None else read_format(response_format)
    kind = format_.type if return_type is None else parse(return_type)
    kind = TEXT if kind == TEXT else kind  # one object, so that `document` may ask for identity
    whole = kind if fail_on_error else Struct((Field("response", kind), Field("errorMessage", TEXT)))
    return Shape(kind, structure(whole), format_.wire, fail_on_error)
