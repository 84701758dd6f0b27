"""One JSON value to one SQL scalar, written so that from_json takes it exactly: refused here, or safe there."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, InvalidOperation
from decimal import Decimal as Exact
from types import MappingProxyType
from typing import Any

import orjson

from ddb_aiquery._results.types import INTEGERS, Decimal, Enum, Scalar

FLOAT_MAX = 3.4028234663852886e38
MAX_DIGITS = 64
_YES = frozenset(("true", "yes", "y", "t", "1"))
_NO = frozenset(("false", "no", "n", "f", "0"))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SPAN = re.compile(
    r"([+-]?\d{1,9} ?((?:micro|milli)?second|minute|hour|day|week|month|year)s?[ ,]*)+|[+-]?\d{1,6}:\d{2}(:\d{2})?",
    re.IGNORECASE,
)
_CLOCKS = {"TIMESTAMP_S": "seconds", "TIMESTAMP_MS": "milliseconds"}
_NS_YEARS = range(1678, 2262)
_EXACT = Context(prec=2 * MAX_DIGITS, rounding=ROUND_HALF_UP)

Notes = set[str]


class Misfit(Exception):
    """A value that the declared type cannot hold; `path` says where it stands in the reply."""

    def __init__(self, value: object, wanted: str) -> None:
        super().__init__(value, wanted)
        self.value = value
        self.wanted = wanted
        self.path: list[str] = []


def scalar(kind: Scalar | Decimal | Enum, value: Any, notes: Notes) -> Any:
    """Return the value in the form that from_json takes for this type; None stays None.

    Raises:
        Misfit: the type cannot hold the value exactly.
    """
    if value is None:
        return None
    if isinstance(kind, Decimal):
        return _decimal(kind, value, notes)
    if isinstance(kind, Enum):
        return _label(kind, value, notes)
    if kind.name in INTEGERS:
        return _integer(kind.name, value, notes)
    return _READERS[kind.name](kind.name, value, notes)


def _text(_name: str, value: Any, _notes: Notes) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _any(_name: str, value: Any, _notes: Notes) -> Any:
    return value


def _boolean(name: str, value: Any, notes: Notes) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().rstrip(".!").casefold() if isinstance(value, str | int) else ""
    if word not in _YES | _NO:
        raise Misfit(value, name)
    notes.add("boolean given as text" if isinstance(value, str) else "boolean given as number")
    return word in _YES


def _number(name: str, value: Any, notes: Notes) -> Exact | float | int:
    """Return a JSON number, or the number that a text is."""
    if isinstance(value, int | float | Exact) and not isinstance(value, bool):
        return value
    word = value.strip() if isinstance(value, str) else ""
    if len(word) > MAX_DIGITS or not _NUMBER.fullmatch(word):
        raise Misfit(value, name)
    notes.add("number given as text")
    return Exact(word)


def _integer(name: str, value: Any, notes: Notes) -> int | str:
    number = _number(name, value, notes)
    low, high = INTEGERS[name]
    if not low <= number <= high or number != int(number):
        raise Misfit(value, name)
    whole = int(number)
    return whole if abs(whole) < 2**63 else str(whole)


def _real(name: str, value: Any, notes: Notes) -> float | str:
    if isinstance(value, str) and value.strip().lstrip("+-").casefold() in ("nan", "inf", "infinity"):
        return value.strip()
    try:
        number = float(_number(name, value, notes))
    except OverflowError:
        raise Misfit(value, name) from None
    if not math.isfinite(number) or (name == "FLOAT" and abs(number) > FLOAT_MAX):
        raise Misfit(value, name)
    return number


def _decimal(kind: Decimal, value: Any, notes: Notes) -> str:
    name = f"DECIMAL({kind.width},{kind.scale})"
    number = _number(name, value, notes)
    exact = number if isinstance(number, Exact) else Exact(repr(number))
    try:
        rounded = exact.quantize(Exact(1).scaleb(-kind.scale), context=_EXACT)
    except InvalidOperation:
        raise Misfit(value, name) from None
    if rounded.copy_abs() >= Exact(10) ** (kind.width - kind.scale):
        raise Misfit(value, name)
    return format(rounded, "f")


def _label(kind: Enum, value: Any, notes: Notes) -> str:
    if value in kind.labels:
        return str(value)
    word = value.strip().strip("\"'`*.").casefold() if isinstance(value, str) else ""
    near = [label for label in kind.labels if label.casefold() == word]
    if len(near) != 1:
        raise Misfit(value, f"one of {', '.join(kind.labels[:10])}")
    notes.add("label spelt as declared")
    return near[0]


def _date(name: str, value: Any, notes: Notes) -> str:
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        day: date = _iso(date.fromisoformat, name, value)
        return day.isoformat()
    moment: datetime = _iso(datetime.fromisoformat, name, value)
    notes.add("time of day dropped")
    return moment.date().isoformat()


def _time(name: str, value: Any, _notes: Notes) -> str:
    moment: time = _iso(time.fromisoformat, name, value)
    return moment.replace(tzinfo=None).isoformat()


def _timestamp(name: str, value: Any, _notes: Notes) -> str:
    """ISO 8601 in UTC; a time without an offset is taken as it stands."""
    moment: datetime = _iso(datetime.fromisoformat, name, value)
    try:
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise Misfit(value, name) from None
    if name == "TIMESTAMP_NS" and moment.year not in _NS_YEARS:
        raise Misfit(value, name)
    text = moment.replace(tzinfo=None).isoformat(" ", _CLOCKS.get(name, "microseconds"))
    return f"{text}+00" if name == "TIMESTAMPTZ" else text


def _interval(name: str, value: Any, _notes: Notes) -> str:
    if not isinstance(value, str) or len(value) > MAX_DIGITS or not _SPAN.fullmatch(value.strip()):
        raise Misfit(value, name)
    return value.strip().replace(",", " ")


def _uuid(name: str, value: Any, _notes: Notes) -> str:
    try:
        return str(uuid.UUID(value))
    except (AttributeError, TypeError, ValueError):
        raise Misfit(value, name) from None


def _iso(read: Callable[[str], Any], name: str, value: Any) -> Any:
    try:
        return read(value.strip())
    except (AttributeError, TypeError, ValueError):
        raise Misfit(value, name) from None


_READERS: Mapping[str, Callable[[str, Any, Notes], Any]] = MappingProxyType(
    {
        "VARCHAR": _text,
        "JSON": _any,
        "BOOLEAN": _boolean,
        "FLOAT": _real,
        "DOUBLE": _real,
        "DATE": _date,
        "TIME": _time,
        "INTERVAL": _interval,
        "UUID": _uuid,
        **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ"), _timestamp),
    }
)
