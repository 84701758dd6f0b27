"""modelParameters, responseFormat, request and files: what is taken, and Databricks' errors for the rest."""

from __future__ import annotations

import json
import math
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._media import media_type
from ddb_aiquery._results.parameters import RESERVED, read_parameters
from ddb_aiquery._results.request import MAX_FILE_BYTES, read_files, read_request
from ddb_aiquery._results.shape import shape
from ddb_aiquery._values import Form
from ddb_aiquery.errors import CallError, RowError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "{}"),
        ({}, "{}"),
        ({"temperature": Decimal("0.1"), "max_tokens": 100}, '{"max_tokens":100,"temperature":0.1}'),
        ('{"b": 1.0, "a": {"z": 1, "y": 2}}', '{"a":{"z":1,"y":2},"b":1.0}'),
        ([("top_p", 0.5), ("max_tokens", Decimal("100.0"))], '{"max_tokens":100,"top_p":0.5}'),
        ({"stop": ["a", "b"], "seed": None}, '{"stop":["a","b"]}'),
        ({"reasoning": {"effort": "low"}, "logit_bias": [("50256", -100)]}, None),
    ],
)
def test_parameters_become_one_canonical_object(value, expected):
    """STRUCT, MAP and JSON text are one JSON object, names sorted, NULLs left out, numbers of their own kind."""
    found = read_parameters(value)
    assert found == (expected or '{"logit_bias":{"50256":-100},"reasoning":{"effort":"low"}}')
    assert read_parameters(found) == found


@pytest.mark.parametrize(
    ("value", "condition", "said"),
    [
        *(({name: "x"}, "FOUND_RESERVED_PARAMETER_NAME", name) for name in sorted(RESERVED)),
        ({"temperature": 2.5}, "INVALID_NUMERIC_PARAMETER", "from 0 to 2"),
        ({"temperature": Decimal("-0.1")}, "INVALID_NUMERIC_PARAMETER", "temperature"),
        ({"top_p": 1.5}, "INVALID_NUMERIC_PARAMETER", "top_p"),
        ({"max_tokens": 0}, "INVALID_NUMERIC_PARAMETER", "above 0"),
        ({"x": math.nan}, "INVALID_NUMERIC_PARAMETER", "finite"),
        ({"x": {"y": [Decimal("Infinity")]}}, "INVALID_NUMERIC_PARAMETER", "x.y"),
        ({"x": 2**70}, "INVALID_NUMERIC_PARAMETER", "64 bits"),
        ({"temperature": "hot"}, "INVALID_PARAMETER_DATA_TYPE", "'hot'"),
        ({"temperature": True}, "INVALID_PARAMETER_DATA_TYPE", "True"),
        ({"max_tokens": 1.5}, "INVALID_PARAMETER_DATA_TYPE", "whole number"),
        ({"stop": 1}, "INVALID_PARAMETER_DATA_TYPE", "stop"),
        ({"x": b"bytes"}, "INVALID_PARAMETER_DATA_TYPE", "x"),
        ({"x": date(2024, 1, 1)}, "INVALID_PARAMETER_DATA_TYPE", "x"),
        ("[1]", "INVALID_PARAMETER_DATA_TYPE", "list"),
        ("{", "INVALID_PARAMETER_DATA_TYPE", "no JSON object"),
        ('{"x":' + "[" * 500 + "]" * 500 + "}", "INVALID_PARAMETER_DATA_TYPE", "too deep"),
        (1, "INVALID_PARAMETER_DATA_TYPE", "int"),
    ],
)
def test_wrong_parameters_have_databricks_names(value, condition, said):
    """A wrong parameter is AI_FUNCTION_INVALID_MODEL_PARAMETERS with its condition, on one line, with the remedy."""
    with pytest.raises(CallError) as caught:
        read_parameters(value)
    message = str(caught.value)
    assert message.startswith(f"[AI_FUNCTION_INVALID_MODEL_PARAMETERS.{condition}] ")
    assert said in message
    assert "\n" not in message


@given(
    st.dictionaries(
        st.text(max_size=5), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists), max_size=4
    )
)
def test_any_struct_is_taken_or_refused(value):
    """No STRUCT makes anything but a JSON object or a CallError."""
    try:
        assert isinstance(json.loads(read_parameters(value)), dict)
    except CallError:
        return


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("text", None),
        (" TEXT ", None),
        ('{"type": "text"}', None),
        ('{ "type": "json_object" }', '{"type":"json_object"}'),
        (
            '{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}',
            '{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}',
        ),
    ],
)
def test_formats_without_a_type_are_text(text, wire):
    """Plain text, JSON objects and JSON schemas give VARCHAR; a schema goes to the endpoint as it is."""
    found = shape(None, text, True)
    assert found.response_format == wire
    assert found.structure == '"VARCHAR"'


@pytest.mark.parametrize(
    ("text", "name", "structure"),
    [
        ("STRUCT<result: STRUCT<a: INT>>", "result", '"STRUCT(\\"a\\" INTEGER)"'),
        ("struct<a: int, b: string>", "response", '"STRUCT(\\"a\\" INTEGER, \\"b\\" VARCHAR)"'),
        ("STRUCT<a: INT>", "response", '"STRUCT(\\"a\\" INTEGER)"'),
        ("STRUCT<`the answer!`: STRUCT<a: INT>>", "the_answer_", '"STRUCT(\\"a\\" INTEGER)"'),
    ],
)
def test_a_ddl_format_names_its_schema_and_is_the_type(text, name, structure):
    """A single outer field that is a STRUCT only names the schema; several fields, or a plain one, are the type."""
    found = shape(None, text, True)
    wire = json.loads(found.response_format)
    assert wire["json_schema"]["name"] == name
    assert wire["json_schema"]["strict"] is True
    assert found.structure == structure


def test_return_type_decides_over_the_format():
    """With both, the format goes to the endpoint and returnType is what SQL sees."""
    found = shape("ARRAY<STRING>", "STRUCT<names: ARRAY<STRING>>", True)
    assert found.structure == '"VARCHAR[]"'
    assert '"names"' in found.response_format


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("xml", "DDL_STRING"),
        ("", "DDL_STRING"),
        ("ARRAY<STRING>", "DDL_STRING"),
        ("STRUCT<a: INT>[]", "DDL_STRING"),
        ("json_object", "JSON_STRING"),
        ("{", "JSON_STRING"),
        ('{"type": "grammar"}', "JSON_STRING"),
        ('{"type": "json_schema"}', "JSON_STRING"),
        ('{"type": "json_schema", "json_schema": {"name": "n"}}', "JSON_STRING"),
    ],
)
def test_an_unsupported_format_is_said_so(text, condition):
    """Any other format is AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT with its condition."""
    with pytest.raises(CallError, match=rf"^\[AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT\.{condition}\]"):
        shape(None, text, True)


MESSAGES = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]


@pytest.mark.parametrize(
    ("value", "task", "expected"),
    [
        ("hello", "chat", (Form.TEXT, "hello")),
        ("", "chat", (Form.TEXT, "")),
        (json.dumps(MESSAGES), "chat", (Form.TEXT, json.dumps(MESSAGES))),
        ("hello", "embedding", (Form.EMBED, "hello")),
        (MESSAGES, "chat", (Form.MESSAGES, json.dumps(MESSAGES, separators=(",", ":")))),
        ([{"role": "user", "content": "u", "name": None}], "chat", (Form.MESSAGES, '[{"role":"user","content":"u"}]')),
        (
            {"n": Decimal("1.5"), "d": date(2024, 1, 2), "b": b"ab", "m": [("k", 1)], "x": None},
            "custom",
            (Form.RECORD, '{"n":1.5,"d":"2024-01-02","b":"YWI=","m":{"k":1},"x":null}'),
        ),
        ("text", "custom", (Form.RECORD, '"text"')),
        ([1.5, math.nan], "custom", (Form.RECORD, "[1.5,null]")),
    ],
)
def test_requests_are_read_by_their_type(value, task, expected):
    """Text is one user message whatever it holds, a list of messages a conversation; a custom one takes records."""
    assert read_request(value, task) == expected


@pytest.mark.parametrize(
    ("value", "task", "said"),
    [
        ([], "chat", "empty list"),
        (["hello"], "chat", "Message 1"),
        ([{"role": "user"}], "chat", "Message 1"),
        ([*MESSAGES, {"role": "robot", "content": "x"}], "chat", "Message 3 .*'robot'"),
        ([{"role": "user", "content": None}], "chat", "no content"),
        ([{"role": "user", "content": 5}], "chat", "cast it to VARCHAR"),
        ({"x": 1}, "chat", 'task = "custom"'),
        ([("x", 1)], "chat", "cast it to VARCHAR"),
        (5, "chat", "cast it to VARCHAR"),
        (MESSAGES, "embedding", "takes text"),
        ({"x": 2**70}, "custom", "cannot be written as JSON"),
    ],
)
def test_an_unusable_request_fails_its_row(value, task, said):
    """A request that cannot be asked is a RowError that says what is wrong with it."""
    with pytest.raises(RowError, match=said):
        read_request(value, task)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"", None),
        (b"MZ", None),
    ],
)
def test_a_files_type_shows_in_its_first_bytes(content, name):
    """The five types are told by their bytes, anything else is none."""
    assert media_type(content) == name


def test_files_are_one_or_a_list():
    """NULL is no file, a BLOB one, a list several without its NULLs."""
    assert read_files(None) == ()
    assert read_files(PNG) == (PNG,)
    assert read_files([PNG, None, bytearray(PNG)]) == (PNG, PNG)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"", "neither PNG"),
        ([PNG, b"plain text"], "File 2 .*neither PNG"),
        ("photo.png", "read_blob"),
        (PNG + bytes(MAX_FILE_BYTES), "limit is 20 MB"),
    ],
)
def test_an_unusable_file_fails_its_row(value, said):
    """A file of another type, or too large, or a path in place of bytes is a RowError with the remedy."""
    with pytest.raises(RowError, match=said):
        read_files(value)
