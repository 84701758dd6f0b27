"""Type text to type and back, its errors with their places, and random values through DuckDB."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from decimal import Decimal as Exact

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddb_aiquery._results.ddl import parse
from ddb_aiquery._results.shape import shape
from ddb_aiquery._results.type_names import NAMES, REFUSED
from ddb_aiquery._results.types import (
    INTEGERS,
    Decimal,
    Enum,
    Field,
    List,
    Map,
    Scalar,
    Struct,
    duckdb_text,
    json_schema,
)
from ddb_aiquery._values import Answer
from ddb_aiquery.errors import CallError

SPELLINGS = [
    ("STRING", "VARCHAR"),
    ("double precision", "DOUBLE"),
    ("TIMESTAMP", "TIMESTAMP"),
    ("TIMESTAMP_NTZ", "TIMESTAMP"),
    ("timestamp with time zone", "TIMESTAMPTZ"),
    ("TIME WITHOUT TIME ZONE", "TIME"),
    ("varchar(20)", "VARCHAR"),
    ("STRING COLLATE UTF8_BINARY", "VARCHAR"),
    ("ARRAY<STRING COLLATE `DE_CI`>", "VARCHAR[]"),
    ("a STRING COLLATE UTF8_LCASE COMMENT 'b', c: INT", 'STRUCT("a" VARCHAR, "c" INTEGER)'),
    ("INTERVAL", "INTERVAL"),
    ("INTERVAL DAY", "INTERVAL"),
    ("interval day to second", "INTERVAL"),
    ("STRUCT<i: INTERVAL YEAR TO MONTH, j INTERVAL HOUR TO MINUTE NOT NULL>", 'STRUCT("i" INTERVAL, "j" INTERVAL)'),
    ("interval INTERVAL DAY, day DATE", 'STRUCT("interval" INTERVAL, "day" DATE)'),
    ("DECIMAL", "DECIMAL(18,3)"),
    ("dec(10)", "DECIMAL(10,0)"),
    ("numeric(10, 2)", "DECIMAL(10,2)"),
    ("ARRAY<FLOAT>", "FLOAT[]"),
    ("FLOAT[3][]", "FLOAT[3][]"),
    ("MAP<STRING, ARRAY<INT>>", "MAP(VARCHAR, INTEGER[])"),
    ("MAP(VARCHAR, INT)", "MAP(VARCHAR, INTEGER)"),
    ("ENUM('a', 'it''s')", "ENUM('a', 'it''s')"),
    ("STRUCT<a: INT, b: ARRAY<STRING>>", 'STRUCT("a" INTEGER, "b" VARCHAR[])'),
    ("STRUCT<a INT,b STRUCT<c:BIGINT>>", 'STRUCT("a" INTEGER, "b" STRUCT("c" BIGINT))'),
    ("STRUCT(a INTEGER, b VARCHAR[])", 'STRUCT("a" INTEGER, "b" VARCHAR[])'),
    ("ROW(a int)", 'STRUCT("a" INTEGER)'),
    ("a INT, b STRING", 'STRUCT("a" INTEGER, "b" VARCHAR)'),
    ("a: INT", 'STRUCT("a" INTEGER)'),
    ("date DATE, order INT", 'STRUCT("date" DATE, "order" INTEGER)'),
    ('STRUCT<`my col`: INT NOT NULL COMMENT \'the count\', "x ""y" INT>', 'STRUCT("my col" INTEGER, "x ""y" INTEGER)'),
    ("STRUCT<Größe: INT>", 'STRUCT("Größe" INTEGER)'),
    (
        '{"a": "INT", "b": ["VARCHAR"], "c": {"d": "DOUBLE"}}',
        'STRUCT("a" INTEGER, "b" VARCHAR[], "c" STRUCT("d" DOUBLE))',
    ),
    ('"UBIGINT"', "UBIGINT"),
    ("VARIANT", "JSON"),
    ('JSON SCHEMA ["a", "b"]', 'STRUCT("a" VARCHAR, "b" VARCHAR)'),
    (
        (
            'JSON SCHEMA {"type": "object", "properties": {"n": {"type": ["integer", "null"]}, "free": '
            '{"type": "object"},'
            ' "l": {"type": "array", "items": {"enum": ["x", "y"]}}, "m": {"type": "object", "additionalProperties":'
            ' {"type": "number"}}, "o": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}}}'
        ),
        'STRUCT("n" BIGINT, "free" JSON, "l" ENUM(\'x\', \'y\')[], "m" MAP(VARCHAR, DOUBLE), "o" BOOLEAN)',
    ),
]

WRONG = [
    ("", "is empty", 1),
    ("STRIN", "did you mean STRING", 1),
    ("STRUCT<a: INT", "'>' is expected", 14),
    ("STRUCT<a: INT, b: FOO>", "There is no type FOO", 19),
    ("INT INT INT", "Unexpected 'INT'", 9),
    ("a INT, A INT", "two fields 'A'", 8),
    ("DECIMAL(40, 2)", "DECIMAL(40, 2) does not exist", 9),
    ("INTERVAL MONTH TO DAY", "A smaller unit is expected", 19),
    ("STRING COLLATE", "A collation's name is expected", 15),
    ("STRUCT<>", "A field's name is expected", 8),
    ("ARRAY", "'<' or '(' is expected", 6),
    ("STRUCT<a: BLOB>", "from_base64", 11),
    ("STRUCT<a INT b INT>", "'>' is expected", 14),
    ("MAP<ARRAY<INT>, INT>", "key must be a plain value", 5),
    ("ENUM('a', 'a')", "'a' twice", 11),
    ("INT[0]", "exactly 0", 5),
    ("'", "A type is expected", 1),
    ("ARRAY<" * 70 + "INT" + ">" * 70, "nested more than 64", 385),
    ("INT" + "[]" * 70, "nested more than 64", 132),
    ('{"a": ', "malformed JSON", 7),
    ("JSON SCHEMA {", "malformed JSON", 14),
]


@pytest.mark.parametrize(("text", "expected"), SPELLINGS)
def test_every_spelling_is_read(text, expected):
    """Databricks DDL, DuckDB types, column lists, structures and schemas give a type that DuckDB takes."""
    assert duckdb_text(parse(text)) == expected
    with duckdb.connect() as con:
        con.execute(f"SELECT NULL::{expected}")


@pytest.mark.parametrize(("text", "said", "place"), WRONG)
def test_an_error_shows_its_place(text, said, place):
    """A wrong type says what is wrong, at which character, marks it, and says what to do."""
    with pytest.raises(CallError) as caught:
        parse(text)
    message, line, caret = str(caught.value).split("\n")
    assert said in message
    assert f"character {place})" in message
    at = caret.index("^")
    assert line[at : at + 1].strip() == text[place - 1 : place].strip()


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "[]", '["INT", "INT"]', "{}", '{"": "INT"}', '{"a": "INT", "A": "INT"}', "JSON SCHEMA []"]
)
def test_other_json_is_refused(text):
    """JSON that is no structure is refused."""
    with pytest.raises(CallError):
        parse(text)


@given(st.text(max_size=60) | st.text("STRUCT<>()[]:,`'\"aINT 1", max_size=60))
def test_no_text_breaks_the_reader(text):
    """Any text is a type or a CallError."""
    try:
        kind = parse(text)
    except CallError:
        return
    assert parse(duckdb_text(kind)) == kind


def test_every_name_is_known_to_duckdb():
    """Each type name stands for a type that DuckDB has, and none is both taken and refused."""
    with duckdb.connect() as con:
        for name in sorted(set(NAMES.values())):
            con.execute(f"SELECT NULL::{name}")
    assert not NAMES.keys() & REFUSED.keys()


def test_a_schema_is_strict_and_tells_what_sql_knows():
    """Fields are all required and nullable unless NOT NULL; comments become descriptions; nothing else is allowed."""
    kind = parse("STRUCT<a: INT COMMENT 'how many', b: ARRAY<STRING> NOT NULL, c: ENUM('x', 'y')>")
    assert json_schema(kind) == {
        "type": "object",
        "properties": {
            "a": {"description": "how many", "type": ["integer", "null"]},
            "b": {"type": "array", "items": {"type": "string"}},
            "c": {"anyOf": [{"type": "string", "enum": ["x", "y"]}, {"type": "null"}]},
        },
        "required": ["a", "b", "c"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("text", "strict"),
    [
        ("STRUCT<a: INT, b: STRUCT<c: DATE>>", True),
        ("STRUCT<a: INT, m: MAP<STRING, INT>>", False),
        ("STRUCT<a: INT, v: ARRAY<VARIANT>>", False),
        ("STRUCT<a: FLOAT[2]>", False),
    ],
)
def test_strict_only_where_strict_mode_can_hold_it(text, strict):
    """A type with free keys, free values or fixed lengths is sent without strict."""
    wire = json.loads(shape(None, text, True).response_format)
    assert wire["json_schema"]["strict"] is strict


names = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
scalars = st.sampled_from(
    [Scalar(name) for name in ("VARCHAR", "BOOLEAN", "FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", *INTEGERS)]
)
decimals = st.integers(1, 38).flatmap(lambda width: st.integers(0, width).map(lambda scale: Decimal(width, scale)))
enums = st.lists(names, min_size=1, max_size=4, unique_by=str.casefold).map(lambda labels: Enum(tuple(labels)))


def structs(parts):
    """Structs of some parts, names distinct without regard to case."""
    named = st.lists(st.tuples(names, parts), min_size=1, max_size=4, unique_by=lambda pair: pair[0].casefold())
    return named.map(lambda pairs: Struct(tuple(Field(name, kind) for name, kind in pairs)))


types = st.recursive(
    scalars | decimals | enums,
    lambda parts: (
        parts.map(List) | st.tuples(st.just(Scalar("VARCHAR")), parts).map(lambda pair: Map(*pair)) | structs(parts)
    ),
    max_leaves=6,
)


def values(kind):  # noqa: PLR0911 (one line for each kind of type)
    """Values that a column of a type may hold, as DuckDB gives them to Python."""
    match kind:
        case List(item):
            return st.none() | st.lists(values(item), max_size=3)
        case Map(_, value):
            return st.none() | st.dictionaries(texts, values(value), max_size=3)
        case Struct(fields):
            return st.none() | st.fixed_dictionaries({one.name: values(one.type) for one in fields})
        case Enum(labels):
            return st.none() | st.sampled_from(labels)
        case Decimal(width, scale):
            most = 10**width - 1
            return st.none() | st.integers(-most, most).map(lambda digits: Exact(f"{digits}e-{scale}"))
        case Scalar(name) if name in INTEGERS:
            return st.none() | st.integers(*INTEGERS[name])
        case Scalar(name):
            return st.none() | PLAIN[name]


PLAIN = {
    "VARCHAR": texts,
    "BOOLEAN": st.booleans(),
    "FLOAT": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "DOUBLE": st.floats(allow_nan=False, allow_infinity=False),
    "DATE": st.dates(),
    "TIME": st.times(),
    "TIMESTAMP": st.datetimes(),
}


def written(value):
    """Write a value as a model would: numbers as numbers, times in ISO 8601."""
    if isinstance(value, date | time | datetime):
        return value.isoformat()
    return value


def dumps(value):
    """Write JSON with exact decimals."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {dumps(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dumps, value)) + "]"
    return format(value, "f") if isinstance(value, Exact) else json.dumps(written(value))


@given(types)
def test_a_type_survives_its_text(kind):
    """Every type is read back from DuckDB's spelling of it."""
    assert parse(duckdb_text(kind)) == kind


@settings(deadline=None, max_examples=150)
@given(structs(types).flatmap(lambda kind: st.tuples(st.just(kind), values(kind))))
def test_values_survive_the_way_to_duckdb(pair):
    """Any value of any type, written as JSON by a model, arrives equal in a column of that type."""
    kind, value = pair
    shaped = shape(duckdb_text(kind), None, True)
    read = shaped.read(Answer(dumps(value)))
    assert isinstance(read, Answer), read
    assert not read.note
    structure = shaped.structure.replace("'", "''")
    (found,) = CON.execute(f"SELECT from_json($d, '{structure}')", {"d": shaped.document(read)}).fetchone()
    assert close(found, value)


CON = duckdb.connect()


def close(found, value):
    """Compare deeply, floats by value and sign, decimals by value."""
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(close(found[key], value[key]) for key in value)
    if isinstance(value, list):
        return len(found) == len(value) and all(map(close, found, value))
    if isinstance(value, float):
        return math.isclose(found, value, rel_tol=1e-15, abs_tol=0.0)
    return found == value
