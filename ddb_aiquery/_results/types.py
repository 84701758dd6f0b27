"""The types that a reply can take: a small frozen tree, and how it is written for DuckDB and for a JSON schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from ddb_aiquery._sql import identifier, literal

MAX_DEPTH = 64
"""Levels to which a type, and what SQL hands over, may be nested."""

INTEGERS = {
    name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64), ("HUGEINT", 128))
} | {
    name: (0, 2**bits - 1)
    for name, bits in (("UTINYINT", 8), ("USMALLINT", 16), ("UINTEGER", 32), ("UBIGINT", 64), ("UHUGEINT", 128))
}
"""Every whole-number type of DuckDB with its smallest and largest value."""

_SCHEMAS = {
    "BOOLEAN": {"type": "boolean"},
    "FLOAT": {"type": "number"},
    "DOUBLE": {"type": "number"},
    "DATE": {"type": "string", "format": "date"},
    "TIME": {"type": "string", "format": "time"},
    "UUID": {"type": "string", "format": "uuid"},
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value without parts, by DuckDB's name of its type."""

    name: str


@dataclass(frozen=True, slots=True)
class Decimal:
    """An exact number of `width` digits, `scale` of them after the point."""

    width: int
    scale: int


@dataclass(frozen=True, slots=True)
class Enum:
    """One of a fixed set of texts."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class List:
    """Any number of values of one type, or exactly `size` of them (DuckDB's ARRAY)."""

    item: Type
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Map:
    """Values by key; JSON writes it as an object."""

    key: Type
    value: Type


@dataclass(frozen=True, slots=True)
class Field:
    """One named part of a Struct; `comment` and `required` (NOT NULL) reach the model, not the SQL type."""

    name: str
    type: Type
    required: bool = field(default=False, compare=False)
    comment: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Struct:
    """Named parts, in order; no two names are equal without regard to case."""

    fields: tuple[Field, ...]


Type = Scalar | Decimal | Enum | List | Map | Struct

TEXT = Scalar("VARCHAR")
JSON = Scalar("JSON")


def duckdb_text(kind: Type) -> str:
    """Return the type as DuckDB spells it, every field name quoted."""
    match kind:
        case Scalar(name):
            return name
        case Decimal(width, scale):
            return f"DECIMAL({width},{scale})"
        case Enum(labels):
            return f"ENUM({', '.join(map(literal, labels))})"
        case List(item, size):
            return f"{duckdb_text(item)}[{'' if size is None else size}]"
        case Map(key, value):
            return f"MAP({duckdb_text(key)}, {duckdb_text(value)})"
        case Struct(fields):
            return f"STRUCT({', '.join(f'{identifier(one.name)} {duckdb_text(one.type)}' for one in fields)})"


def structure(kind: Type) -> str:
    """Return the text that from_json takes as the structure of this type."""
    return orjson.dumps(duckdb_text(kind)).decode()


def json_schema(kind: Type) -> dict[str, Any]:
    """Return a JSON schema that holds a model to the type: all fields, no others, NULL where SQL allows."""
    match kind:
        case Enum(labels):
            return {"type": "string", "enum": list(labels)}
        case List(item, size):
            bounds = {} if size is None else {"minItems": size, "maxItems": size}
            return {"type": "array", "items": json_schema(item), **bounds}
        case Map(_, value):
            return {"type": "object", "additionalProperties": json_schema(value)}
        case Struct(fields):
            return {
                "type": "object",
                "properties": {one.name: _property(one) for one in fields},
                "required": [one.name for one in fields],
                "additionalProperties": False,
            }
        case _:
            return _scalar_schema(kind)


def is_strict(kind: Type) -> bool:
    """Tell whether an endpoint's strict mode can hold a model to the type: it knows no free keys and no free values."""
    match kind:
        case Map() | Scalar("JSON") | List(size=int()):
            return False
        case List(item):
            return is_strict(item)
        case Struct(fields):
            return all(is_strict(one.type) for one in fields)
        case _:
            return True


def _scalar_schema(kind: Type) -> dict[str, Any]:
    name = kind.name if isinstance(kind, Scalar) else "DOUBLE"
    if name == "JSON":
        return {}
    if name in INTEGERS:
        return {"type": "integer"}
    if name.startswith("TIMESTAMP"):
        return {"type": "string", "format": "date-time"}
    return dict(_SCHEMAS.get(name, {"type": "string"}))


def _property(one: Field) -> dict[str, Any]:
    schema = json_schema(one.type)
    if not one.required and schema:
        schema = _or_null(schema)
    return {"description": one.comment, **schema} if one.comment else schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema or schema["type"] in ("object", "array"):
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}
