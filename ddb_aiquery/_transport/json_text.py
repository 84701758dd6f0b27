"""JSON from a stranger: whatever the bytes are, a value or None comes back, never an exception."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

_LONGEST_INTEGER = 300
"""Digits; Python refuses to read very long integers, and no field that is read here has them."""


def read(body: bytes) -> tuple[Any, str]:
    """Return the value of a JSON body and `repaired` where bytes had to be mended to read it, else an empty note.

    The value is None where the body is no JSON. orjson reads what the standard allows; what it refuses (lone
    surrogates, invalid UTF-8, NaN, numbers out of range, a byte order mark) is read leniently.
    """
    try:
        return orjson.loads(body), ""
    except orjson.JSONDecodeError:
        pass
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    value = _lenient(text)
    mended = text.encode("utf-8", "surrogatepass") != body.removeprefix(b"\xef\xbb\xbf")
    return value, "repaired" if mended and value is not None else ""


def exact(body: bytes) -> Any:
    """Return what `read` returns, but with every digit of integers of more than 64 bits, which orjson rounds."""
    return _lenient(body.decode("utf-8", "replace").removeprefix("\ufeff"))


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a value that was read if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _lenient(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def whole(text: str) -> str:
    """Return the text with each lone surrogate replaced by U+FFFD; a text that is well-formed is returned as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def written(value: Any) -> str:
    """Return a value that was read here as JSON text again; an empty text where it is nested too deeply for that."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError):
        pass
    try:
        return json.dumps(value)  # what orjson refuses to write: large integers, lone surrogates, deep nesting
    except RecursionError:
        return ""
