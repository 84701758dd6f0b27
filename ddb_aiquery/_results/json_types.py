"""Types that are written in JSON: DuckDB's structures, JSON schemas, and ai_extract's short ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from ddb_aiquery._results.types import JSON, MAX_DEPTH, TEXT, Enum, Field, List, Map, Scalar, Struct, Type
from ddb_aiquery._results.wording import as_json, pointed
from ddb_aiquery.errors import CallError

SCHEMA = re.compile(r"\s*JSON\s+SCHEMA\b", re.IGNORECASE)
"""What stands before a JSON schema, which nothing else tells from a structure: {"type": "string"} may be either."""

_SCALARS = {
    "string": TEXT,
    "integer": Scalar("BIGINT"),
    "number": Scalar("DOUBLE"),
    "boolean": Scalar("BOOLEAN"),
    "null": JSON,
    "enum": TEXT,
}


def from_structure(text: str, parse: Callable[[str], Type]) -> Type:
    """Read a structure as from_json takes it and json_structure writes it: {"a": "INT", "b": ["VARCHAR"]}.

    `parse` reads the type names in it.

    Raises:
        CallError: it is malformed, or has something else than type names, lists of one and objects.
    """
    return _structure(_loads(text, 0), parse, 1)


def from_schema(text: str, start: int = 0) -> Type:
    """Read the JSON schema that begins at `start`: a whole one, its properties alone, or a list of field names.

    What SQL has no type for (free objects, unions) is JSON. Descriptions become the fields' comments.

    Raises:
        CallError: it is malformed or has no fields.
    """
    schema = _loads(text, start)
    if isinstance(schema, list) and schema and all(isinstance(name, str) for name in schema):
        return _struct([Field(name, TEXT) for name in schema])
    if not isinstance(schema, dict) or not schema:
        raise CallError(
            f'The JSON schema is {as_json(schema)}: write ["name", ...] or {{"name": {{"type": "string"}}}}'
        )
    if isinstance(schema.get("type"), str | list) or "$ref" in schema or "anyOf" in schema:
        return _schema(schema, 1)
    return _properties(schema, None, 1)


def _structure(value: Any, parse: Callable[[str], Type], depth: int) -> Type:
    _bound(depth)
    match value:
        case str():
            return TEXT if value.upper() == "NULL" else parse(value)
        case [item]:
            return List(_structure(item, parse, depth + 1))
        case {"type": "object" | "array"}:
            raise CallError("returnType is a JSON schema: write 'JSON SCHEMA {...}', or the type as 'STRUCT<...>'")
        case dict() if value:
            return _struct([Field(name, _structure(item, parse, depth + 1)) for name, item in value.items()])
    raise CallError(f'The JSON structure has {as_json(value)} for a type: write "INT", ["INT"] or {{"name": "INT"}}')


def _schema(schema: Any, depth: int) -> Type:
    _bound(depth)
    if isinstance(schema, str):  # {"name": "string"} for {"name": {"type": "string"}}
        schema = {"type": schema}
    if not isinstance(schema, dict):
        return JSON
    labels = schema.get("enum", schema.get("labels"))
    if isinstance(labels, list):
        texts = [label for label in labels if label is not None]
        return Enum(tuple(texts)) if texts and _distinct(texts) else JSON
    kinds = schema.get("type")
    names = [name for name in (kinds if isinstance(kinds, list) else [kinds]) if name not in (None, "null")]
    if len(names) != 1:
        return _alternatives(schema, depth)
    if names[0] == "array":
        return List(_schema(schema.get("items"), depth + 1))
    if names[0] == "object":
        return _object(schema, depth)
    if names[0] not in _SCALARS:
        known = ", ".join([*_SCALARS, "object", "array"])
        raise CallError(f"The JSON schema has the type {as_json(names[0])}: take one of {known}")
    return _SCALARS[names[0]]


def _alternatives(schema: dict[str, Any], depth: int) -> Type:
    """One type or NULL is that type; real unions have no SQL type."""
    options = schema.get("anyOf", schema.get("oneOf"))
    options = [one for one in options if one != {"type": "null"}] if isinstance(options, list) else []
    return _schema(options[0], depth + 1) if len(options) == 1 else JSON


def _object(schema: dict[str, Any], depth: int) -> Type:
    properties, rest = schema.get("properties"), schema.get("additionalProperties")
    if isinstance(properties, dict) and properties:
        return _properties(properties, schema.get("required"), depth)
    return Map(TEXT, _schema(rest, depth + 1)) if isinstance(rest, dict) and rest else JSON


def _properties(properties: dict[str, Any], required: Any, depth: int) -> Struct:
    fields = []
    for name, schema in properties.items():
        comment = schema.get("description", "") if isinstance(schema, dict) else ""
        must = isinstance(required, list) and name in required
        fields.append(Field(name, _schema(schema, depth + 1), must, str(comment)))
    return _struct(fields)


def _struct(fields: list[Field]) -> Struct:
    if not all(one.name for one in fields):
        raise CallError("A field's name is empty: give it one")
    if not _distinct([one.name.casefold() for one in fields]):
        names = ", ".join(one.name for one in fields)
        raise CallError(f"Two fields have the same name among {as_json(names)}: letter case does not tell them apart")
    return Struct(tuple(fields))


def _distinct(texts: list[Any]) -> bool:
    return all(isinstance(text, str) for text in texts) and len(set(texts)) == len(texts)


def _bound(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CallError(f"The type is nested more than {MAX_DEPTH} deep: make it flatter")


def _loads(text: str, start: int) -> Any:
    try:
        return orjson.loads(text[start:])
    except orjson.JSONDecodeError as error:
        raise CallError(
            pointed(text, start + error.pos, f"The type is malformed JSON: {error.msg}", "mend it")
        ) from None
