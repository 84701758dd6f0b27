"""modelParameters: any STRUCT, MAP or JSON text, checked, as one canonical JSON object.

The names of the errors and what they stand for are Databricks'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NoReturn

import orjson

from ddb_aiquery._results.types import MAX_DEPTH
from ddb_aiquery._results.wording import shortened
from ddb_aiquery.errors import CallError

MAX_NUMBER = 2**63 - 1

RESERVED: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        ("messages", "input", "inputs", "prompt", "dataframe_records", "dataframe_split", "instances"),
        "it belongs in request",
    )
    | {
        "model": "the endpoint decides it",
        "files": "it belongs in files",
        "response_format": "it belongs in responseFormat",
        "n": "a row has one answer; ask the question once for each answer wanted",
    }
    | dict.fromkeys(("stream", "stream_options"), "answers are read whole")
)
"""Parameters that ai_query sets itself, and where each one belongs."""

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "temperature": (0, 2),
        "top_p": (0, 1),
        "min_p": (0, 1),
        "presence_penalty": (-2, 2),
        "frequency_penalty": (-2, 2),
    }
)
"""Parameters that are a number, with the smallest and largest value that any endpoint takes."""

COUNTS = ("max_tokens", "max_completion_tokens", "top_k", "dimensions")
"""Parameters that are a whole number above zero."""


def read_parameters(value: Any) -> str:
    """Return modelParameters as a JSON object, names sorted, parameters that are NULL left out, number kinds kept.

    `value` is what Arrow gives for a STRUCT (dict), a MAP (list of pairs), JSON text or NULL.

    Raises:
        CallError: AI_FUNCTION_INVALID_MODEL_PARAMETERS with the parameter and what to give.
    """
    if value is None:
        return "{}"
    parameters = {name: _whole(name, _plain(name, item, 0)) for name, item in _named(value).items() if item is not None}
    for name, item in parameters.items():
        _check(name, item)
    return orjson.dumps({name: parameters[name] for name in sorted(parameters)}).decode()


def _named(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            _refuse("INVALID_PARAMETER_DATA_TYPE", f"modelParameters is no JSON object: {error}", "write {...}")
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):
        value = dict(value)
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return value
    return _refuse(
        "INVALID_PARAMETER_DATA_TYPE",
        f"modelParameters is a {type(value).__name__}",
        "write named_struct('temperature', 0.1) or a JSON object",
    )


def _plain(place: str, value: Any, depth: int) -> Any:
    """Return the value in JSON's own kinds: Decimal as number, MAP as object."""
    if depth > MAX_DEPTH:
        _refuse("INVALID_PARAMETER_DATA_TYPE", f"modelParameters.{place} is nested too deep", "make it flatter")
    if isinstance(value, list) and value and all(isinstance(pair, tuple) for pair in value):
        value = dict(value)
    if isinstance(value, dict):
        return {str(name): _plain(f"{place}.{name}", item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(place, item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | str):
        return value
    return _number(place, value)


def _number(place: str, value: Any) -> float:
    if not isinstance(value, int | float | Decimal):
        return _refuse("INVALID_PARAMETER_DATA_TYPE", _said(place, value), "give text, a number, a STRUCT or a list")
    if not math.isfinite(value) or abs(float(value)) > MAX_NUMBER:
        _refuse("INVALID_NUMERIC_PARAMETER", _said(place, value), "give a finite number of at most 64 bits")
    return value if isinstance(value, int) else float(value)


def _whole(name: str, value: Any) -> Any:
    """Give a count as an integer: in a MAP it shares its type with fractions, and endpoints refuse 100.0."""
    return int(value) if name in COUNTS and isinstance(value, float) and value.is_integer() else value


def _check(name: str, value: Any) -> None:
    if name in RESERVED:
        _refuse("FOUND_RESERVED_PARAMETER_NAME", f"modelParameters may not have {name!r}", RESERVED[name])
    if name in RANGES:
        low, high = RANGES[name]
        _typed(name, value, int | float, "a number")
        if not low <= float(value) <= high:
            _refuse("INVALID_NUMERIC_PARAMETER", _said(name, value), f"give a number from {low} to {high}")
    elif name in COUNTS:
        _typed(name, value, int, "a whole number")
        if value < 1:
            _refuse("INVALID_NUMERIC_PARAMETER", _said(name, value), "give a whole number above 0")
    elif name == "stop":
        _typed(name, value, str | list, "text or a list of texts")


def _typed(name: str, value: Any, kinds: Any, wanted: str) -> None:
    if isinstance(value, bool) or not isinstance(value, kinds):
        _refuse("INVALID_PARAMETER_DATA_TYPE", _said(name, value), f"give {wanted}")


def _said(name: str, value: Any) -> str:
    return f"modelParameters.{name} is {shortened(repr(value))}"


def _refuse(condition: str, what: str, remedy: str) -> NoReturn:
    raise CallError(f"[AI_FUNCTION_INVALID_MODEL_PARAMETERS.{condition}] {what}: {remedy}")
