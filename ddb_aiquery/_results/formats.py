"""responseFormat: Databricks' four ways to say how the model should write, as the wire's one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

import orjson

from ddb_aiquery._results.ddl import parse
from ddb_aiquery._results.json_types import SCHEMA
from ddb_aiquery._results.labels import LABELS
from ddb_aiquery._results.types import TEXT, Field, Struct, Type, is_strict, json_schema
from ddb_aiquery._results.wording import shortened
from ddb_aiquery.errors import CallError

_DDL = re.compile(rf"\s*STRUCT\s*[<(]|{SCHEMA.pattern}|{LABELS.pattern}", re.IGNORECASE)
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Format:
    """A response format: JSON text for the endpoint (None: plain text), and the type that SQL sees."""

    wire: str | None
    type: Type


def read_format(text: str) -> Format:
    """Return the Format that a responseFormat names.

    Raises:
        CallError: AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT, or the DDL has an error, with its place.
    """
    if text.strip().casefold() == "text":
        return Format(None, TEXT)
    if _DDL.match(text):
        return _from_ddl(text)
    if text.lstrip().startswith("{"):
        return Format(_from_json(text), TEXT)
    if text.strip().casefold() in ("json", "json_object"):
        _refuse("JSON_STRING", f"responseFormat is {text.strip()!r}", """write '{"type":"json_object"}'""")
    return _refuse(
        "DDL_STRING", f"responseFormat is {shortened(text)!r}", "write 'text', 'STRUCT<...>' or a JSON object"
    )


def _from_ddl(text: str) -> Format:
    kind = parse(text.strip())
    if LABELS.match(text):
        kind = Struct((Field("labels", kind, required=True),))
    if not isinstance(kind, Struct):
        _refuse("DDL_STRING", f"responseFormat is {shortened(text)!r}", "wrap it in one STRUCT")
    name, inner = "response", kind
    if len(kind.fields) == 1 and isinstance(kind.fields[0].type, Struct) and not SCHEMA.match(text):
        name, inner = kind.fields[0].name, kind.fields[0].type
    schema = {
        "name": _NOT_IN_NAME.sub("_", name)[:_NAME_LENGTH],
        "strict": is_strict(inner),
        "schema": json_schema(inner),
    }
    return Format(_wire({"type": "json_schema", "json_schema": schema}), inner)


def _from_json(text: str) -> str | None:
    """Check a response format that is JSON already; its schema goes to the endpoint as it is."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        _refuse("JSON_STRING", f"responseFormat is no JSON: {error.msg} at character {error.pos + 1}", "mend it")
    match value:
        case {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return _wire({"type": "json_object"})
        case {"type": "json_schema", "json_schema": {"name": str(), "schema": dict()}}:
            return _wire(value)
        case {"type": "json_schema"}:
            _refuse(
                "JSON_STRING",
                "responseFormat's json_schema lacks a name or a schema",
                """write '{"type":"json_schema","json_schema":{"name":"...","schema":{...}}}'""",
            )
    return _refuse(
        "JSON_STRING",
        f"responseFormat is {shortened(text)!r}",
        "its type may be text, json_object or json_schema",
    )


def _wire(value: object) -> str:
    return orjson.dumps(value).decode()


def _refuse(condition: str, what: str, remedy: str) -> NoReturn:
    raise CallError(f"[AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.{condition}] {what}: {remedy}")
