"""Translated values in DuckDB: elements of arrays and maps, literals, JSON, formats; each gives what Databricks gives."""

from __future__ import annotations

import pytest

from ddb_aiquery._translate import translate
from ddb_aiquery.errors import CallError

TABLES = """
CREATE TABLE t AS SELECT ['a', 'b', 'c'] AS tags, 1 AS pos, MAP {1: 'one', 2: 'two'} AS m, MAP {'k': 'v'} AS words, 'k' AS
    word, MAP {DATE '2026-01-01': 'new year'} AS days, DATE '2026-01-01' AS day, 'A "test"' AS review;
CREATE TABLE raw AS SELECT * FROM (VALUES (1, '{"f": "x", "l": [{"n": 1}]}'), (2, 'no JSON'), (3, NULL)) AS v(id, doc);
"""


@pytest.fixture
def rows(script):
    """Run translated text over the tables."""
    script.con.execute(TABLES)
    return lambda text: script.con.execute(translate(text)).fetchall()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT tags[0], tags[pos], tags[pos + 1], tags[pos - 1] FROM t", ("a", "b", "c", "a")),
        ("SELECT tags[pos - 5], tags[7], tags[NULL], get(tags, pos - 3), get(tags, 9) FROM t", (None,) * 5),
        ("SELECT m[1], m[pos], m[pos + 1], m[0], element_at(m, 2) FROM t", ("one", "one", "two", None, "two")),
        ("SELECT q.m[1] FROM (SELECT map(1, 'one', 2, 'two') AS m) q", ("one",)),
        ("WITH q AS (SELECT map(1, 'one', 2, 'two') AS m) SELECT m[2] FROM q", ("two",)),
        ("SELECT map(1, 'one', 2, 'two')[1], array('x', 'y')[1], split('x,y', ',')[0]", ("one", "y", "x")),
        ("SELECT words['k'], words[word], words[lower('K')], days[day] FROM t", ("v", "v", "v", "new year")),
        ("SELECT element_at(tags, 1), element_at(tags, -1), try_element_at(tags, 2) FROM t", ("a", "c", "b")),
        (
            "SELECT s.m[2], s.l[1][0] FROM (SELECT struct(map(2, 'two') AS m, array(array(1), array(2)) AS l) AS s)",
            ("two", 2),
        ),
        (
            "SELECT l[1][0][pos], l[pos][pos - 1][0] FROM (SELECT array(array(array(1, 2)), array(array(3, 4))) AS l, 1 AS pos)",
            (4, 3),
        ),
        ("SELECT transform(array(array(1, 2), array(3, 4)), x -> x[1])", ([2, 4],)),
        ("SELECT from_json('{\"2\": \"b\"}', 'MAP<INT, STRING>')[2], from_json('[5, 6]', 'ARRAY<INT>')[1]", ("b", 6)),
        ("SELECT (CAST(NULL AS ARRAY<INT>))[0], collect_list(pos)[0] FROM t", (None, 1)),
        (
            "SELECT tags[length(word)], tags[CAST(pos AS TINYINT)], tags[(SELECT max(pos) FROM t)] FROM t",
            ("b", "b", "b"),
        ),
        ("SELECT named_struct('m', m, 'l', tags).m[2], named_struct('m', m, 'l', tags).l[2] FROM t", ("two", "c")),
    ],
)
def test_an_element_is_the_one_of_databricks(rows, text, expected):
    """Arrays count from 0 and maps are keyed, also where only DuckDB knows which it is."""
    assert rows(text) == [expected]


@pytest.mark.parametrize(
    ("kind", "reply", "place", "expected"),
    [
        ("MAP<INT, STRING>", '{"1": "one", "2": "two"}', "[1]", "one"),
        ("ARRAY<STRING>", '["one", "two"]', "[1]", "two"),
        ("STRUCT<m: MAP<INT, INT>, l: ARRAY<INT>>", '{"m": {"1": 7}, "l": [8, 9]}', ".m[1]", 7),
        ("STRUCT<m: MAP<INT, INT>, l: ARRAY<INT>>", '{"m": {"1": 7}, "l": [8, 9]}', ".l[n]", 9),
        ("MAP<STRING, ARRAY<INT>>", '{"a": [1, 2]}', "['a'][0]", 1),
    ],
)
def test_an_element_of_an_answer(con, served, kind, reply, place, expected):
    """What a model's typed answer holds is found by the type, and asked for once."""
    served.says(reply)
    text = f"SELECT ai_query('chat', r, returnType => '{kind}'){place} FROM (SELECT 'x' AS r, 1 AS n)"
    assert con.execute(translate(text)).fetchall() == [(expected,)]
    apart = f"SELECT a{place} FROM (SELECT ai_query('chat', r, returnType => '{kind}') AS a, n FROM (SELECT 'x' AS r, 1 AS n))"
    assert con.execute(translate(apart)).fetchall() == [(expected,)]
    hidden = f"SELECT ai_query('chat', r, returnType => concat('{kind}', '')){place} FROM (SELECT 'x' AS r, 1 AS n)"
    assert con.execute(translate(hidden)).fetchall() == [(expected,)]
    assert len(served.bodies) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 'It''s a test: ' || review FROM t", 'It\'s a test: A "test"'),
        ("""SELECT "He said ""no"", it''s" """, "He said \"no\", it''s"),
        ("SELECT 'a' 'b'", "ab"),
        (r"SELECT 'it\'s', r'a\nb'", "it's"),
        ("SELECT ''''", "'"),
        ("SELECT ''", ""),
        ("SELECT concat('''', 'a', '''')", "'a'"),
    ],
)
def test_a_doubled_quote_is_a_quote(rows, text, expected):
    """A quote doubled inside a literal stands for itself."""
    assert rows(text)[0][0] == expected


def test_a_doubled_quote_reaches_the_model(con, served):
    """The prompt and the comments of a type arrive with their quotes."""
    served.says('{"a": 1}')
    kind = "STRUCT<a: INT NOT NULL COMMENT ''Ann''''s a''>"
    text = f"SELECT ai_query('chat', 'It''s a test: ' || r, {{}} => '{kind}').a FROM (SELECT 'x' AS r)"
    for argument in ("returnType", "responseFormat"):
        con.execute(translate(text.format(argument))).fetchall()
    assert "It's a test: x" in str(served.bodies[0]["messages"])
    assert "Ann's a" in str(served.bodies[-1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT from_json(doc, 'f STRING').f FROM raw ORDER BY id", ["x", None, None]),
        ("SELECT doc:f FROM raw ORDER BY id", ["x", None, None]),
        ("SELECT doc:l[0].n::INT FROM raw ORDER BY id", [1, None, None]),
        ("SELECT get_json_object(doc, '$.f') FROM raw ORDER BY id", ["x", None, None]),
        ("SELECT try_parse_json(doc):f FROM raw ORDER BY id", ["x", None, None]),
        ("SELECT parse_json(doc):f FROM raw WHERE id <> 2 ORDER BY id", ["x", None]),
        ("SELECT try_variant_get(try_parse_json(doc), '$.f', 'int') FROM raw ORDER BY id", [None] * 3),
        ("SELECT from_json('no', 'a INT').a", [None]),
        ("SELECT from_json('{\"a\": -1}', schema_of_json('{\"a\": 1}')).a", [-1]),
        ("SELECT named_struct('a', named_struct('b', 5)):a.b", ["5"]),
    ],
)
def test_a_row_that_is_no_json_is_null(rows, text, expected):
    """One bad row gives NULL and does not end the statement."""
    assert [row[0] for row in rows(text)] == expected


def test_an_example_gives_signed_numbers(con, served):
    """A number below zero fits a type that an example with a number above it gave."""
    served.says('{"name": "x", "age": -3, "n": [-1], "UBIGINT": "u"}')
    example = """schema_of_json('{"name": "x", "age": 3, "n": [1], "UBIGINT": "t"}')"""
    (row,) = con.execute(translate(f"SELECT ai_query('chat', 'x', returnType => {example})")).fetchone()
    assert row == {"name": "x", "age": -3, "n": [-1], "UBIGINT": "u"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT format_string('%s has %s, %s', 'x', 3, 1.5)", "x has 3, 1.5"),
        ("SELECT printf('%s|%s', true, array(1, 2))", "true|[1, 2]"),
        ("SELECT format_string('%s and %d', CAST(NULL AS STRING), CAST(NULL AS INT))", "null and null"),
        (
            "SELECT format_string('%05d|%-4s|%4s|%.2f|%,d|%x', 3, 'a', 'b', 1.5D, 12345, 255)",
            "00003|a   |   b|1.50|12,345|ff",
        ),
        ("SELECT format_string('%2$s %1$s %% %S%n', pos, word) FROM t", "k 1 % 1\n"),
        ("SELECT format_string('plain')", "plain"),
        ("SELECT format_string(f, 'x') FROM (SELECT '<%s>' AS f)", "<x>"),
        ("SELECT format_string('it''s %s {}', pos) FROM t", "it's 1 {}"),
    ],
)
def test_a_format_takes_any_value(rows, text, expected):
    """`%s` takes a value of any type, and a NULL is the word null."""
    assert rows(text) == [(expected,)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT concat_ws(' ', collect_list(review)) FROM t", 'A "test"'),
        ("SELECT concat_ws('-', word, tags, pos, NULL, array('d'), array()) FROM t", "k-a-b-c-1-d"),
        ("SELECT concat_ws('-', upper(word), CAST(pos AS STRING), 'z', get(tags, 0)) FROM t", "K-1-z-a"),
        ("SELECT substring('hello', 0, 2) || substr('hello', 4)", "helo"),
        ("SELECT date_add(day, 3)::STRING FROM t", "2026-01-04"),
        ("SELECT string(bigint('3') + smallint('1') + tinyint('2'))", "6"),
    ],
)
def test_a_text_is_the_one_of_databricks(rows, text, expected):
    """Arrays are joined, a substring may start at 0, and a day after a date is a date."""
    assert rows(text) == [(expected,)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT format_string('%s %s', 1)", "no value for %s"),
        ("SELECT named_struct('a', 1, 'b')", "name without a value"),
        ("SELECT get(x) FROM t", "get has too few"),
        ("SELECT printf()", "printf has too few"),
        ("SELECT from_json(x, 'a INT', map('mode', 'FAILFAST')) FROM t", "takes no options"),
    ],
)
def test_a_value_without_a_counterpart_is_named(text, said):
    """What sqlglot would drop or pass on broken is refused."""
    with pytest.raises(CallError, match=said):
        translate(text)
