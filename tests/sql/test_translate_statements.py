"""Translated statements in DuckDB: what they change and return there, and what is refused by name."""

from __future__ import annotations

import pytest

from ddb_aiquery._translate import translate
from ddb_aiquery.errors import CallError

TABLES = """
CREATE TABLE t AS SELECT * FROM (VALUES (1, 'x', NULL::VARCHAR), (2, 'y', NULL)) AS v(id, review, answer);
CREATE TABLE s AS SELECT * FROM (VALUES (2, 'two'), (3, 'three')) AS v(id, answer);
CREATE TABLE x AS SELECT 1 AS id, [{'n': 1, 'w': 'a'}, {'n': 2, 'w': 'b'}] AS items, MAP {'k': 1, 'l': 2} AS m
    UNION ALL SELECT 2, [], MAP {};
"""


@pytest.fixture
def run(script):
    """Run a translated script over the tables and return the rows of its last statement."""
    script.con.execute(TABLES)
    return lambda text: script.con.execute(translate(text)).fetchall()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (
            "UPDATE t SET t.answer = ai_gen(t.review) WHERE t.id = 1; FROM t SELECT answer ORDER BY id",
            [("re: x",), (None,)],
        ),
        ("UPDATE t AS q SET q.answer = 'a', review = 'r'; SELECT DISTINCT answer, review FROM t", [("a", "r")]),
        (
            """MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.answer = s.answer
            WHEN NOT MATCHED THEN INSERT (t.id, answer) VALUES (s.id, s.answer); SELECT id, answer FROM t ORDER BY id""",
            [(1, None), (2, "two"), (3, "three")],
        ),
        (
            """MERGE INTO t AS a USING s AS b ON a.id = b.id WHEN MATCHED THEN UPDATE SET a.answer = ai_gen(b.answer);
            SELECT id, answer FROM t ORDER BY id""",
            [(1, None), (2, "re: two")],
        ),
        (
            """CREATE TABLE u (id INT, answer STRING COMMENT 'c'); MERGE INTO u USING s ON u.id = s.id
            WHEN NOT MATCHED THEN INSERT *; SELECT count(*) FROM u""",
            [(2,)],
        ),
        (
            "ALTER TABLE s ADD COLUMNS (a INT COMMENT 'c', b STRING); SELECT * FROM s WHERE id = 2",
            [(2, "two", None, None)],
        ),
        ("USE SCHEMA main; SELECT id FROM t WHERE id = 1", [(1,)]),
        ("SELECT IDENTIFIER('q.id') FROM IDENTIFIER('main.t') AS q WHERE id = 1", [(1,)]),
        ("SET VAR v = 3; SELECT getvariable('v')", [(3,)]),
        ("CREATE OR REPLACE TEMP VIEW v COMMENT 'c' AS SELECT id FROM t; SELECT * FROM v", [(1,), (2,)]),
        (
            "CREATE TEMP VIEW v (n COMMENT 'c') TBLPROPERTIES ('a' = 'b') AS SELECT id FROM t; SELECT n FROM v",
            [(1,), (2,)],
        ),
        (
            "CREATE TEMP TABLE v USING DELTA CLUSTER BY (id) COMMENT 'c' AS SELECT id FROM t; SELECT id FROM v",
            [(1,), (2,)],
        ),
        ("CREATE TABLE v (id INT) USING DELTA CLUSTER BY AUTO; SELECT count(*) FROM v", [(0,)]),
        ("CREATE TEMP FUNCTION f(a INT COMMENT 'c') RETURNS INT COMMENT 'c' RETURN a + 1; SELECT f(1)", [(2,)]),
        ("SELECT /*+ BROADCAST(s), REPARTITION(3) */ t.id FROM t JOIN s ON t.id = s.id", [(2,)]),
    ],
)
def test_a_statement_does_what_it_does_there(run, text, rows):
    """What DuckDB spells another way changes the same rows, and what changes no result is left out."""
    assert sorted(run(text), key=str) == sorted(rows, key=str)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("CREATE FUNCTION f(a INT) RETURNS STRING RETURN a + 1; SELECT f('41') || '!'", [("42!",)]),
        ("CREATE FUNCTION f(a INT) RETURNS INT RETURN a; SELECT f(CAST(7 AS BIGINT)), f(2.0)", [(7, 2)]),
        ("CREATE FUNCTION f(a DATE) RETURNS DATE RETURN a + 1; SELECT f('2026-01-01') = DATE '2026-01-02'", [(True,)]),
        ("CREATE FUNCTION f(a INT) RETURN a + 1; SELECT f('1')", [(2,)]),
        (
            "CREATE FUNCTION f(a STRING) RETURNS INT RETURN SELECT max(id) FROM t WHERE review <= f.a; SELECT f('x')",
            [(1,)],
        ),
        ("CREATE FUNCTION f() RETURNS STRING RETURN WITH q AS (SELECT 5 AS n) SELECT n FROM q; SELECT f()", [("5",)]),
        ("CREATE FUNCTION f(n INT DEFAULT 3) RETURNS INT RETURN n * 2; SELECT f(), f(4), f(n => 5)", [(6, 8, 10)]),
        (
            "CREATE FUNCTION f(a INT) RETURNS TABLE (a STRING COMMENT 'c', b DOUBLE) RETURN SELECT a, '2'; SELECT b, a FROM f('1')",
            [(2.0, "1")],
        ),
        ("CREATE FUNCTION f(n INT) RETURNS TABLE RETURN SELECT id FROM t WHERE id = n; SELECT id FROM f(2)", [(2,)]),
        (
            "CREATE FUNCTION f(r STRING) RETURNS STRING RETURN ai_gen('say ' || r); SELECT f(review) FROM t WHERE id = 1",
            [("re: say x",)],
        ),
        (
            "CREATE FUNCTION f(r STRING, n INT) RETURNS STRING RETURN array(r, upper(r))[n]; SELECT f('x', '1')",
            [("X",)],
        ),
    ],
)
def test_a_function_has_its_types(run, text, rows):
    """A function takes and returns what it declares: a value, a query's value, or the columns of a table."""
    assert run(text) == rows


def test_a_function_has_its_types_in_duckdb(run, script):
    """The result of a function has the declared type, by what DuckDB says of it."""
    run(
        "CREATE FUNCTION f(a INT) RETURNS SMALLINT RETURN a; CREATE FUNCTION g() RETURNS TABLE (d DATE) RETURN SELECT '2026-01-01'"
    )
    assert script.type("SELECT f(1)") == "SMALLINT"
    assert script.type("SELECT d FROM g()") == "DATE"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT id, a, b FROM x LATERAL VIEW inline(items) v AS a, b", [(1, 1, "a"), (1, 2, "b")]),
        (
            "SELECT id, a, b FROM x LATERAL VIEW OUTER inline(items) v AS a, b",
            [(1, 1, "a"), (1, 2, "b"), (2, None, None)],
        ),
        ("SELECT id, n, w FROM x LATERAL VIEW inline(items) v", [(1, 1, "a"), (1, 2, "b")]),
        ("SELECT x.id, v.b FROM x, LATERAL inline(x.items) AS v(a, b)", [(1, "a"), (1, "b")]),
        ("SELECT id, k, v FROM x LATERAL VIEW explode(m) e AS k, v", [(1, "k", 1), (1, "l", 2)]),
        ("SELECT id, k, v FROM x LATERAL VIEW OUTER explode(m) AS k, v", [(1, "k", 1), (1, "l", 2), (2, None, None)]),
        ("SELECT x.id, e.v FROM x, LATERAL explode(x.m) AS e(k, v)", [(1, 1), (1, 2)]),
        ("SELECT id, explode(m) AS (k, v) FROM x", [(1, "k", 1), (1, "l", 2)]),
        ("SELECT explode(map('a', 1, 'b', 2))", [("a", 1), ("b", 2)]),
        ("SELECT id, pos, col.n FROM x LATERAL VIEW posexplode(items)", [(1, 0, 1), (1, 1, 2)]),
        ("SELECT id, col.n FROM x LATERAL VIEW explode(items)", [(1, 1), (1, 2)]),
        ("SELECT id, n FROM x LATERAL VIEW inline(items)", [(1, 1), (1, 2)]),
        ("SELECT id, key, value FROM x LATERAL VIEW explode(map('a', id)) WHERE id = 1", [(1, "a", 1)]),
        ("SELECT x.id, t.p, t.i.n FROM x, LATERAL posexplode(items) AS t(p, i)", [(1, 0, 1), (1, 1, 2)]),
        ("SELECT x.id, col.n FROM x, LATERAL explode(items)", [(1, 1), (1, 2)]),
        ("SELECT x.id, w FROM x, LATERAL inline(items)", [(1, "a"), (1, "b")]),
        ("SELECT e.w FROM inline(array(named_struct('n', 1, 'w', 'a'))) AS e", [("a",)]),
        ("SELECT k, v FROM explode(map('a', 1, 'b', 2)) AS e(k, v)", [("a", 1), ("b", 2)]),
        ("SELECT id, posexplode(items) AS (p, i) FROM x", [(1, 0, {"n": 1, "w": "a"}), (1, 1, {"n": 2, "w": "b"})]),
        (
            "SELECT id, i.w, k FROM x LATERAL VIEW explode(items) AS i LATERAL VIEW explode(m) AS k, v WHERE v = 1",
            [(1, "a", "k"), (1, "b", "k")],
        ),
    ],
)
def test_values_become_the_rows_of_databricks(run, text, rows):
    """Arrays of STRUCTs and maps become rows with the names that the text gives them."""
    assert sorted(run(text), key=str) == sorted(rows, key=str)


def test_explain_is_translated(run):
    """EXPLAIN shows DuckDB's plan of the translated statement."""
    assert run("EXPLAIN SELECT `id` FROM t")
    assert run("EXPLAIN FORMATTED SELECT `id` FROM t")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("INSERT INTO t PARTITION (id = 1) SELECT 1", r"INSERT \.\.\. PARTITION .* name the columns"),
        ("INSERT OVERWRITE t SELECT 1", "CREATE OR REPLACE TABLE"),
        ("COPY INTO t FROM '/x' FILEFORMAT = CSV", "COPY .* read_files"),
        ("SET spark.sql.ansi.enabled = true", "SET spark.sql.ansi.enabled .*leave it out"),
        ("ALTER TABLE t SET TBLPROPERTIES ('a' = 'b')", "ALTER .*leave it out"),
        ("OPTIMIZE t ZORDER BY (a)", "OPTIMIZE has no counterpart in DuckDB: leave it out"),
        ("VACUUM t", "VACUUM"),
        ("REFRESH TABLE t", "REFRESH"),
        ("CACHE TABLE t", "CACHE"),
        ("UNCACHE TABLE t", "UNCACHE"),
        ("GRANT SELECT ON t TO u", "GRANT"),
        ("REVOKE SELECT ON t FROM u", "REVOKE"),
        ("ANALYZE TABLE t COMPUTE STATISTICS", "ANALYZE"),
        ("MSCK REPAIR TABLE t", "MSCK REPAIR TABLE"),
        ("RESTORE TABLE t TO VERSION AS OF 1", "RESTORE"),
        ("UNDROP TABLE t", "UNDROP"),
        ("RESET spark.x", "RESET"),
        ("SELECT 1; LIST '/x'", "LIST"),
        ("CREATE CATALOG c", "CREATE CATALOG"),
        ("CREATE TABLE a DEEP CLONE b", "CREATE TABLE"),
        ("EXECUTE IMMEDIATE 'x'", "EXECUTE IMMEDIATE"),
        ("SHOW TABLES", "need no translation"),
        ("SELECT * FROM t VERSION AS OF 3", "AS OF"),
        ("SELECT * FROM t@v3", "AS OF"),
        ("SELECT * FROM STREAM t", "STREAM .*leave it out"),
        ("SELECT * FROM STREAM(read_files('/x', format => 'csv'))", "STREAM .*leave it out"),
        ("SELECT * FROM IDENTIFIER(:t)", "IDENTIFIER .*write the name itself"),
        ("CREATE OR REFRESH MATERIALIZED VIEW v AS SELECT ai_gen(a) FROM t", "materialized view .*OR REPLACE TABLE"),
        ("CREATE OR REFRESH STREAMING TABLE v AS SELECT 1", "streaming table .*OR REPLACE TABLE"),
        ("CREATE OR REFRESH LIVE TABLE v AS SELECT 1", "CREATE LIVE .*OR REPLACE TABLE"),
        ("CREATE TABLE a SHALLOW CLONE b", r"CLONE .*AS SELECT \* FROM"),
        ("CREATE TABLE a (id BIGINT GENERATED ALWAYS AS IDENTITY)", "IDENTITY .*CREATE SEQUENCE"),
        ("SELECT ai_classify(a) FROM t", r"an argument is missing \(categories\)$"),
        ("CREATE FUNCTION f() RETURNS STRING LANGUAGE PYTHON AS $$ return 1 $$", "PYTHON .*write it in SQL"),
        ("UPDATE t SET s.f = 1", "whole columns"),
        ("SELECT * FROM t LATERAL VIEW stack(2, 1, 2) v AS k", "stack .*VALUES"),
        ("SELECT * FROM t LATERAL VIEW json_tuple(j, 'a') v AS k", "json_tuple .*j:field"),
        ("SELECT posexplode_outer(a) FROM t", "posexplode_outer"),
        ("SELECT inline(a) AS (b, c) FROM t", "LATERAL VIEW inline"),
        ("queries.sql", "no statement: 'queries.sql'"),
        ("1 + 1", "no statement"),
        ("EXPLAIN", "EXPLAIN has no counterpart"),
        ("SELECT get_json_object(x, '$.a[') FROM t", "is no path into JSON"),
    ],
)
def test_what_has_no_counterpart_is_named(text, said, capfd):
    """The error names the statement and the remedy, and nothing else is printed."""
    with pytest.raises(CallError, match=said):
        translate(text)
    assert capfd.readouterr() == ("", "")
