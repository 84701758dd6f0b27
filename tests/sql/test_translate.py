"""Databricks SQL in, DuckDB SQL out: each translation runs over the macros."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._translate import translate
from ddb_aiquery.errors import CallError

TABLES = """
CREATE TABLE reviews AS SELECT 1 AS id, 'Great!' AS review, 'en' AS `my lang`, ['a', 'b'] AS tags, 'Paris' AS city;
CREATE TABLE raw AS SELECT '{"owner": {"name": "Ann"}, "items": [{"n": 1}, {"n": 2}]}' AS doc;
"""

# Each row: Databricks' text, and what has to stand in the translation.
TRANSLATED = [
    ('SELECT ai_query("chat", CONCAT("Sum: ", review)) AS s FROM reviews', "'Sum: ' || review"),
    ("SELECT ai_query(endpoint => 'chat', request => `my lang`) FROM reviews", 'request => "my lang"'),
    (
        "SELECT ai_query('chat', review, returnType => 'STRUCT<a: INT, b: ARRAY<STRING>>').b[0] FROM reviews",
        "returnType => 'STRUCT<a: INT, b: ARRAY<STRING>>'",
    ),
    ("SELECT ai_query('chat', review, failOnError => false).errorStatus FROM reviews", ".errorMessage"),
    (
        "SELECT ai_query('chat', 'x', modelParameters => named_struct('max_tokens', 100, 'temperature', 0.7))",
        "modelParameters => {'max_tokens': 100, 'temperature': 0.7}",
    ),
    (
        "SELECT ai_query('chat', review, responseFormat => '{\"type\":\"json_object\"}') FROM reviews",
        'responseFormat => \'{"type":"json_object"}\'',
    ),
    (
        "SELECT ai_query('chat', review, responseFormat => 'STRUCT<result: STRUCT<a: STRING>>').a FROM reviews",
        "responseFormat",
    ),
    (
        "SELECT from_json(ai_query('chat', review), 'a INT, b ARRAY<STRING>').a FROM reviews",
        """'"STRUCT(\\"a\\" INTEGER, \\"b\\" VARCHAR[])"'""",
    ),
    ("SELECT from_json(ai_query('chat', 'x'), schema_of_json('{\"a\": 1}')).a", "json_structure("),
    ("SELECT ai_query('custom', named_struct('x', id, 'y', review), returnType => 'DOUBLE') FROM reviews", "{'x': id"),
    ("SELECT ai_query('embed', review, returnType => 'ARRAY<FLOAT>') FROM reviews", "ARRAY<FLOAT>"),
    (
        "SELECT ai_query('chat', ARRAY(named_struct('role', 'user', 'content', review))) FROM reviews",
        "[{'role': 'user', 'content': review}]",
    ),
    ("SELECT ai_analyze_sentiment(review) FROM reviews", "ai_analyze_sentiment(review)"),
    ('SELECT ai_classify(review, ARRAY("good", "bad")) FROM reviews', "ai_classify(review, ['good', 'bad'])"),
    (
        """SELECT ai_classify(review, '["good", "bad"]', MAP('multilabel', 'true')):response[0]::STRING FROM reviews""",
        "->> '$.response[0]'",
    ),
    (
        "SELECT ai_extract(review, array('person', 'place')).place FROM reviews",
        "ai_extract(review, ['person', 'place'])",
    ),
    (
        """SELECT ai_extract(review, '{"n": {"type": "integer"}}'):response.n::INT FROM reviews""",
        "->> '$.response.n'",
    ),
    ("SELECT ai_fix_grammar(review), ai_gen('Hi') FROM reviews", "ai_gen('Hi')"),
    ("SELECT ai_mask(review, array('person', 'email')) FROM reviews", "['person', 'email']"),
    ("SELECT ai_similarity(review, 'Good') > 0.5 FROM reviews", "ai_similarity(review, 'Good')"),
    ("SELECT ai_summarize(review, 20), ai_summarize(review) FROM reviews", "ai_summarize(review, 20)"),
    ('SELECT ai_translate(review, "es") FROM reviews', "ai_translate(review, 'es')"),
    ("SELECT ai_agg(collect_list(review), 'themes?') FROM reviews GROUP BY city", "ai_agg(ARRAY_AGG(review)"),
    ("SELECT doc:owner.name, doc:items[0].n::int FROM raw", "->> '$.owner.name'"),
    ("SELECT doc:`owner` FROM raw", "$.owner"),
    ("SELECT variant_get(parse_json(doc), '$.items[0].n', 'int') FROM raw", "AS INT)"),
    ("SELECT get_json_object(doc, '$.owner.name') FROM raw", "->> '$.owner.name'"),
    ("SELECT explode(tags) FROM reviews", "UNNEST(tags)"),
    ("SELECT id, tag, ai_gen(tag) FROM reviews LATERAL VIEW explode(tags) t AS tag", "UNNEST(tags)"),
    ("SELECT id, pos, tag FROM reviews LATERAL VIEW posexplode(tags) t AS pos, tag", "ORDINALITY"),
    (
        "SELECT path, ai_query('chat', 'What?', files => content) FROM READ_FILES('*.nothing', format => 'binaryFile')",
        "read_blob(",
    ),
    ("CREATE OR REPLACE TEMP FUNCTION tidy(t STRING) RETURNS STRING RETURN ai_fix_grammar(t)", "ai_fix_grammar("),
    ("CREATE TABLE out AS SELECT ai_gen(review) AS g FROM reviews", "CREATE TABLE out AS"),
    ("INSERT INTO reviews (review) SELECT ai_gen('x')", "INSERT INTO reviews"),
    ("WITH a AS (SELECT review AS x FROM reviews) SELECT ai_gen(x) FROM a WHERE x RLIKE 'a'", "REGEXP_MATCHES"),
    (
        "SELECT review FROM reviews QUALIFY row_number() OVER (PARTITION BY city ORDER BY ai_gen(review)) = 1",
        "QUALIFY",
    ),
    ("SELECT transform(tags, t -> upper(t)), size(tags), array_join(tags, ',') FROM reviews", "LAMBDA"),
    ("SELECT r\"a\\nb\", 'it\\'s', IF(id > 0, nvl(city, ''), NULL), id <=> 1, current_date() FROM reviews", "it''s"),
]


FITTING = {"labels": '{"labels": ["good"]}', "sentiment": "mixed", "similarity": "0.5", "place": '{"place": null}'}


def fitting(asked):
    """Return a reply that fits what a task function, an endpoint or else most of the texts above want."""
    if asked.endpoint != "chat":
        return {"custom": "1.5", "embed": "[1.0]"}[asked.endpoint]
    wanted = asked.response_format or ""
    return next((reply for name, reply in FITTING.items() if f'"{name}"' in wanted), '{"a": 1, "b": ["x"], "n": 1}')


@pytest.mark.parametrize(("text", "part"), TRANSLATED)
def test_a_translation_runs(script, text, part, tmp_path, monkeypatch):
    """What Databricks' pages show becomes DuckDB SQL that runs over the macros, and keeps its calls."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.nothing").write_bytes(b"\x89PNG\r\n\x1a\n")
    script.con.execute(TABLES)
    script.reply = fitting
    translated = translate(text)
    assert part in translated
    script.con.execute(translated).fetchall()


# Each row: Databricks' text, and the rows that it has there.
RESULTS = [
    ("SELECT format_string('%s has %d', city, id) FROM reviews", [("Paris has 1",)]),
    ("SELECT ai_gen(format_string('%s', doc:owner.name)) FROM raw", [("re: Ann",)]),
    ("SELECT exists(tags, t -> t = 'b'), exists(tags, t -> t = 'c') FROM reviews", [(True, False)]),
    ("SELECT id FROM reviews WHERE EXISTS (SELECT 1 FROM raw)", [(1,)]),
    ("SELECT inline(from_json(doc:items, 'ARRAY<STRUCT<n: INT>>')) FROM raw", [(1,), (2,)]),
    ("SELECT id, t FROM reviews LATERAL VIEW OUTER explode(filter(tags, x -> x = 'c')) v AS t", [(1, None)]),
    ("SELECT id, t FROM reviews LATERAL VIEW explode(filter(tags, x -> x = 'c')) v AS t", []),
    ("SELECT explode_outer(tags) FROM reviews", [("a",), ("b",)]),
    ("SELECT r.id, v.t FROM reviews r, LATERAL explode(r.tags) AS v(t)", [(1, "a"), (1, "b")]),
    ("SELECT col2, col1 FROM VALUES (1, 'a'), (2, 'b')", [("a", 1), ("b", 2)]),
    ("SELECT x FROM VALUES (1), (2) AS v(x)", [(1,), (2,)]),
    ("SELECT struct(*) FROM (SELECT id, city FROM reviews) r", [({"id": 1, "city": "Paris"},)]),
    ("SELECT struct(r.*).city FROM reviews AS r", [("Paris",)]),
    ("SELECT struct(id, city AS town) FROM reviews", [({"id": 1, "town": "Paris"},)]),
    ("SELECT get(tags, 0), get(tags, id), get(tags, 7), tags[0] FROM reviews", [("a", "b", None, "a")]),
    ("SELECT try_parse_json('{'), try_parse_json('[1]')", [(None, "[1]")]),
    ('SELECT schema_of_json(\'{"a": "x"}\')', [('{"a":"VARCHAR"}',)]),
    ("SELECT city FROM reviews TABLESAMPLE (10 ROWS)", [("Paris",)]),
    (
        """CREATE FUNCTION f(t STRING COMMENT 'a', n INT DEFAULT 3) RETURNS STRING LANGUAGE SQL DETERMINISTIC COMMENT 'c'
        RETURN concat(t, n); SELECT f('a'), f('a', 4)""",
        [("a3", "a4")],
    ),
    ("CREATE FUNCTION g(n INT) RETURNS TABLE (m INT) RETURN SELECT n + 1 AS m; SELECT * FROM g(1)", [(2,)]),
    (
        """CREATE TABLE d USING DELTA COMMENT 'c' TBLPROPERTIES ('k' = 'v') PARTITIONED BY (id)
        AS SELECT * FROM reviews; SELECT id FROM d""",
        [(1,)],
    ),
]


@pytest.mark.parametrize(("text", "rows"), RESULTS)
def test_a_translation_has_databricks_rows(script, text, rows):
    """What DuckDB spells another way gives the rows that Databricks gives, inside AI functions too."""
    script.con.execute(TABLES)
    assert script.con.execute(translate(text)).fetchall() == rows


def test_results_of_a_translation(script):
    """Paths, JSON of AI functions and indexes give what Databricks gives."""
    script.con.execute(TABLES)
    script.reply = lambda asked: '{"labels": ["good"]}' if "Labels" in asked.request else '{"n": 7}'
    assert script.all(translate("SELECT doc:owner.name FROM raw")) == ["Ann"]
    assert script.all(translate("SELECT doc:items[1].n::int FROM raw")) == [2]
    assert script.all(translate("SELECT variant_get(parse_json(doc), '$.items[1].n', 'int') FROM raw")) == [2]
    classify = """SELECT ai_classify(review, '["good", "bad"]'):response[0]::STRING FROM reviews"""
    assert script.all(translate(classify)) == ["good"]
    extract = """SELECT ai_extract(review, '{"n": {"type": "integer"}}'):response.n::INT FROM reviews"""
    assert script.all(translate(extract)) == [7]


PAGE = (Path(__file__).parent.parent.parent / "examples" / "databricks.md").read_text("utf-8")
OTHERWISE = re.findall(r"(?m)^\| `(SELECT .*)` \| (.*?) \| (.*?) \|$", PAGE)


@pytest.mark.parametrize(("text", "untranslated", "translated"), OTHERWISE)
def test_what_means_something_else_without_translation(script, text, untranslated, translated):
    """Each text of the page's list gives in DuckDB, and translated, what the list says."""

    def first(sql):
        value = script.one(sql)
        return "NULL" if value is None else str(value)

    assert (first(text), first(translate(text))) == (untranslated, translated)


def test_the_list_is_read():
    """The page's list is found, and each of its texts differs."""
    assert len(OTHERWISE) > 5
    assert all(one != other for _, one, other in OTHERWISE)


def test_several_statements():
    """A script becomes a script, in order."""
    assert translate("SELECT 1; SELECT `a` FROM t;") == 'SELECT 1;\nSELECT "a" FROM t'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT x FROM WHERE", r"line 1, column \d+, at 'WHERE'"),
        ("SELECT 1,\n  2 FROM t t t t", "line 2, column"),
        ("SELECT 'open", "quote or a comment left open"),
        ("SELECT ai_parse_document(content) FROM t", r"ai_parse_document does not exist here \(line 1, column \d+\)"),
        ("SELECT *\nFROM ai_forecast(TABLE(t), horizon => 5)", r"ai_forecast .*\(line 2, column \d+\)"),
        ("SELECT * FROM read_files('x', format => 'avro')", "'avro'"),
        ("SELECT * FROM read_files('x')", "take binaryFile"),
        ("SELECT from_json(x, 'a FOO') FROM t", "no type FOO"),
        ("OPTIMIZE t ZORDER BY (a)", "OPTIMIZE"),
        ("INSERT OVERWRITE t SELECT 1", "CREATE OR REPLACE TABLE"),
        ("DECLARE VARIABLE x STRING", "SET VARIABLE"),
        ("CREATE STREAMING TABLE s AS SELECT 1", "streaming table"),
        ("SELECT struct(*) FROM t JOIN u ON t.a = u.a", "needs one table"),
        ("SELECT 1 FROM t LATERAL VIEW OUTER posexplode(a) v AS p, x", "without OUTER"),
        ("SELECT " + "(" * 5_000, "."),
    ],
)
def test_what_cannot_be_translated_says_where(text, said):
    """Text that is no Databricks SQL, or has no counterpart, is a CallError with the place and the remedy."""
    with pytest.raises(CallError, match=said):
        translate(text)


@given(st.text(max_size=40) | st.text("SELECT aifrom_json(),'\"`:->*;\n", max_size=60))
def test_no_text_breaks_it(text):
    """Any text is translated or refused with a CallError."""
    try:
        assert isinstance(translate(text), str)
    except CallError:
        return
