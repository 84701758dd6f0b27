"""What a Failure says to the user, and which error it becomes when it ends a statement."""

from __future__ import annotations

import re
from dataclasses import replace

import orjson

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
_KEEP = "ai_query(..., failOnError => false) keeps the other rows"
"""Names the function: the task functions have no failOnError, and which one asked is not known here."""
_REMEDIES = {
    Kind.TRUNCATED: "raise max_tokens in modelParameters or in the endpoint's parameters",
    Kind.REFUSED: f"rephrase the prompt; {_KEEP}",
    Kind.ROW: f"change what the call asks for; {_KEEP}",
    Kind.CAST: f"the reply is kept: change the prompt, the type (a responseFormat helps) or the model; {_KEEP}",
    Kind.NOT_SENT: "check base_url and that the server runs; answers so far are kept, run the statement again",
    Kind.ENDPOINT: "mend the endpoint's settings; answers so far are kept, run the statement again",
}
_USUAL_REMEDY = f"answers so far are kept: run the statement again; {_KEEP}"
SHOWN = 60
"""Characters of a prompt that a message shows."""
_WRONG_REQUEST = (400, 422)
_UNKNOWN = re.compile(
    r"(?i)unsupported|not supported|does not support|unrecogni[sz]ed|unknown|unexpected|not permitted|forbidden"
)


def ends_statement(failure: Failure) -> bool:
    """Say whether the Failure concerns more than its row, so that failOnError => false cannot contain it."""
    return failure.kind in {Kind.ENDPOINT, Kind.BUDGET, Kind.CANCELLED}


def with_condition(failure: Failure, parameters: str) -> Failure:
    """Give the Failure Databricks' name for it where the endpoint does not know one of these modelParameters."""
    said = failure.message
    if failure.status not in _WRONG_REQUEST or not _UNKNOWN.search(said):
        return failure
    for name in orjson.loads(parameters):
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said):
            condition = "[AI_FUNCTION_INVALID_MODEL_PARAMETERS.UNSUPPORTED_MODEL_PARAMETER]"
            return replace(failure, message=f"{condition} modelParameters.{name} is refused: {said}")
    return failure


def sentence(failure: Failure, endpoint: str) -> str:
    """Return one redacted line: where and what, as `errorMessage` shows it."""
    return REDACTOR.clean(f"endpoint '{endpoint}': {failure.message}", limit=500)


def error(failure: Failure, endpoint: str, request: str) -> AiQueryError:
    """Return the error that ends the statement: what, where, which prompt, and the remedy."""
    shown = request if len(request) <= SHOWN else request[:SHOWN] + "..."
    remedy = _REMEDIES.get(failure.kind, _USUAL_REMEDY)
    error_class = _ERRORS.get(failure.kind, RowError)
    return error_class(
        REDACTOR.clean(f"endpoint '{endpoint}': {failure.message} (prompt: {shown!r}); {remedy}", limit=700)
    )
