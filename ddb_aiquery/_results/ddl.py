"""Type text to type tree: Databricks DDL, DuckDB types and JSON structures, in one grammar with exact places.

sqlglot reads each dialect's types, but needs to be told which one, loses comments and has no place for most errors. The
two spellings differ in brackets and names only, so one short grammar takes both, mixed as users mix them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import NoReturn

from ddb_aiquery._results.json_types import SCHEMA, from_schema, from_structure
from ddb_aiquery._results.labels import LABELS, from_labels
from ddb_aiquery._results.type_names import NAMES, REFUSED
from ddb_aiquery._results.types import MAX_DEPTH, Decimal, Enum, Field, List, Map, Scalar, Struct, Type
from ddb_aiquery._results.wording import pointed
from ddb_aiquery.errors import CallError

MAX_LENGTH = 100_000
MAX_DIGITS = 38
_UNITS = (("YEAR", "MONTH"), ("DAY", "HOUR", "MINUTE", "SECOND"))
"""The units of Databricks' two kinds of intervals, the larger first."""
_TWO_WORDS = {"DOUBLE PRECISION", "TIME WITHOUT", "TIMESTAMP WITH", "TIMESTAMP WITHOUT"}
_TWO_WORDS |= {f"{name} COLLATE" for name, kind in NAMES.items() if kind == "VARCHAR"}
_TWO_WORDS |= {f"INTERVAL {unit}" for units in _UNITS for unit in units}

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<word>[^\W\d]\w*) | (?P<number>\d+) | (?P<tick>`(?:[^`]|``)*`) | (?P<name>"(?:[^"]|"")*")
    | (?P<text>'(?:[^']|'')*') | (?P<sign>[<>(),:\[\]]) | (?P<end>\Z) | (?P<bad>.)
    )""",
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=1024)
def parse(text: str) -> Type:
    """Return the type that the text describes; a bare list of columns (`a INT, b STRING`) is a STRUCT.

    Raises:
        CallError: The text is no type; the message shows the place and the remedy.
    """
    if LABELS.match(text):
        return from_labels(text)
    if len(text) > MAX_LENGTH:
        raise CallError(f"The type is {len(text):,} characters long; the limit is {MAX_LENGTH:,}.")
    if text.lstrip()[:1] in ('"', "[", "{"):
        return from_structure(text, parse)
    if schema := SCHEMA.match(text):
        return from_schema(text, schema.end())
    return _Reader(text).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


@dataclass(slots=True)
class _Reader:
    """One pass over the tokens of a type text."""

    text: str
    at: int = 0
    depth: int = 0
    tokens: list[_Token] = field(default_factory=list)

    def __post_init__(self) -> None:
        for match in _TOKEN.finditer(self.text):
            kind = str(match.lastgroup)
            self.tokens.append(_Token(kind, match.group(kind), match.start(kind)))
            if kind == "end":
                break

    @property
    def now(self) -> _Token:
        return self.tokens[self.at]

    def whole(self) -> Type:
        """Read the text to its end."""
        if self.now.kind == "end":
            self.fail("The type is empty", "write one, for example 'STRUCT<name: STRING, score: DOUBLE>'")
        if self._is_column_list():
            kind: Type = self._fields("")
        else:
            kind = self.type()
        if self.now.kind != "end":
            self.fail(f"Unexpected {self.now.text!r} after the type", "remove it, or separate fields with a comma")
        return kind

    def _is_column_list(self) -> bool:
        """A name and then a type, with or without a colon between, where a type alone would be followed by no word."""
        first, second = self.tokens[0], self.tokens[1]
        if first.kind in ("tick", "name") or second.text == ":":
            return True
        if first.kind != "word" or second.kind != "word":
            return False
        return f"{first.text} {second.text}".upper() not in _TWO_WORDS

    def type(self) -> Type:
        """Read one type with its trailing brackets."""
        self.depth += 1
        self._bound(self.depth)
        kind = self._brackets(self._base())
        self.depth -= 1
        return kind

    def _base(self) -> Type:
        token = self.now
        if token.kind not in ("word", "name"):
            self.fail("A type is expected here", "write its name, for example STRING")
        self.at += 1
        match token.text.strip('"').upper():
            case "STRUCT" | "ROW":
                return self._struct()
            case "ARRAY" | "LIST":
                closing = self._open()
                item = self.type()
                self._take(closing)
                return List(item)
            case "MAP":
                return self._map()
            case "ENUM":
                return self._enum()
            case "DECIMAL" | "NUMERIC" | "DEC":
                return self._decimal()
            case name:
                return self._scalar(name, token)

    def _struct(self) -> Struct:
        closing = self._open()
        kind = self._fields(closing)
        self._take(closing)
        return kind

    def _fields(self, closing: str) -> Struct:
        fields: dict[str, Field] = {}
        while True:
            place = self.now
            one = self._field()
            if one.name.casefold() in fields:
                self.fail(
                    f"There are two fields {one.name!r}", "rename one; letter case does not tell them apart", place
                )
            fields[one.name.casefold()] = one
            if not self._maybe(",") or self.now.text == closing:
                return Struct(tuple(fields.values()))

    def _field(self) -> Field:
        token = self.now
        if token.kind not in ("word", "tick", "name"):
            self.fail("A field's name is expected here", "write fields as name: TYPE or name TYPE")
        name = token.text if token.kind == "word" else token.text[1:-1].replace(token.text[0] * 2, token.text[0])
        if not name:
            self.fail("A field's name is empty", "give it one")
        self.at += 1
        self._maybe(":")
        kind = self.type()
        required = self._maybe("NOT")
        if required:
            self._take("NULL")
        return Field(name, kind, required, self._text() if self._maybe("COMMENT") else "")

    def _map(self) -> Map:
        closing = self._open()
        place = self.now
        key = self.type()
        if not isinstance(key, Scalar | Decimal | Enum):
            self.fail("A MAP's key must be a plain value", "take STRING, JSON objects have text keys", place)
        self._take(",")
        value = self.type()
        self._take(closing)
        return Map(key, value)

    def _enum(self) -> Enum:
        closing = self._open()
        labels: list[str] = []
        while not labels or self._maybe(","):
            place = self.now
            labels.append(self._text())
            if labels[-1] in labels[:-1]:
                self.fail(f"The ENUM has {labels[-1]!r} twice", "remove one", place)
        self._take(closing)
        return Enum(tuple(labels))

    def _decimal(self) -> Decimal:
        if not self._maybe("("):
            return Decimal(18, 3)
        place = self.now
        width = self._number()
        scale = self._number() if self._maybe(",") else 0
        if not (1 <= width <= MAX_DIGITS and scale <= width):
            self.fail(
                f"DECIMAL({width}, {scale}) does not exist", "take 1 to 38 digits, and a scale not above them", place
            )
        self._take(")")
        return Decimal(width, scale)

    def _scalar(self, name: str, token: _Token) -> Scalar:
        if name in REFUSED:
            self.fail(f"A reply cannot have the type {name}", REFUSED[name], token)
        if name not in NAMES:
            near = get_close_matches(name, [*NAMES, "STRUCT", "ARRAY", "MAP", "DECIMAL", "ENUM"], 1)
            self.fail(
                f"There is no type {token.text}", f"did you mean {near[0]}?" if near else "take STRING, INT, ...", token
            )
        kind = NAMES[name]
        if kind == "VARCHAR" and self._maybe("("):
            self._number()
            self._take(")")
        if kind == "VARCHAR" and self._maybe("COLLATE"):
            self._collation()
        if kind == "INTERVAL":
            self._units()
        if name == "DOUBLE":
            self._maybe("PRECISION")
        if name in ("TIME", "TIMESTAMP") and self._maybe("WITHOUT"):
            self._zone()
        if name == "TIMESTAMP" and self._maybe("WITH"):
            self._zone()
            kind = "TIMESTAMPTZ"
        return Scalar(kind)

    def _collation(self) -> None:
        if self.now.kind not in ("word", "name", "tick"):
            self.fail("A collation's name is expected here", "write STRING COLLATE UTF8_BINARY, or STRING")
        self.at += 1

    def _units(self) -> None:
        """Pass over the units of an interval, which DuckDB does not tell apart: `DAY`, `DAY TO SECOND`."""
        for units in _UNITS:
            for place, unit in enumerate(units):
                if self._maybe(unit):
                    if self._maybe("TO") and not any(self._maybe(smaller) for smaller in units[place + 1 :]):
                        self.fail("A smaller unit is expected here", "write INTERVAL DAY TO SECOND or YEAR TO MONTH")
                    return

    def _zone(self) -> None:
        self._take("TIME")
        self._take("ZONE")

    def _brackets(self, kind: Type) -> Type:
        depth = self.depth
        while self._maybe("["):
            place = self.now
            size = self._number() if place.kind == "number" else None
            if size is not None and not 1 <= size <= MAX_LENGTH:
                self.fail(f"A list of exactly {size} does not exist", f"take 1 to {MAX_LENGTH:,}, or [] for any", place)
            self._take("]")
            depth += 1
            self._bound(depth)
            kind = List(kind, size)
        return kind

    def _bound(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            self.fail(f"The type is nested more than {MAX_DEPTH} deep", "make it flatter")

    def _open(self) -> str:
        if self._maybe("<"):
            return ">"
        if self._maybe("("):
            return ")"
        return self.fail(
            "'<' or '(' is expected here", "write STRUCT<a: INT>, ARRAY<INT>, MAP<STRING, INT> or ENUM('a', 'b')"
        )

    def _number(self) -> int:
        token = self.now
        if token.kind != "number" or len(token.text) > len(str(MAX_LENGTH)):
            self.fail("A number is expected here", f"write one of 0 to {MAX_LENGTH}")
        self.at += 1
        return int(token.text)

    def _text(self) -> str:
        token = self.now
        if token.kind not in ("text", "name"):
            self.fail("A text in quotes is expected here", "write 'text'")
        self.at += 1
        return token.text[1:-1].replace(token.text[0] * 2, token.text[0])

    def _maybe(self, text: str) -> bool:
        found = self.now.kind in ("word", "sign") and self.now.text.upper() == text
        self.at += found
        return found

    def _take(self, text: str) -> None:
        if not self._maybe(text):
            self.fail(f"{text!r} is expected here", "complete the type" if self.now.kind == "end" else "mend the type")

    def fail(self, what: str, remedy: str, token: _Token | None = None) -> NoReturn:
        """Raise the error that shows the place: the token given, else the next one."""
        raise CallError(pointed(self.text, (token or self.now).start, what, remedy))
