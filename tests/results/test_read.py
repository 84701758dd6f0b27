"""Reply text against declared types: what is taken, what is repaired and said so, what fails and why."""

from __future__ import annotations

import json

import duckdb
import pytest

from ddb_aiquery._results.shape import shape
from ddb_aiquery._values import Answer, Failure, Kind

STRUCT = "STRUCT<a: INT, b: ARRAY<STRING>>"
AB = {"a": 1, "b": ["x"]}
AB_TEXT = json.dumps(AB)

# Each row: returnType, the reply, the value, the note.
TAKEN = [
    ("STRING", "plain text, {not json", "plain text, {not json", ""),
    (STRUCT, AB_TEXT, AB, ""),
    (STRUCT, AB_TEXT[:-1] + ', "extra": [1]}', AB, ""),
    (STRUCT, '{"a": 1}', {"a": 1, "b": None}, ""),
    (STRUCT, "null", None, ""),
    (STRUCT, f"```json\n{AB_TEXT}\n```", AB, "code fence removed"),
    (STRUCT, f"Here it is:\n{AB_TEXT}\nTell me if you need {{more}}.", AB, "text around the JSON removed"),
    (STRUCT, f"{AB_TEXT} and once more {AB_TEXT}", AB, "text around the JSON removed"),
    (STRUCT, '{"a": 1, "b": ["x",],}', AB, "trailing comma removed"),
    (STRUCT, '{"A": 1, "B": ["x"]}', AB, "key in another case"),
    (STRUCT, '{"a": "1", "b": ["x"]}', AB, "number given as text"),
    (STRUCT, '{"result": ' + AB_TEXT + "}", AB, "taken out of a wrapper"),
    (STRUCT, f"[{AB_TEXT}]", AB, "taken out of a wrapper"),
    (STRUCT, '{"a": 1, "b": "[\\"x\\"]"}', AB, "JSON given as text"),
    (STRUCT, '{"a": 1, "b": ["x\ny"]}', {"a": 1, "b": ["x\ny"]}, "control character in a text"),
    ("STRUCT<ok: BOOLEAN>", '{"ok": "Yes"}', {"ok": True}, "boolean given as text"),
    ("STRUCT<ok: BOOLEAN>", '{"ok": 0}', {"ok": False}, "boolean given as number"),
    ("STRUCT<s: STRING>", '{"s": {"deep": [1]}}', {"s": '{"deep":[1]}'}, ""),
    ("INT", "42", 42, ""),
    ("INT", "**42**", 42, "marks around the value removed"),
    ("INT", "```\n42\n```", 42, "code fence removed"),
    ("INT", '{"answer": 42}', 42, "taken out of a wrapper"),
    ("INT", "42.0", 42, ""),
    ("BIGINT", "9007199254740993", 9007199254740993, ""),
    ("HUGEINT", "170141183460469231731687303715884105727", 2**127 - 1, ""),
    ("BOOLEAN", "true", True, ""),
    ("BOOLEAN", "No.", False, "marks around the value removed"),
    ("DOUBLE", "0.1", 0.1, ""),
    ("DATE", "2024-02-29", "2024-02-29", ""),
    ("DATE", '"2024-02-29T10:00:00Z"', "2024-02-29", "time of day dropped"),
    ("TIMESTAMP", "2024-02-29T10:00:00+02:00", "2024-02-29 08:00:00", ""),
    ("TIMESTAMP", '{"at": "2024-02-29"}', "2024-02-29 00:00:00", "taken out of a wrapper"),
    ("DECIMAL(38,20)", "123456789012345678.12345678901234567890", "123456789012345678.12345678901234567890", ""),
    ("DECIMAL(33,0)", "9" * 33, "9" * 33, ""),
    ("DECIMAL(4,1)", "1.25", "1.3", ""),
    ("ENUM('low', 'high')", "High", "high", "label spelt as declared"),
    ("ENUM('1', '2')", "1", "1", ""),
    ("UUID", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ""),
    ("ARRAY<FLOAT>", "[0.5, -1.0, 2]", [0.5, -1.0, 2.0], ""),
    ("ARRAY<INT>", '{"numbers": [1, 2]}', [1, 2], "taken out of a wrapper"),
    ("FLOAT[2]", "[0.5, 1.5]", (0.5, 1.5), ""),
    ("MAP<STRING, INT>", '{"x": 1, "y": null}', {"x": 1, "y": None}, ""),
    ("MAP<INT, STRING>", '{"1": "x"}', {1: "x"}, ""),
    ("VARIANT", '{"x": [1, 2.5]}', '{"x":[1,2.5]}', ""),
    ("INTERVAL", "3 days", "3 days", ""),
    ("TIME", "10:30:00", "10:30:00", ""),
]

# Each row: returnType, the reply, and what the message says.
REFUSED = [
    (STRUCT, "I cannot help with that.", "not JSON"),
    (STRUCT, "", "not JSON"),
    (STRUCT, '{"a": 1, "b": ["x"', "not whole JSON"),
    (STRUCT, '{"x": {"a": 1, "b": []}, "y": ', "not whole JSON"),
    (STRUCT, '{"a": 1} or {"a": 2}', "2 different ones"),
    (STRUCT, '{"error": "busy", "code": 3}', "an object with 'a', 'b'"),
    (STRUCT, '{"a": "one"}', ".a is one, not INTEGER"),
    (STRUCT, '{"b": "x"}', ".b is x, not a list"),
    (STRUCT, "[1, 2]", "not an object"),
    ("STRUCT<s: STRUCT<l: ARRAY<INT>>>", '{"s": {"l": [1, 2, "x"]}}', ".s.l[3] is x"),
    ("INT", "about 42", "about 42"),
    ("INT", "1.5", "1.5"),
    ("INT", "3000000000", "3000000000"),
    ("INT", "true", "True"),
    ("INT", "9" * 5000, "AI_FUNCTION"),
    ("FLOAT", "1e39", "FLOAT"),
    ("DOUBLE", "1e999", "DOUBLE"),
    ("DECIMAL(4,2)", "100", "DECIMAL(4,2)"),
    ("BOOLEAN", "maybe", "maybe"),
    ("BOOLEAN", "2", "BOOLEAN"),
    ("DATE", "29.02.2024", "29.02.2024"),
    ("DATE", "2023-02-29", "DATE"),
    ("TIMESTAMP", "1709200800", "TIMESTAMP"),
    ("TIMESTAMP", "0001-01-01T00:00:00+10:00", "TIMESTAMP"),
    ("ENUM('low', 'high')", "medium", "one of low, high"),
    ("FLOAT[2]", "[1.0]", "a list of 2"),
    ("UUID", "12", "UUID"),
    ("MAP<INT, STRING>", '{"x": "y"}', "INTEGER"),
    ("MAP<INT, STRING>", '{"1": "y", "01": "z"}', "two keys"),
    ("VARIANT", "no json here", "not JSON"),
    ("INTERVAL", "soon", "INTERVAL"),
]


def from_json(shaped, document, as_text=False):
    """Return what DuckDB makes of a document, and the type it says."""
    structure = shaped.structure.replace("'", "''")
    value = f"from_json($document, '{structure}')"
    with duckdb.connect() as con:
        con.execute(
            f"SELECT {f'CAST({value} AS VARCHAR)' if as_text else value}, typeof({value})", {"document": document}
        )
        return con.fetchone()


@pytest.mark.parametrize(("return_type", "reply", "value", "note"), TAKEN)
def test_a_fitting_reply_is_taken(return_type, reply, value, note):
    """A reply that fits, or fits after a repair that leaves no doubt, becomes the value, and the note says what."""
    read = shape(return_type, None, True).read(Answer(reply))
    assert isinstance(read, Answer), read
    assert read.note == (f"repaired: {note}" if note else "")
    shaped = shape(return_type, None, True)
    assert from_json(shaped, shaped.document(read), isinstance(value, str))[0] == value


@pytest.mark.parametrize(("return_type", "reply", "said"), REFUSED)
def test_a_misfit_is_a_failure_of_its_row(return_type, reply, said):
    """A reply that does not fit is a CAST Failure with Databricks' name, the type, the place and the reply."""
    read = shape(return_type, None, False).read(Answer(reply))
    assert isinstance(read, Failure)
    assert read.kind is Kind.CAST
    assert read.message.startswith("[AI_FUNCTION_HTTP_PARSE_CAST_ERROR]")
    assert said in read.message
    assert "\n" not in read.message
    assert len(read.message) < 900
    assert read.text == reply


@pytest.mark.parametrize(
    "return_type", [STRUCT, "INT", "VARIANT", "ARRAY<ARRAY<INT>>", "MAP<STRING, VARIANT>", "DECIMAL"]
)
@pytest.mark.parametrize(
    "reply",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"a": {"b": ' * 50_000,
        "x" * 50_000_000,
        '"' * 150_000,
        "[1] " * 40_000,
        "{ " * 90_000,
        ", " * 90_000,
        "```" * 60_000,
        '{"a": 1' + "0" * 5_000 + "}",
        '{"a": "\\ud800", "b": ["\\ud800"]}',
        "\x00" * 1_000,
        '{"a": NaN, "b": [Infinity]}',
    ],
    ids=lambda reply: repr(reply[:12]),
)
def test_no_reply_raises(return_type, reply):
    """Deep, huge, broken and strange replies are read or fail; nothing is raised."""
    assert isinstance(shape(return_type, None, True).read(Answer(reply)), Answer | Failure)


def test_a_large_plain_text_is_taken():
    """VARCHAR has no limit of length, and keeps every character."""
    text = 'a"\n\x00\u2028' * 1_000_000
    shaped = shape(None, None, True)
    document = shaped.document(shaped.read(Answer(text)))
    assert json.loads(document) == text


@pytest.mark.parametrize("return_type", [None, STRUCT, "INT", "ARRAY<FLOAT>", "VARIANT", "MAP<STRING, INT>"])
def test_fail_on_error_false_wraps_the_type(return_type):
    """FailOnError => false gives STRUCT(response T, errorMessage VARCHAR), for answers, Failures and NULL alike."""
    shaped = shape(return_type, None, False)
    value, type_ = from_json(shaped, shaped.document(Failure(Kind.ROW, 'no "way"')))
    assert value == {"response": None, "errorMessage": 'no "way"'}
    plain = from_json(shape(return_type, None, True), "null")
    assert plain[0] is None
    assert type_ == f"STRUCT(response {plain[1]}, errorMessage VARCHAR)"
    assert shaped.document(None) is None
