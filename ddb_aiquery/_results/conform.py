"""A JSON value to a value of the declared type: what fits, what is mended with a note, and what does not fit."""

from __future__ import annotations

from typing import Any

import orjson

from ddb_aiquery._results.scalars import FLOAT_MAX, Misfit, Notes, scalar
from ddb_aiquery._results.types import Field, List, Map, Scalar, Struct, Type

_REALS = (Scalar("FLOAT"), Scalar("DOUBLE"))


def conform(kind: Type, value: Any, notes: Notes) -> Any:
    """Return the value as the type holds it, in the form that from_json takes; None stays None.

    Recursion is as deep as the type, however deep the value is. Repairs are named in `notes`.

    Raises:
        Misfit: the type cannot hold the value; its path leads there.
    """
    if value is None:
        return None
    match kind:
        case Struct(fields):
            return _object(fields, _opened(value, dict, "an object", notes), notes)
        case List():
            return _array(kind, _opened(value, list, "a list", notes), notes)
        case Map():
            return _map(kind, _opened(value, dict, "an object", notes), notes)
        case _:
            return scalar(kind, value, notes)


def _opened(value: Any, wanted: type, name: str, notes: Notes) -> Any:
    """Return an object or a list, also one that the model wrote as text inside the JSON."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise Misfit(value, name) from None
        notes.add("JSON given as text")
    if not isinstance(value, wanted):
        raise Misfit(value, name)
    return value


def _object(fields: tuple[Field, ...], value: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """Take the declared keys, whatever their case; others are dropped, missing ones are NULL."""
    found = value if all(one.name in value for one in fields) else _by_case(fields, value, notes)
    if value and not any(one.name in found for one in fields):
        raise Misfit(value, f"an object with {', '.join(repr(one.name) for one in fields[:10])}")
    return {one.name: _part(one.type, found.get(one.name), f".{one.name}", notes) for one in fields}


def _by_case(fields: tuple[Field, ...], value: dict[str, Any], notes: Notes) -> dict[str, Any]:
    folded: dict[str, list[str]] = {}
    for name in value:
        folded.setdefault(name.casefold(), []).append(name)
    found = dict(value)
    for one in fields:
        near = folded.get(one.name.casefold(), [])
        if one.name not in value and len(near) == 1:
            found[one.name] = value[near[0]]
            notes.add("key in another case")
    return found


def _array(kind: List, value: list[Any], notes: Notes) -> list[Any]:
    if kind.size not in (None, len(value)):
        raise Misfit(value, f"a list of {kind.size} (it has {len(value)})")
    if kind.item in _REALS and set(map(type, value)) == {float} and -FLOAT_MAX <= min(value) <= max(value) <= FLOAT_MAX:
        return value  # an embedding: thousands of numbers, each of them fine
    return [_part(kind.item, item, f"[{place}]", notes) for place, item in enumerate(value, 1)]


def _map(kind: Map, value: dict[str, Any], notes: Notes) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, item in value.items():
        key = _part(kind.key, name, f"[key {name!r}]", set())
        text = key if isinstance(key, str) else orjson.dumps(key).decode()
        if text in result:
            raise Misfit(value, f"an object without two keys {text!r}")
        result[text] = _part(kind.value, item, f"[{name!r}]", notes)
    return result


def _part(kind: Type, value: Any, step: str, notes: Notes) -> Any:
    try:
        return conform(kind, value, notes)
    except Misfit as misfit:
        misfit.path.append(step)
        raise
