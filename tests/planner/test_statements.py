"""Every kind of statement through a planned connection: what it asks, what it leaves, what it says when it fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from ddb_aiquery._connection import AiConnection

if TYPE_CHECKING:
    from planner_echo import Recorder

LEFTOVERS = """
SELECT table_name FROM duckdb_tables() WHERE temporary
UNION ALL SELECT view_name FROM duckdb_views() WHERE temporary AND NOT internal
"""


def leftovers(con: AiConnection) -> list[Any]:
    return con.raw.execute(LEFTOVERS).fetchall()


@pytest.mark.parametrize(
    ("statement", "asked", "check", "expected"),
    [
        (
            "CREATE TABLE x AS SELECT id, ai_query('e', body) AS a FROM r WHERE id IN (1, 2)",
            ["b1", "b2"], "FROM x ORDER BY id", [(1, "B1"), (2, "B2")],
        ),
        (
            "CREATE OR REPLACE TEMP TABLE d AS SELECT ai_query('e', lang) AS a FROM r LIMIT 1",
            ["en"], "FROM temp.d", [("EN",)],
        ),
        (
            "INSERT INTO d SELECT id, ai_query('e', body), 'c9' FROM r WHERE id = 20 + 1",
            ["b1"], "SELECT title FROM d WHERE cat = 'c9'", [("B1",)],
        ),
        (
            "INSERT INTO d (pid, title) VALUES (77, ai_query('e', 'new'))",
            ["new"], "SELECT title FROM d WHERE pid = 77", [("NEW",)],
        ),
        (
            "INSERT INTO d BY NAME SELECT ai_query('e', body) AS title, 78 AS pid FROM r ORDER BY id LIMIT 1 OFFSET 1",
            ["b1"], "SELECT title FROM d WHERE pid = 78", [("B1",)],
        ),
        (
            "UPDATE d SET title = ai_query('e', title) WHERE cat = 'c1' AND pid < 5",
            ["t1", "t4"], "SELECT title FROM d WHERE pid < 5 ORDER BY pid",
            [("t0",), ("T1",), ("t2",), ("t3",), ("T4",)],
        ),
        (
            "UPDATE d SET cat = ai_query('e', kind) FROM e WHERE d.pid = e.eid AND e.eid > 8",
            ["x0"], "SELECT cat FROM d WHERE pid = 9", [("X0",)],
        ),
        (
            "DELETE FROM d WHERE pid > 6 AND ai_query('e', title) = 'T8'",
            ["t7", "t8", "t9"], "SELECT pid FROM d WHERE pid > 6 ORDER BY pid", [(7,), (9,)],
        ),
        (
            "WITH c AS (SELECT 1 AS pid) SELECT ai_query('e', title) FROM d JOIN c USING (pid)",
            ["t1"], "SELECT 1", [(1,)],
        ),
    ],
)  # fmt: skip
def test_a_statement_that_changes_something_asks_what_it_needs(
    con: AiConnection, recorder: Recorder, statement: str, asked: list[str], check: str, expected: list[Any]
) -> None:
    """CREATE TABLE AS, INSERT, UPDATE and DELETE ask about the rows they touch and do what plain SQL does."""
    con.execute(statement).fetchall()
    assert con.last_outcome.unplanned == ""
    assert (sorted(recorder.asked), recorder.called) == (asked, [])
    assert con.execute(check).fetchall() == expected


def test_merge(con: AiConnection, recorder: Recorder) -> None:
    """MERGE inserts and updates with answers."""
    con.execute(
        "MERGE INTO d USING e ON d.pid = e.eid WHEN MATCHED THEN UPDATE SET cat = ai_query('e', kind) "
        "WHEN NOT MATCHED THEN INSERT VALUES (e.eid, ai_query('e', kind), 'new')"
    )
    assert con.execute("SELECT count(*) FROM d WHERE cat LIKE 'X%'").fetchall() == [(10,)]
    assert con.execute("SELECT title FROM d WHERE cat = 'new' ORDER BY pid").fetchall() == [("X1",), ("X2",)]
    assert set(recorder.asked) | set(recorder.called) == {"x0", "x1", "x2"}


def test_a_change_is_seen_by_other_connections_at_once(con: AiConnection) -> None:
    """A statement that writes has ended its transaction when execute returns, and still tells its count."""
    con.execute("INSERT INTO d SELECT 50, ai_query('e', 'x'), 'c'")
    with con.cursor() as other:
        assert other.execute("SELECT count(*) FROM d WHERE pid = 50").fetchall() == [(1,)]
    assert con.fetchall() == [(1,)]


def test_returning(con: AiConnection) -> None:
    """RETURNING gives the rows after the statement has been committed."""
    con.execute("INSERT INTO d SELECT 51, ai_query('e', 'x'), 'c' RETURNING pid, title")
    assert [column[0] for column in con.description] == ["pid", "title"]
    assert con.fetchall() == [(51, "X")]


def test_copy(con: AiConnection, recorder: Recorder, tmp_path: Path) -> None:
    """COPY (query) TO writes answers; COPY of a table is DuckDB's own."""
    file = tmp_path / "a b.csv"
    con.execute(f"COPY (SELECT id, ai_query('e', body) AS a FROM r WHERE id IN (1, 2)) TO '{file}' (HEADER)")
    assert file.read_text().splitlines() == ["id,a", "1,B1", "2,B2"]
    assert sorted(recorder.asked) == ["b1", "b2"]


@pytest.mark.parametrize(
    "statement",
    [
        "EXPLAIN SELECT ai_query('e', body) FROM r",
        "EXPLAIN SELECT ai_query('e', 'constant')",
        "DESCRIBE SELECT ai_query('e', body), ai_query('e', 'constant') FROM r",
        "PREPARE p AS SELECT ai_query('e', body) FROM r WHERE id = ?",
        "PREPARE p AS SELECT ai_query('e', 'constant')",
        "CREATE VIEW w AS SELECT ai_query('e', body), ai_query('e', 'constant') FROM r",
        "CREATE MACRO m(x) AS ai_query('e', x)",
        "SELECT ai_query('e', body) FROM r LIMIT 0",
        "CREATE TABLE x AS SELECT ai_query('e', body) AS a FROM r WITH NO DATA",
    ],
)
def test_what_needs_no_answer_asks_nothing(con: AiConnection, recorder: Recorder, statement: str) -> None:
    """EXPLAIN, DESCRIBE, PREPARE, CREATE VIEW, LIMIT 0 and WITH NO DATA call nothing."""
    con.execute(statement).fetchall()
    assert recorder.asked == recorder.called == []


def test_explain_shows_the_stages(con: AiConnection) -> None:
    """EXPLAIN begins with the stages and their questions, and DuckDB's plan follows."""
    rows = con.execute(
        "EXPLAIN SELECT ai_query('e', body) FROM r WHERE ai_query('e', lang) = 'DE' AND id < 6"
    ).fetchall()
    assert rows[0][0] == "ai_plan"
    assert rows[0][1].splitlines() == ["stage 1: 3 questions in 6 rows", "stage 2: at most 5 questions in 5 rows"]
    assert len(rows) > 1


def test_explain_analyze_really_runs(con: AiConnection, recorder: Recorder) -> None:
    """EXPLAIN ANALYZE asks, and shows how much."""
    rows = con.execute("EXPLAIN ANALYZE SELECT ai_query('e', lang) FROM r WHERE id < 2").fetchall()
    assert rows[0][1] == "stage 1: 2 questions"
    assert sorted(recorder.asked) == ["de", "en"]


def test_estimate(con: AiConnection, recorder: Recorder) -> None:
    """estimate counts rows and distinct questions and asks nothing; later stages are said to be bounds."""
    exact = con.estimate("SELECT ai_query('e', lang) FROM r WHERE id < ?", [6])
    assert (exact.rows, exact.questions, exact.bound) == (6, 3, False)
    bound = con.estimate("SELECT ai_query('e', body) FROM r WHERE ai_query('e', lang) = 'DE' AND id < 6")
    assert (bound.questions, bound.bound) == (8, True)
    unknown = con.estimate("SELECT list_transform([lang], lambda x: ai_query('e', x)) FROM r")
    assert unknown.is_endless
    assert unknown.note.startswith("unplanned")
    assert con.estimate("SELECT 1").questions == 0
    assert recorder.asked == recorder.called == []
    assert leftovers(con) == []


def test_parameters(con: AiConnection, recorder: Recorder) -> None:
    """Positional and named parameters reach calls and filters."""
    assert con.execute("SELECT ai_query('e', ? || body) FROM r WHERE id = ?", ["a ", 1]).fetchall() == [("A B1",)]
    assert con.execute("SELECT ai_query('e', $x) AS v", {"x": "q"}).fetchall() == [("Q",)]
    assert recorder.asked == ["a b1", "q"]


def test_prepare_and_execute(con: AiConnection, recorder: Recorder) -> None:
    """EXECUTE is planned with its arguments."""
    con.execute("PREPARE ask AS SELECT ai_query('e', body) FROM r WHERE id = $1 OR id = $2")
    assert sorted(con.execute("EXECUTE ask(1, 2)").fetchall()) == [("B1",), ("B2",)]
    con.execute("PREPARE named AS SELECT ai_query('e', $word) AS a")
    assert con.execute("EXECUTE named(word := 'hi')").fetchall() == [("HI",)]
    assert sorted(recorder.asked) == ["b1", "b2", "hi"]


def test_executemany(con: AiConnection, recorder: Recorder) -> None:
    """executemany runs a planned statement for each set of parameters."""
    con.executemany("INSERT INTO d SELECT ?, ai_query('e', ?), 'many'", [[60, "a"], [61, "b"]])
    assert con.execute("SELECT title FROM d WHERE cat = 'many' ORDER BY pid").fetchall() == [("A",), ("B",)]
    assert recorder.asked == ["a", "b"]


def test_several_statements(con: AiConnection, recorder: Recorder) -> None:
    """Statements of one text run one after the other, each planned, and the last result is open."""
    rows = con.execute(
        "CREATE TABLE x AS SELECT ai_query('e', 'a;b') AS v; INSERT INTO x VALUES ('c'); "
        "SELECT ai_query('e', v || '!') AS w FROM x ORDER BY w"
    ).fetchall()
    assert rows == [("A;B!",), ("C!",)]
    assert sorted(recorder.asked) == ["A;B!", "a;b", "c!"]


def test_relations_are_lazy_and_composable(con: AiConnection, recorder: Recorder) -> None:
    """con.sql asks nothing; what is read in the end decides what is asked."""
    relation = con.sql("SELECT id, lang, ai_query('e', body) AS a FROM r")
    assert recorder.asked == []
    assert relation.columns == ["id", "lang", "a"]
    assert len(relation.limit(5).fetchall()) == 5
    assert len(recorder.asked) == 4  # one of the five bodies is NULL
    recorder.forget()
    assert relation.filter("lang = 'de' AND id < 5").order("id").fetchall() == [(1, "de", "B1"), (4, "de", "B4")]
    assert sorted(recorder.asked) == ["b1", "b4"]
    recorder.forget()
    assert relation.project("id").limit(2).fetchall() == [(0,), (1,)]
    assert recorder.asked == []


def test_relations_give_every_form(con: AiConnection, tmp_path: Path) -> None:
    """fetchone, Arrow, files, tables and the display read planned answers."""
    relation = con.sql("SELECT id, ai_query('e', body) AS a FROM r WHERE id IN (1, 2) ORDER BY id")
    assert relation.fetchone() == (1, "B1")
    assert relation.fetchone() == (2, "B2")
    assert relation.fetchone() is None
    assert relation.to_arrow_table()["a"].to_pylist() == ["B1", "B2"]
    assert "B2" in repr(relation)
    relation.to_parquet(str(tmp_path / "a.parquet"))
    assert con.execute(f"SELECT a FROM '{tmp_path}/a.parquet' ORDER BY id").fetchall() == [("B1",), ("B2",)]
    relation.create("made")
    assert con.execute("SELECT count(*) FROM made").fetchall() == [(2,)]


def test_a_relation_over_a_relation(con: AiConnection, recorder: Recorder) -> None:
    """A query over a Python variable that is a relation is planned as one."""
    first = con.sql("SELECT id, ai_query('e', body) AS a FROM r")
    assert con.sql("SELECT a FROM first WHERE id = 1").fetchall() == [("B1",)]
    assert con.execute("SELECT a FROM first WHERE id = 1").fetchall() == [("B1",)]
    assert set(recorder.asked) >= {"b1"}
    assert first is not None


def test_python_objects(con: AiConnection, recorder: Recorder) -> None:
    """Arrow tables, readers that can be read once, and registered objects are planned like tables."""
    words = pa.table({"w": ["x", "y", "x"]})
    assert con.execute("SELECT ai_query('e', w) FROM words WHERE w <> 'y'").fetchall() == [("X",), ("X",)]
    reader = words.to_reader()
    assert len(con.execute("SELECT ai_query('e', w) FROM reader").fetchall()) == 3
    con.register("registered", words)
    assert len(con.execute("SELECT ai_query('e', w) FROM registered LIMIT 2").fetchall()) == 2
    assert con.execute("SELECT count(*) FROM registered").fetchall() == [(3,)]
    assert con.sql("SELECT ai_query('e', w) AS a FROM words").limit(1).fetchall() == [("X",)]
    assert recorder.called == []
    assert reader is not None


def test_syntax_errors_are_duckdbs(con: AiConnection) -> None:
    """A wrong statement fails with DuckDB's message, its line and its place."""
    for text in ("SELEC ai_query('e', body) FROM r", "SELECT ai_query('e', nope) FROM r"):
        with pytest.raises(duckdb.Error) as planned:
            con.execute(text)
        with pytest.raises(duckdb.Error) as plain:
            con.raw.execute(text)
        assert str(planned.value) == str(plain.value)


def test_an_engine_error_arrives_as_it_was_raised(con: AiConnection, recorder: Recorder) -> None:
    """An error of a call reaches the caller unwrapped, planned or not, and the connection works on."""

    def refuse(request: str) -> str:
        raise LookupError(f"no answer for {request}")

    answer, recorder.answer = recorder.answer, refuse
    with pytest.raises(LookupError, match="no answer for b1"):
        con.execute("SELECT ai_query('e', body) FROM r WHERE id = 1")
    with pytest.raises(LookupError, match="no answer for en"):
        con.execute("SELECT list_transform([lang], lambda x: ai_query('e', x)) FROM r").fetchall()
    recorder.answer = answer
    assert leftovers(con) == []
    assert con.execute("SELECT ai_query('e', body) FROM r WHERE id = 1").fetchall() == [("B1",)]
    assert con.raw.execute("SELECT ai_query('e', 'x')").fetchall() == [("X",)]


def test_a_failing_write_changes_nothing(con: AiConnection, recorder: Recorder) -> None:
    """A statement that fails while asking leaves no table, no row and no temporary object."""
    recorder.answer = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        con.execute("CREATE TABLE x AS SELECT ai_query('e', body) AS a FROM r")
    assert leftovers(con) == []
    assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'x'").fetchall() == [(0,)]


def test_the_users_transaction(con: AiConnection, recorder: Recorder) -> None:
    """Within BEGIN, planned statements are part of the transaction and leave nothing in it."""
    con.execute("BEGIN")
    con.execute("INSERT INTO d SELECT 70, ai_query('e', 'in'), 'tx'")
    assert con.execute("SELECT ai_query('e', title) FROM d WHERE pid = 70").fetchall() == [("IN",)]
    assert leftovers(con) == []
    con.execute("ROLLBACK")
    assert con.execute("SELECT count(*) FROM d WHERE pid = 70").fetchall() == [(0,)]
    con.begin()
    con.execute("INSERT INTO d SELECT 71, ai_query('e', 'kept'), 'tx'")
    con.commit()
    assert con.execute("SELECT title FROM d WHERE pid = 71").fetchall() == [("KEPT",)]
    assert recorder.asked == ["in", "IN", "kept"]


def test_a_failed_call_within_the_users_transaction(con: AiConnection, recorder: Recorder) -> None:
    """When the engine fails, what the user did before in the transaction is still there to be committed."""
    con.execute("BEGIN")
    con.execute("INSERT INTO d VALUES (72, 'mine', 'tx')")
    answer, recorder.answer = recorder.answer, lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        con.execute("SELECT ai_query('e', body) FROM r")
    recorder.answer = answer
    assert con.execute("SELECT ai_query('e', title) FROM d WHERE pid = 72").fetchall() == [("MINE",)]
    con.execute("COMMIT")
    assert con.execute("SELECT count(*) FROM d WHERE pid = 72").fetchall() == [(1,)]
    assert leftovers(con) == []


def test_a_half_read_result(con: AiConnection) -> None:
    """A result that is not read to its end leaves nothing behind when the next statement runs."""
    first = con.execute("SELECT id, ai_query('e', body) AS a FROM r ORDER BY id").fetchone()
    assert first == (0, None)
    assert con.fetchmany(2) == [(1, "B1"), (2, "B2")]
    assert con.execute("SELECT 1").fetchall() == [(1,)]
    assert leftovers(con) == []


def test_names_like_the_planners(con: AiConnection, recorder: Recorder) -> None:
    """User tables and columns named like internals, or with quotes in their names, are safe."""
    con.execute("CREATE TABLE \"__ai_answers\" AS SELECT 1 AS call, 'q' AS request, 2 AS files, 3 AS document")
    con.execute('CREATE TABLE "we""ird; --" AS SELECT \'q\' AS "a""b", \'z\' AS a1, 5 AS __ai_c1, 6 AS rowid_')
    assert con.execute("SELECT ai_query('e', request), call, document FROM \"__ai_answers\"").fetchall() == [
        ("Q", 1, 3)
    ]
    assert con.execute(
        'SELECT ai_query(\'e\', "a""b" || a1) AS "c""d", __ai_c1 FROM "we""ird; --" ORDER BY 2 LIMIT 1'
    ).fetchall() == [("QZ", 5)]
    assert [column[0] for column in con.description] == ['c"d', "__ai_c1"]
    assert con.execute("SELECT ai_query('e', 'it''s; -- \"') AS a").fetchall() == [("IT'S; -- \"",)]
    assert recorder.called == []


def test_what_cannot_be_planned_runs(con: AiConnection, recorder: Recorder) -> None:
    """Calls in lambdas and in recursive CTEs run through the function."""
    assert con.execute("SELECT list_transform([lang], lambda x: ai_query('e', x)) FROM r WHERE id = 1").fetchall() == [
        (["DE"],)
    ]
    assert "lambda" in con.last_outcome.unplanned
    rows = con.execute(
        "WITH RECURSIVE n AS (SELECT 'a' AS x UNION ALL SELECT ai_query('e', x || 'b') FROM n WHERE length(x) < 3) FROM n"
    ).fetchall()
    assert sorted(rows) == [("AB",), ("ABB",), ("a",)]
    assert recorder.asked == []


def test_endpoints_and_parameters_from_columns(con: AiConnection, recorder: Recorder) -> None:
    """Arguments that vary by row are part of what an answer is found by."""
    rows = con.execute(
        "SELECT id, ai_query(lang, 'same', modelParameters => {'n': stars % 2}) AS a FROM r WHERE id < 6 ORDER BY id"
    ).fetchall()
    assert [row[1] for row in rows] == ["SAME"] * 6
    assert len(recorder.asked) == 5  # (fr, 0) twice


def test_volatile_rows_are_drawn_once(con: AiConnection) -> None:
    """Rows that differ at every evaluation are kept: the answer beside a row is that row's answer."""
    rows = con.execute("SELECT x, ai_query('e', x) FROM (SELECT 'r' || random() AS x FROM range(5))").fetchall()
    assert [answer for _, answer in rows] == [x.upper() for x, _ in rows]
    sample = con.execute("SELECT body, ai_query('e', body) FROM r USING SAMPLE 5").fetchall()
    assert all(answer == (body and body.upper()) for body, answer in sample)
    assert len(sample) == 5


def test_ties_do_not_lose_answers(con: AiConnection) -> None:
    """A LIMIT that cuts through equal rows shows each of its rows with its answer."""
    rows = con.execute(
        "SELECT body, ai_query('e', body) FROM r WHERE body IS NOT NULL ORDER BY stars LIMIT 7"
    ).fetchall()
    assert [answer for _, answer in rows] == [body.upper() for body, _ in rows]


def test_a_limit_after_a_model_filter_stops_early(con: AiConnection, recorder: Recorder) -> None:
    """`WHERE model LIMIT n` asks about growing runs of rows, not about all."""
    con.execute("CREATE TABLE big AS SELECT i, 'q' || i AS q FROM range(10000) s(i)")
    rows = con.execute("SELECT i FROM big WHERE ai_query('e', q) LIKE '%0' LIMIT 5").fetchall()
    assert rows == [(0,), (10,), (20,), (30,), (40,)]
    assert len(recorder.asked) <= 2 * 41
    recorder.forget()
    assert con.execute("SELECT i FROM big WHERE ai_query('e', q) LIKE '%0' LIMIT 2 OFFSET 1").fetchall() == [
        (10,),
        (20,),
    ]
    assert len(recorder.asked) <= 2 * 21


def test_cursors_plan(con: AiConnection, recorder: Recorder) -> None:
    """A cursor is a planned connection of its own."""
    raw = con.cursor()
    assert isinstance(raw, AiConnection)
    raw.close()
    assert recorder.asked == []


def test_other_attributes_are_duckdbs(con: AiConnection) -> None:
    """What the planner does not touch is passed on."""
    assert con.table("d").fetchall()[0] == (0, "t0", "c0")
    assert con.execute("SELECT 1 AS a").fetchnumpy()["a"].tolist() == [1]
    assert con.begin() is con
    assert con.rollback() is con
    with pytest.raises(AttributeError):
        _ = con.no_such_thing
