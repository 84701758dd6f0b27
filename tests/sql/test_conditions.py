"""Databricks' error conditions by name, wherever the case exists here: each of them through SQL, planned and not."""

from __future__ import annotations

import duckdb
import pytest

from ddb_aiquery.errors import AiQueryError
from ddb_aiquery.testing import Status

WRONG = (AiQueryError, duckdb.Error)
PARAMETERS = "AI_FUNCTION_INVALID_MODEL_PARAMETERS"
FORMAT = "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT"
STRUCT = "returnType => 'STRUCT<a: INT>'"

# Each row: endpoint, arguments, what the endpoint says, the condition, and a part of the message.
CONDITIONS = [
    ("chat", STRUCT, "prose", "AI_FUNCTION_HTTP_PARSE_CAST_ERROR", "STRUCT.* not JSON; reply: prose"),
    ("chat", "returnType => 'INT'", '{"a": 1}x', "AI_FUNCTION_HTTP_PARSE_CAST_ERROR", "not INTEGER"),
    (
        "chat",
        "returnType => 'INT'",
        '{"a": 1, "b": 2}',
        "AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR",
        r"2 fields \('a', 'b'\)",
    ),
    ("custom", "returnType => 'DOUBLE'", {"low": 1, "high": 2}, "AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR", "2 fields"),
    ("chat", "modelParameters => {'messages': 'x'}", "", f"{PARAMETERS}.FOUND_RESERVED_PARAMETER_NAME", "in request"),
    ("chat", "modelParameters => {'temperature': 9}", "", f"{PARAMETERS}.INVALID_NUMERIC_PARAMETER", "from 0 to 2"),
    ("chat", "modelParameters => {'stop': 1}", "", f"{PARAMETERS}.INVALID_PARAMETER_DATA_TYPE", "a list of texts"),
    (
        "chat",
        "modelParameters => {'wiggle': 1}",
        Status(400, message="Unknown parameter: 'wiggle'."),
        f"{PARAMETERS}.UNSUPPORTED_MODEL_PARAMETER",
        "modelParameters.wiggle is refused: HTTP 400",
    ),
    ("chat", "responseFormat => 'ARRAY<INT>'", "", rf"{FORMAT}\.DDL_STRING", "write 'text'"),
    ("chat", """responseFormat => '{"type": "xml"}'""", "", rf"{FORMAT}\.JSON_STRING", "json_schema"),
    ("embed", "responseFormat => 'STRUCT<a: INT>'", "", FORMAT, "only chat endpoints"),
    ("custom", "responseFormat => 'STRUCT<a: INT>'", "", FORMAT, "only chat endpoints"),
]


@pytest.mark.parametrize(("endpoint", "arguments", "reply", "condition", "said"), CONDITIONS)
def test_a_condition_has_databricks_name(con, served, endpoint, arguments, reply, condition, said):
    """The name stands in square brackets, before what is wrong and the remedy."""
    served.says(reply)
    with pytest.raises(WRONG, match=rf"\[{condition}\].*{said}"):
        con.execute(f"SELECT ai_query('{endpoint}', 'q', {arguments})").fetchall()


@pytest.mark.parametrize(
    ("endpoint", "arguments", "reply", "condition", "said"),
    [row for row in CONDITIONS if "HTTP_PARSE" in row[3] or "UNSUPPORTED_MODEL" in row[3]],
)
def test_what_concerns_one_row_stays_in_it(con, served, endpoint, arguments, reply, condition, said):
    """Under failOnError => false the same name stands in errorMessage, and the other rows have their answers."""
    good = {"INT": "1", "DOUBLE": 1.5}.get(arguments.split("'")[1], '{"a": 1}')
    served.reply = lambda prompt, _: reply if "bad" in prompt else good
    rows = con.execute(
        f"SELECT x, ai_query('{endpoint}', x, {arguments}, failOnError => false) AS r FROM (VALUES ('good'), ('bad')) t(x)"
    ).fetchall()
    found = dict(rows)
    assert found["good"]["errorMessage"] is None
    assert found["bad"]["response"] is None
    assert f"[{condition}]" in found["bad"]["errorMessage"]


@pytest.mark.parametrize("message", ["max_tokens: value is too large", "Unknown field 'colour'"])
def test_another_refusal_is_not_named_so(con, served, message):
    """A 400 about a value, or about what the call did not give, keeps the endpoint's words alone."""
    served.says(Status(400, message=message))
    with pytest.raises(WRONG, match="HTTP 400") as caught:
        con.execute("SELECT ai_query('chat', 'q', modelParameters => {'max_tokens': 5})").fetchall()
    assert "AI_FUNCTION" not in str(caught.value)


def test_files_for_an_endpoint_that_takes_none(con, served):
    """Files for an embedding or custom endpoint are refused in words, not left out in silence."""
    png = r"'\x89PNG\x0D\x0A\x1A\x0A'::BLOB"
    for endpoint in ("embed", "custom"):
        with pytest.raises(WRONG, match="only chat endpoints take files"):
            con.execute(f"SELECT ai_query('{endpoint}', 'q', files => {png})").fetchall()
    assert served.server.requests == 0
