"""What the options of a call say: where its Questions go, how, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ddb_aiquery._address import endpoint_name
from ddb_aiquery._results.parameters import read_parameters
from ddb_aiquery._results.shape import Shape, shape
from ddb_aiquery._settings import Settings
from ddb_aiquery._values import Endpoint
from ddb_aiquery.errors import CallError, SettingsError

ARGUMENTS = ("endpoint", "request", "returnType", "failOnError", "modelParameters", "responseFormat", "files")
"""ai_query's arguments in Databricks' order."""
OPTIONS = (0, 2, 3, 4, 5)
"""Positions of the arguments that are constant in nearly every call."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all Questions of one call share: where they go, how, and what comes back."""

    endpoint: Endpoint
    shape: Shape
    parameters: str


ReadTerms = Callable[[Sequence[Any]], Terms]


def read_terms(options: Sequence[Any], settings: Settings) -> Terms:
    """Read the five options of a call.

    Raises:
        CallError: an option has a wrong value. SettingsError: the endpoint cannot be used.
    """
    name, return_type, fail_on_error, parameters, response_format = options
    if not isinstance(name, str):
        said = "NULL" if name is None else repr(name)
        raise CallError(f"ai_query's endpoint is {said}: give the name of an endpoint as text")
    if not name:
        raise SettingsError(
            f'no default endpoint is set: write endpoint = "name" under [defaults] in {settings.source}'
        )
    if not isinstance(fail_on_error, bool):
        said = "NULL" if fail_on_error is None else repr(fail_on_error)
        raise CallError(f"ai_query's failOnError is {said}: give true or false")
    endpoint = settings.endpoint(name if name in settings.entries else endpoint_name(name))
    shaped = shape(return_type, response_format, fail_on_error)
    if shaped.response_format is not None and endpoint.task != "chat":
        raise CallError(
            f"[AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT] endpoint '{name}' has the task {endpoint.task}, and only chat "
            "endpoints take a responseFormat: leave it out, and give a returnType"
        )
    return Terms(endpoint, shaped, read_parameters(parameters))
