"""The macro itself: arguments, types and requests as section 1.2 of the contract has them."""

from __future__ import annotations

import json

import duckdb
import pytest

from ddb_aiquery._values import Form

TYPES = [
    ("", "VARCHAR"),
    (", returnType => 'STRUCT<a: INT, b: ARRAY<STRING>>'", "STRUCT(a INTEGER, b VARCHAR[])"),
    (", 'STRUCT(a INTEGER, b VARCHAR[])'", "STRUCT(a INTEGER, b VARCHAR[])"),
    (""", returnType => '{"a": "INTEGER", "b": ["VARCHAR"]}'""", "STRUCT(a INTEGER, b VARCHAR[])"),
    (", returnType => 'a INT, b ARRAY<STRING>'", "STRUCT(a INTEGER, b VARCHAR[])"),
    (", responseFormat => 'STRUCT<r: STRUCT<a: INT, b: ARRAY<STRING>>>'", "STRUCT(a INTEGER, b VARCHAR[])"),
    (", responseFormat => 'STRUCT<a: INT, b: ARRAY<STRING>>'", "STRUCT(a INTEGER, b VARCHAR[])"),
    (", responseFormat => 'text'", "VARCHAR"),
    (""", responseFormat => '{"type":"json_object"}'""", "VARCHAR"),
    (
        """, responseFormat => '{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}}'""",
        "VARCHAR",
    ),
    (", failOnError => false", "STRUCT(response VARCHAR, errorMessage VARCHAR)"),
    (
        ", returnType => 'STRUCT<a: INT>', failOnError => false",
        "STRUCT(response STRUCT(a INTEGER), errorMessage VARCHAR)",
    ),
    (", returnType := 'MAP<STRING, DECIMAL(10,2)>'", "MAP(VARCHAR, DECIMAL(10,2))"),
    (', returnType => schema_of_json(\'{"a": 1, "b": ["x"]}\')', "STRUCT(a UBIGINT, b VARCHAR[])"),
]


@pytest.mark.parametrize(("arguments", "type_"), TYPES)
def test_the_type_is_known_when_the_query_is_bound(script, arguments, type_):
    """DESCRIBE shows the declared type, and nothing is asked for it."""
    arguments = arguments.replace("schema_of_json", "json_structure")
    assert script.type(f"SELECT ai_query('chat', x{arguments}) FROM (SELECT unnest(['q']) AS x)") == type_
    assert script.asked == []


def test_a_typed_answer_and_a_failed_row(script):
    """Under failOnError => false a reply that fits stands in response, another leaves its reason in errorMessage."""
    script.reply = lambda asked: '{"a": 1}' if asked.request == "good" else "prose"
    rows = script.all(
        "SELECT ai_query('chat', x, returnType => 'STRUCT<a: INT>', failOnError => false) "
        "FROM (SELECT unnest(['good', 'bad', NULL]) AS x)"
    )
    assert rows[0] == {"response": {"a": 1}, "errorMessage": None}
    assert rows[1]["response"] is None
    assert "reply: prose" in rows[1]["errorMessage"]
    assert rows[2] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (", returnType => 'STRUCT<a: INTT>'", r"no type INTT .*character 11.*did you mean INT"),
        (", returnType => 'STRUCT<a: INT'", "'>' is expected here"),
        (", returnType => x", "must be a constant expression"),
        (", responseFormat => 'xml'", r"AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT\.DDL_STRING"),
        (', responseFormat => \'{"type":"grammar"}\'', r"AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT\.JSON_STRING"),
        (", responseFormat => 'STRUCT<a: FOO>'", "no type FOO"),
    ],
)
def test_a_wrong_constant_is_an_error_at_bind_time(script, arguments, said):
    """A type or a format that does not exist stops the query before a question, and shows the place."""
    with pytest.raises(duckdb.Error, match=said):
        script.con.execute(f"DESCRIBE SELECT ai_query('chat', x{arguments}) FROM (SELECT unnest(['q']) AS x)")
    assert script.asked == []


@pytest.mark.parametrize(
    "parameters",
    [
        "named_struct('max_tokens', 100, 'temperature', 0.1)",
        "{'temperature': 0.1, 'max_tokens': 100}",
        """'{"temperature": 0.1, "max_tokens": 100}'""",
        "MAP {'temperature': 0.1, 'max_tokens': 100}",
    ],
)
def test_model_parameters_in_every_spelling(script, parameters):
    """STRUCT, named_struct, MAP and JSON text are one set of parameters."""
    script.one(f"SELECT ai_query('chat', 'q', modelParameters => {parameters})")
    expected = {"max_tokens": 100, "temperature": 0.1}
    sent = json.loads(script.asked[0].parameters)
    assert {name: float(value) for name, value in sent.items()} == expected


def test_requests_in_every_form(script):
    """Text, a conversation and a record arrive as such; files are recognised."""
    script.all(
        "SELECT ai_query('chat', 'q'), "
        "ai_query('chat', [{'role': 'system', 'content': 's'}, {'role': 'user', 'content': 'u'}]), "
        "ai_query('custom', named_struct('x', 1, 'd', DATE '2024-01-02')), "
        "ai_query('embed', 'e'), "
        "ai_query('chat', 'see', files => '\\x89PNG\\x0D\\x0A\\x1A\\x0A'::BLOB)"
    )
    assert [(asked.form, asked.request) for asked in script.asked] == [
        (Form.TEXT, "q"),
        (Form.MESSAGES, '[{"role":"system","content":"s"},{"role":"user","content":"u"}]'),
        (Form.RECORD, '{"x":1,"d":"2024-01-02"}'),
        (Form.EMBED, "e"),
        (Form.TEXT, "see"),
    ]
    assert script.asked[-1].files == (b"\x89PNG\r\n\x1a\n",)


class TestNamedStruct:
    """named_struct as a real STRUCT."""

    @pytest.mark.parametrize("count", range(1, 17))
    def test_every_number_of_fields(self, script, count):
        """Up to 16 pairs make a STRUCT with these names, in this order."""
        pairs = ", ".join(f"'k {i}', {i}" for i in range(count))
        assert script.one(f"SELECT named_struct({pairs})") == {f"k {i}": i for i in range(count)}

    def test_values_keep_their_types(self, script):
        """Columns, lists, blobs and nested structs stay what they are, and fields can be taken."""
        assert script.type(
            "SELECT named_struct('a', x, 'b', [1.5], 'c', named_struct('d', 'x'::BLOB)) FROM range(2) t(x)"
        ) == ("STRUCT(a BIGINT, b DECIMAL(2,1)[], c STRUCT(d BLOB))")
        assert script.all("SELECT named_struct('a', x, 'b', 1).a FROM range(2) t(x)") == [0, 1]
