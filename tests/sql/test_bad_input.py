"""What is written wrongly: an error at bind time where DuckDB can know, else before a question, and it says where."""

from __future__ import annotations

import duckdb
import pytest

import ddb_aiquery
from ddb_aiquery._duckdb_errors import in_our_words
from ddb_aiquery.errors import AiQueryError, CallError

ROWS = "FROM (SELECT unnest(['q', 'r']) AS x, unnest(['INT', 'DATE']) AS kind)"
WRONG = (AiQueryError, duckdb.Error)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("returnType => 'STRUCT<a: INTT>'", r"no type INTT \(type text, character 11\): did you mean INT\?"),
        ("returnType => 'STRUCT<a: INT'", r"'>' is expected here \(type text, character 14\)"),
        ("returnType => 'STRUCT<a: INT, A: INT>'", r"two fields 'A' \(type text, character 16\)"),
        ("returnType => 'ARRAY<>'", r"A type is expected here \(type text, character 7\)"),
        ("returnType => 'MAP<STRUCT<a: INT>, INT>'", r"MAP's key must be a plain value \(type text, character 5\)"),
        ("returnType => 'DECIMAL(40, 2)'", r"DECIMAL\(40, 2\) does not exist \(type text, character 9\)"),
        ("returnType => 'INT INT INT'", r"Unexpected 'INT' after the type \(type text, character 9\)"),
        ("returnType => 'BLOB'", r"cannot have the type BLOB .*take STRING and decode"),
        ("returnType => ''", "The type is empty"),
        ("""returnType => '{"a": "INTT"}'""", "no type INTT"),
        ("""returnType => '{"a": "INT"'""", r"malformed JSON.*\(type text, character 12\)"),
        ("""returnType => '{"a": 1}'""", "has 1 for a type"),
        ("""returnType => '{"type": "object", "properties": {}}'""", "write 'JSON SCHEMA"),
        ("returnType => 42", "returnType must be a constant text, not int"),
        ("responseFormat => 42", "responseFormat must be a constant text, not int"),
        ("responseFormat => 'STRUCT<a: FOO>'", r"no type FOO \(type text, character 11\)"),
        ("responseFormat => 'xml'", r"AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT\.DDL_STRING"),
        ("""responseFormat => '{"type": "grammar"}'""", r"AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT\.JSON_STRING"),
    ],
)
def test_a_wrong_type_is_an_error_when_the_query_is_bound(con, served, arguments, said):
    """DESCRIBE refuses it already, with the place in the type's text, and nothing is asked."""
    for text in ("DESCRIBE SELECT", "SELECT"):
        sql = f"{text} ai_query('chat', x, {arguments}) {ROWS}"
        with pytest.raises(CallError, match=said), in_our_words(sql):
            con.execute(sql).fetchall()
    assert served.server.requests == 0


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("ai_query('chat', x, returnType => kind)", "returnType must be a constant (line 1, column 42)"),
        ("ai_query('chat', x,\n  responseFormat := kind)", "responseFormat must be a constant (line 2, column 21)"),
        ("ai_query('chat', x, failOnError => x = 'q')", "failOnError must be a constant (line 1, column 43)"),
        ("ai_query('chat', x, returnType => 'IN' || kind)", "returnType, responseFormat, failOnError and the labels"),
        ("ai_query('chat', x, kind)", "returnType, responseFormat, failOnError and the labels of ai_extract must be"),
        ("ai_query('chat', x, returnType => (SELECT 'INT'))", "returnType must be a constant (line 1, column 42)"),
        ("ai_extract(x, [kind])", "the labels of ai_extract must be a constant"),
        ("ai_extract(x, labels => kind)", "labels must be a constant (line 1, column 32)"),
    ],
)
def test_a_type_that_is_no_constant_is_an_error_when_the_query_is_bound(con, served, call, place):
    """A type from a row is refused before a question; what DuckDB says of it is put into our words, with the place."""
    sql = f"SELECT {call} {ROWS}"
    with pytest.raises(CallError) as caught, in_our_words(sql):
        con.execute(sql).fetchall()
    assert place in str(caught.value)
    assert "getvariable" in str(caught.value)
    assert served.server.requests == 0


def test_a_variable_may_hold_the_type(con, served):
    """SET VARIABLE before the query makes a type that is known when it is bound."""
    served.says("7")
    con.execute("SET VARIABLE kind = 'INT'")
    assert con.execute(f"SELECT ai_query('chat', x, returnType => getvariable('kind')) {ROWS}").fetchall() == [(7,)] * 2


def test_another_error_stays_as_it_is():
    """What DuckDB says of other things is not ours to put in words."""
    sql = "SELECT nothing_such(1)"
    with pytest.raises(duckdb.CatalogException), in_our_words(sql):
        duckdb.connect().execute(sql)


@pytest.mark.parametrize("value", ["'yes'", "1", "NULL"])
def test_fail_on_error_is_a_boolean(con, served, value):
    """Anything but true and false is refused, since text would pass for true."""
    with pytest.raises(WRONG, match="failOnError is .*: give true or false"):
        con.execute(f"SELECT ai_query('chat', x, failOnError => {value}) {ROWS}").fetchall()
    assert served.server.requests == 0


@pytest.mark.parametrize(("endpoint", "said"), [("NULL", "is NULL"), ("3", "is 3")])
def test_an_endpoint_is_named_by_a_text(con, served, endpoint, said):
    """What was given in place of the name is said."""
    with pytest.raises((CallError, duckdb.Error), match=f"endpoint {said}: give the name"):
        con.execute(f"SELECT ai_query({endpoint}, 'q')").fetchall()
    assert served.server.requests == 0


def test_complete_takes_a_list(served):
    """One text is no list of prompts: its letters would be asked one by one."""
    with pytest.raises(CallError, match="put it into a list"):
        ddb_aiquery.complete("chat", "abc", config=served.settings())
    assert served.server.requests == 0
