"""Section 1.2 of the contract, row by row, over the whole engine: through `connect` (planned) and `register` (not)."""

from __future__ import annotations

import duckdb
import pytest

from ddb_aiquery.errors import CastError

AB = {"a": 1, "b": ["x"]}
AB_TEXT = '{"a": 1, "b": ["x"]}'
AB_TYPE = "STRUCT(a INTEGER, b VARCHAR[])"
SCHEMA = """'{"type":"json_schema","json_schema":{"name":"ab","schema":{"type":"object"}}}'"""
ROWS = "FROM (SELECT unnest(['one', 'two', 'one']) AS x)"

# Each row: the arguments after endpoint and request, the reply, the result's type, its value.
CALLS = [
    ("", "hello", "VARCHAR", "hello"),
    (", returnType => 'STRUCT<a: INT, b: ARRAY<STRING>>'", AB_TEXT, AB_TYPE, AB),
    (", returnType => 'a INT, b ARRAY<STRING>'", AB_TEXT, AB_TYPE, AB),
    (", 'STRUCT(a INTEGER, b VARCHAR[])'", AB_TEXT, AB_TYPE, AB),
    (""", returnType => '{"a": "INTEGER", "b": ["VARCHAR"]}'""", AB_TEXT, AB_TYPE, AB),
    (", returnType => 'INT'", "42", "INTEGER", 42),
    (", returnType => 'MAP<STRING, DECIMAL(10,2)>'", '{"k": 1.5}', "MAP(VARCHAR, DECIMAL(10,2))", None),
    (", responseFormat => 'STRUCT<a: INT, b: ARRAY<STRING>>'", AB_TEXT, AB_TYPE, AB),
    (", responseFormat => 'STRUCT<r: STRUCT<a: INT, b: ARRAY<STRING>>>'", AB_TEXT, AB_TYPE, AB),
    (", responseFormat => 'STRUCT<r: STRUCT<a: INT, b: ARRAY<STRING>>>'", f'{{"r": {AB_TEXT}}}', AB_TYPE, AB),
    (", responseFormat => 'STRUCT<a: INT>'", '{"a": 1}', "STRUCT(a INTEGER)", {"a": 1}),
    (", responseFormat => 'text'", AB_TEXT, "VARCHAR", AB_TEXT),
    (""", responseFormat => '{"type":"json_object"}'""", AB_TEXT, "VARCHAR", AB_TEXT),
    (f", responseFormat => {SCHEMA}", AB_TEXT, "VARCHAR", AB_TEXT),
    (f", responseFormat => {SCHEMA}, returnType => 'a INT, b ARRAY<STRING>'", AB_TEXT, AB_TYPE, AB),
]


@pytest.mark.parametrize(("arguments", "reply", "kind", "value"), CALLS)
@pytest.mark.parametrize("safe", [False, True], ids=["", "failOnError"])
def test_a_call_has_its_type_and_value(con, served, arguments, reply, kind, value, safe):
    """DESCRIBE shows the type without a question; two questions answer three rows; failOnError => false wraps all."""
    served.says(reply)
    arguments += ", failOnError => false" if safe else ""
    call = f"SELECT ai_query('chat', x{arguments}) AS r {ROWS}"
    kind = f"STRUCT(response {kind}, errorMessage VARCHAR)" if safe else kind
    assert con.execute(f"DESCRIBE {call}").fetchall()[0][1] == kind
    assert served.server.requests == 0
    values = [row[0] for row in con.execute(call).fetchall()]
    assert served.server.requests == 2
    if safe:
        assert [found["errorMessage"] for found in values] == [None] * 3
        values = [found["response"] for found in values]
    if value is not None:
        assert values == [value] * 3


@pytest.mark.parametrize("arguments", [call[0] for call in CALLS if call[2] != "VARCHAR"])
def test_a_failed_row_has_its_reason_in_every_type(con, served, arguments):
    """A reply that fits no type leaves `response` NULL and says why, and its neighbours stand."""
    good = next(call[1] for call in CALLS if call[0] == arguments)
    served.reply = lambda prompt, _: good if prompt == "one" else "no such thing"
    rows = con.execute(f"SELECT x, ai_query('chat', x{arguments}, failOnError => false) AS r {ROWS}").fetchall()
    for x, found in rows:
        assert (found["response"] is None) == (x == "two")
        assert ("AI_FUNCTION_HTTP_PARSE_CAST_ERROR" in (found["errorMessage"] or "")) == (x == "two")
    with pytest.raises(Exception, match=r"AI_FUNCTION_HTTP_PARSE_CAST_ERROR.*no such thing"):
        con.execute(f"SELECT ai_query('chat', x{arguments}) {ROWS}").fetchall()


@pytest.mark.parametrize(
    "arguments", ["", ", returnType => 'STRUCT<a: INT>'", ", failOnError => false", ", files => NULL"]
)
@pytest.mark.parametrize("request_", ["NULL", "NULL::VARCHAR", "NULL::STRUCT(role VARCHAR, content VARCHAR)[]"])
def test_a_null_request_asks_nothing(con, served, request_, arguments):
    """NULL gives NULL, nothing is sent, whatever else is given."""
    call = f"SELECT ai_query('chat', {request_}{arguments})"
    assert con.execute(call).fetchall() == [(None,)]
    assert con.execute(f"{call} FROM range(3)").fetchall() == [(None,)] * 3
    assert served.server.requests == 0


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("ai_query('chat', NULL)", "VARCHAR"),
        ("ai_query('chat', NULL, failOnError => false)", "STRUCT(response VARCHAR, errorMessage VARCHAR)"),
        ("ai_query('chat', NULL, returnType => 'INT')", "INTEGER"),
        ("ai_query('chat', NULL, returnType => 'VARIANT')", "JSON"),
        ("ai_query('chat', NULL, returnType => 'ARRAY<STRUCT<a: INT>>')", "STRUCT(a INTEGER)[]"),
        ("ai_gen(NULL)", "VARCHAR"),
        ("ai_classify(NULL, ['a', 'b'])", "VARCHAR"),
        ("ai_extract(NULL, ['a', 'b'])", "STRUCT(a VARCHAR, b VARCHAR)"),
        ("ai_similarity(NULL, 'a')", "FLOAT"),
    ],
)
def test_a_table_of_nulls_has_the_declared_types(con, served, call, kind):
    """A constant NULL keeps the type of the call, so that the table takes rows of it later."""
    con.execute(f"CREATE TABLE of_nulls AS SELECT {call} AS x")
    assert con.execute("SELECT data_type FROM duckdb_columns() WHERE table_name = 'of_nulls'").fetchall() == [(kind,)]
    assert con.execute("FROM of_nulls").fetchall() == [(None,)]
    assert served.server.requests == 0


def test_a_conversation_arrives_as_messages(con, served):
    """A LIST of STRUCT(role, content), of a column or a constant, is the whole conversation."""
    conversation = "[{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': x}]"
    found = con.execute(f"SELECT ai_query('chat', {conversation}) {ROWS}").fetchall()
    assert found == [("echo: one",), ("echo: two",), ("echo: one",)]
    con.execute("SELECT ai_query('chat', [named_struct('role', 'user', 'content', 'only')])").fetchall()
    assert sorted(tuple((m["role"], m["content"]) for m in body["messages"]) for body in served.bodies) == [
        (("system", "Be brief."), ("user", "one")),
        (("system", "Be brief."), ("user", "two")),
        (("user", "only"),),
    ]


def test_a_record_goes_to_a_custom_endpoint(con, served):
    """A STRUCT is one record of `dataframe_records`, the reply is taken from `predictions`, and it has its type."""
    served.says({"price": 12.5})
    call = "SELECT ai_query('custom', named_struct('city', x, 'rooms', 3), returnType => 'STRUCT<price: DOUBLE>')"
    assert con.execute(f"DESCRIBE {call} {ROWS}").fetchall()[0][1] == "STRUCT(price DOUBLE)"
    assert con.execute(f"{call} {ROWS}").fetchall() == [({"price": 12.5},)] * 3
    assert {str(body["dataframe_records"]) for body in served.bodies} == {
        "[{'city': 'one', 'rooms': 3}]",
        "[{'city': 'two', 'rooms': 3}]",
    }
    served.says(7)
    assert con.execute("SELECT ai_query('custom', 5, returnType => 'INT')").fetchall() == [(7,)]
    assert con.execute("SELECT ai_query('custom', {'k': 'v'})").fetchall() == [("7",)]


def test_a_record_is_refused_by_a_chat_endpoint(con, served):
    """A STRUCT for a chat endpoint says what to do, and under failOnError => false says it in its row."""
    with pytest.raises(Exception, match="which only a custom endpoint takes"):
        con.execute(f"SELECT ai_query('chat', {{'city': x}}) {ROWS}").fetchall()
    rows = con.execute(f"SELECT ai_query('chat', {{'city': x}}, failOnError => false) AS r {ROWS}").fetchall()
    assert all("custom endpoint" in found["errorMessage"] for (found,) in rows)
    assert served.server.requests == 0


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (", returnType => 'ARRAY<FLOAT>'", "FLOAT[]"),
        (", 'FLOAT[]'", "FLOAT[]"),
        (", returnType => 'FLOAT[8]'", "FLOAT[8]"),
        (", returnType => 'ARRAY<DOUBLE>', failOnError => false", "STRUCT(response DOUBLE[], errorMessage VARCHAR)"),
        ("", "VARCHAR"),
    ],
)
def test_an_embedding_has_its_type(con, served, arguments, kind):
    """An embedding endpoint's vector is FLOAT[], or the type that is asked for, and equal texts have one vector."""
    call = f"SELECT ai_query('embed', x{arguments}) {ROWS}"
    assert con.execute(f"DESCRIBE {call}").fetchall()[0][1] == kind
    first, other, again = (row[0] for row in con.execute(call).fetchall())
    assert first == again != other
    assert {body["input"] for body in served.bodies} == {"one", "two"}


def test_arguments_by_position_and_by_either_sign(con, served):
    """Position, => and := are one call, and one question."""
    served.says("1")
    spellings = [
        "ai_query('chat', 'q', 'INT', true, {'seed': 1})",
        "ai_query('chat', 'q', returnType => 'INT', modelParameters => named_struct('seed', 1))",
        "ai_query(endpoint := 'chat', request := 'q', failOnError := true, modelParameters := {'seed': 1}, returnType := 'INT')",
    ]
    for spelling in spellings:
        assert con.execute(f"SELECT {spelling}").fetchall() == [(1,)]
    assert served.server.requests == 1


@pytest.mark.parametrize(
    ("call", "reply", "kind", "value"),
    [
        ("ai_gen(x)", "hi", "VARCHAR", "hi"),
        ("ai_analyze_sentiment(x)", {"sentiment": "mixed"}, "VARCHAR", "mixed"),
        ("ai_classify(x, ['p', 'q'])", {"labels": ["q"]}, "VARCHAR", "q"),
        (
            """ai_classify(x, '["p", "q"]')""",
            {"labels": ["q"]},
            "STRUCT(response VARCHAR[], error_message VARCHAR)",
            {"response": ["q"], "error_message": None},
        ),
        ("ai_extract(x, ['who'])", {"who": "Ann"}, "STRUCT(who VARCHAR)", {"who": "Ann"}),
        (
            """ai_extract(x, '{"n": {"type": "integer"}}')""",
            {"n": 3},
            "STRUCT(response STRUCT(n BIGINT), error_message VARCHAR)",
            {"response": {"n": 3}, "error_message": None},
        ),
        ("ai_fix_grammar(x)", "It is.", "VARCHAR", "It is."),
        ("ai_mask(x, ['person'])", "[MASKED]", "VARCHAR", "[MASKED]"),
        ("ai_similarity(x, 'other')", {"similarity": 0.5}, "FLOAT", 0.5),
        ("ai_summarize(x)", "Short.", "VARCHAR", "Short."),
        ("ai_summarize(x, max_words => 9)", "Short.", "VARCHAR", "Short."),
        ("ai_translate(x, 'de')", "Hallo", "VARCHAR", "Hallo"),
        ("ai_filter('is it?', x)", {"holds": True}, "BOOLEAN", True),
        ("ai_agg([x], 'join')", "all", "VARCHAR", "all"),
    ],
)
def test_a_task_function_has_its_type_and_value(con, served, call, reply, kind, value):
    """Every task function has Databricks' type, asks one question for each text, and none for NULL."""
    served.says(reply)
    assert con.execute(f"DESCRIBE SELECT {call} {ROWS}").fetchall()[0][1].replace('"', "") == kind
    assert con.execute(f"SELECT {call} {ROWS}").fetchall() == [(value,)] * 3
    assert served.server.requests == 2
    nothing = call.replace("[x]", "[x]::VARCHAR[]")
    assert con.execute(f"SELECT {nothing} FROM (SELECT unnest([NULL::VARCHAR]) AS x)").fetchall() == [(None,)]
    assert served.server.requests == 2


@pytest.mark.parametrize("table", ["ai_endpoints()", "ai_usage()", "ai_cache()", "ai_errors()"])
def test_the_tables_can_be_used_in_any_query(con, table):
    """Each table function stands in FROM, in a subquery, in a CTE and in a join."""
    con.execute("SELECT ai_query('chat', 'q')").fetchall()
    (count,) = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert con.execute(f"SELECT (SELECT count(*) FROM {table})").fetchone() == (count,)
    joined = f"WITH a AS (FROM {table}) SELECT count(*) FROM a LEFT JOIN {table} b ON false"
    assert con.execute(joined).fetchone() == (count,)


def test_errors_come_as_duckdb_gives_them_or_as_our_own(con, served):
    """Planned, an error is the class of the tree; unplanned, DuckDB's with our class and text in it."""
    served.says("prose")
    with pytest.raises((CastError, duckdb.InvalidInputException)) as caught:
        con.execute("SELECT ai_query('chat', 'q', returnType => 'INT')").fetchall()
    assert "endpoint 'chat': [AI_FUNCTION_HTTP_PARSE_CAST_ERROR]" in str(caught.value)
    assert "the reply is kept: change the prompt" in str(caught.value)
    assert isinstance(caught.value, CastError) or "CastError" in str(caught.value)
