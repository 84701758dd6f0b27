"""What a Failure says to the user, and which error it becomes when it ends a statement."""

from __future__ import annotations

from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._values import Failure, Kind
from ddb_aiquery.errors import (
    AiQueryError,
    BudgetExceeded,
    Cancelled,
    CastError,
    EndpointError,
    Refused,
    RowError,
    Truncated,
)

_ERRORS: dict[Kind, type[AiQueryError]] = {
    Kind.TRUNCATED: Truncated,
    Kind.REFUSED: Refused,
    Kind.CAST: CastError,
    Kind.ENDPOINT: EndpointError,
    Kind.NOT_SENT: EndpointError,
    Kind.BUDGET: BudgetExceeded,
    Kind.CANCELLED: Cancelled,
}
_REMEDIES = {
    Kind.TRUNCATED: "raise max_tokens in modelParameters or in the endpoint's parameters",
    Kind.REFUSED: "rephrase the prompt, or take failOnError => false to keep the other rows",
    Kind.CAST: "loosen the type, give a responseFormat, or take failOnError => false",
    Kind.NOT_SENT: "check base_url and that the server runs; answers so far are kept, run the statement again",
    Kind.ENDPOINT: "mend the endpoint's settings; answers so far are kept, run the statement again",
}
_USUAL_REMEDY = "answers so far are kept: run the statement again, or take failOnError => false"
SHOWN = 60
"""Characters of a prompt that a message shows."""


def ends_statement(failure: Failure) -> bool:
    """Say whether the Failure concerns more than its row, so that failOnError => false cannot contain it."""
    return failure.kind in {Kind.ENDPOINT, Kind.BUDGET, Kind.CANCELLED}


def sentence(failure: Failure, endpoint: str) -> str:
    """Return one redacted line: where and what, as `errorMessage` shows it."""
    return REDACTOR.clean(f"endpoint '{endpoint}': {failure.message}", limit=500)


def error(failure: Failure, endpoint: str, request: str) -> AiQueryError:
    """Return the error that ends the statement: what, where, which prompt, and the remedy."""
    shown = request if len(request) <= SHOWN else request[:SHOWN] + "..."
    remedy = _REMEDIES.get(failure.kind, _USUAL_REMEDY)
    kind = _ERRORS.get(failure.kind, RowError)
    return kind(REDACTOR.clean(f"endpoint '{endpoint}': {failure.message} (prompt: {shown!r}); {remedy}", limit=700))
