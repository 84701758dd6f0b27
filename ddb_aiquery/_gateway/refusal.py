"""What the gateway answers instead of an answer: a status, Databricks' code for it, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._values import NOTHING, Failure, Kind

CODES: Mapping[int, str] = MappingProxyType(
    {
        400: "INVALID_PARAMETER_VALUE",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "RESOURCE_DOES_NOT_EXIST",
        405: "NOT_IMPLEMENTED",
        408: "DEADLINE_EXCEEDED",
        413: "REQUEST_TOO_LARGE",
        415: "UNSUPPORTED_MEDIA_TYPE",
        429: "REQUEST_LIMIT_EXCEEDED",
        500: "INTERNAL_ERROR",
        502: "BAD_GATEWAY",
        503: "TEMPORARILY_UNAVAILABLE",
        504: "DEADLINE_EXCEEDED",
    }
)
"""Every status that the gateway refuses with, and its `error_code`; the Databricks SDK goes by the code."""
_STATUS = {
    Kind.ROW: 400,
    Kind.REFUSED: 400,
    Kind.TRUNCATED: 400,
    Kind.CAST: 400,
    Kind.REJECTED: 429,
    Kind.BUDGET: 403,
    Kind.CANCELLED: 503,
}
_SHOWN = 500
_NO_RETRY: Mapping[str, str] = MappingProxyType({"x-should-retry": "false"})
"""The engine has tried again for as long as it makes sense; OpenAI's clients heed this header."""


class Refusal(Exception):
    """A request that gets no answer; `message` holds no credential and is one line."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] = NOTHING, *, field: str = "") -> None:
        self.status = status
        self.code = CODES[status]
        self.message = REDACTOR.clean(f"{field}: {message}" if field else message, limit=_SHOWN)
        self.headers = headers
        self.field = field
        super().__init__(self.message)


def bad(field: str, message: str) -> Refusal:
    """Return the Refusal of a body whose `field` is wrong."""
    return Refusal(400, message, field=field)


def failed(failure: Failure, endpoint: str) -> Refusal:
    """Return the Refusal of a question that the endpoint could not answer.

    An endpoint's own 401, 403 or 404 becomes 502: it is the gateway's credential that is wrong, not the client's.
    """
    status = _STATUS.get(failure.kind, 502)
    headers: Mapping[str, str] = _NO_RETRY
    if status == 429:  # noqa: PLR2004
        headers = {"retry-after": str(max(1, math.ceil(failure.wait or 1)))}
    return Refusal(status, f"endpoint '{endpoint}': {failure.message}", headers)
