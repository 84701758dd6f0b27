"""What a statement writes to is looked at before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import ddb_aiquery
from ddb_aiquery._connection import AiConnection
from ddb_aiquery.testing import ScriptedEndpoint

if TYPE_CHECKING:
    from planner_echo import Recorder

TABLES = "CREATE TABLE target (a INT, b VARCHAR); CREATE VIEW shown AS SELECT 1 AS a; CREATE SCHEMA other"
BEGUN = pytest.mark.parametrize("begun", [False, True], ids=["autocommit", "transaction"])


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE target AS SELECT ai_query('e', body) AS b FROM r",
        "CREATE TABLE main.TARGET AS SELECT ai_query('e', 'constant') AS b",
        "CREATE TABLE memory.main.\"target\" AS SELECT ai_query('e', body) AS b FROM r",
        "CREATE TABLE shown AS SELECT ai_query('e', body) AS b FROM r",
        "CREATE OR REPLACE TABLE shown AS SELECT ai_query('e', body) AS b FROM r",
        "CREATE TABLE nowhere.t AS SELECT ai_query('e', body) AS b FROM r",
        "INSERT INTO nowhere SELECT ai_query('e', body) FROM r",
        "INSERT INTO target SELECT id, ai_query('e', body), 1 FROM r",
        "INSERT INTO target (a, zz) SELECT id, ai_query('e', body) FROM r",
        "INSERT INTO target BY NAME SELECT id AS a, ai_query('e', body) AS zz FROM r",
        "INSERT INTO shown SELECT ai_query('e', body) FROM r",
        "COPY (SELECT ai_query('e', body) FROM r) TO '/no/such/folder/x.csv'",
        "COPY (SELECT ai_query('e', body) FROM r) TO 'x.foo' (FORMAT foo)",
        "COPY (SELECT ai_query('e', body) FROM r) TO 'x.csv' (BOGUS 1)",
    ],
)
@BEGUN
def test_nothing_is_asked_for_what_cannot_be_written(
    con: AiConnection, recorder: Recorder, statement: str, begun: bool
) -> None:
    """A target that is there, is not there, or does not fit is DuckDB's own error before the first call."""
    con.execute(TABLES)
    if begun:
        con.execute("BEGIN")
    with pytest.raises(
        duckdb.Error,
        match=r"already exists|Existing object|not exist|columns|column with name|an table|no|Unrecognized",
    ):
        con.execute(statement)
    assert (recorder.asked, recorder.called) == ([], [])
    if begun:
        con.execute("ROLLBACK")
    assert con.execute("SELECT ai_query('e', 'still there')").fetchall() == [("STILL THERE",)]


@BEGUN
def test_a_table_that_is_there_is_left_alone_unasked(con: AiConnection, recorder: Recorder, begun: bool) -> None:
    """CREATE TABLE IF NOT EXISTS asks where it makes the table, and nothing the second time."""
    statement = "CREATE TABLE IF NOT EXISTS made AS SELECT ai_query('e', body) AS a FROM r WHERE id IN (1, 2)"
    if begun:
        con.execute("BEGIN")
    con.execute(statement)
    assert sorted(recorder.asked) == ["b1", "b2"]
    con.execute(statement)
    con.execute("CREATE TABLE IF NOT EXISTS made AS SELECT ai_query('e', 'constant') AS a")
    assert sorted(recorder.asked) == ["b1", "b2"]
    assert con.execute("SELECT count(*) FROM made").fetchall() == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMP TABLE target AS SELECT ai_query('e', 'q') AS b",
        "CREATE TABLE other.target AS SELECT ai_query('e', 'q') AS b",
        "CREATE OR REPLACE TABLE target AS SELECT ai_query('e', 'q') AS b",
    ],
)
def test_a_name_taken_elsewhere_is_free_here(con: AiConnection, recorder: Recorder, statement: str) -> None:
    """The same name in another schema, or a table that is to be replaced, stops nothing."""
    con.execute(TABLES)
    con.execute(statement)
    assert recorder.asked == ["q"]


@BEGUN
def test_a_query_with_its_parts_before_the_insert(con: AiConnection, recorder: Recorder, begun: bool) -> None:
    """WITH may stand before INSERT, as in plain DuckDB."""
    con.execute(TABLES)
    if begun:
        con.execute("BEGIN")
    con.execute(
        "WITH q AS (SELECT id, ai_query('e', body) AS a FROM r WHERE id IN (1, 2)) INSERT INTO target SELECT * FROM q"
    )
    assert con.execute("SELECT b FROM target ORDER BY a").fetchall() == [("B1",), ("B2",)]
    assert (sorted(recorder.asked), recorder.called) == (["b1", "b2"], [])


@pytest.mark.parametrize("draw", ["nextval('numbers')", "drawn()", "(SELECT n FROM numbered)"])
@BEGUN
def test_numbers_of_a_sequence_are_drawn_once_and_stay_drawn(tmp_path: Path, draw: str, begun: bool) -> None:
    """A planned SELECT draws as often as a plain one, and a number is not given twice, not even to the next process."""
    with ScriptedEndpoint() as server:
        settings, file = server.settings("test"), str(tmp_path / "numbers.duckdb")
        with ddb_aiquery.connect(file, config=settings) as con:
            con.execute("CREATE SEQUENCE numbers; CREATE MACRO drawn() AS nextval('numbers')")
            con.execute("CREATE VIEW numbered AS SELECT nextval('numbers') AS n")
            if begun:
                con.execute("BEGIN")
            rows = con.execute(f"SELECT {draw}, ai_query('test', 'p' || i) FROM range(2) t(i)").fetchall()
            assert not con.last_outcome.unplanned
            if begun:
                con.execute("COMMIT")
        with ddb_aiquery.connect(file, config=settings) as con:
            ((following,),) = con.execute("SELECT nextval('numbers')").fetchall()
    assert {number for number, _ in rows} == set(range(1, following))


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("SET VARIABLE v = ai_query('e', 'q')", "SELECT getvariable('v')"),
        ("CREATE TYPE t AS ENUM (SELECT ai_query('e', 'q'))", "SELECT 'Q'::t::VARCHAR"),
    ],
)
@BEGUN
def test_a_statement_that_no_plan_is_made_for_calls(con: AiConnection, statement: str, check: str, begun: bool) -> None:
    """What must have its answer while DuckDB reads it is asked by the function."""
    if begun:
        con.execute("BEGIN")
    con.execute(statement)
    assert con.execute(check).fetchall() == [("Q",)]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT i FROM range(9) t(i) ORDER BY i LIMIT (SELECT length(ai_query('e', 'ab')))", [(0,), (1,)]),
        ("SELECT i FROM range(9) t(i) ORDER BY i LIMIT 2 OFFSET (SELECT length(ai_query('e', 'ab')))", [(2,), (3,)]),
        ("FROM (SELECT i FROM range(9) t(i) ORDER BY i LIMIT (SELECT length(ai_query('e', 'a'))))", [(0,)]),
        ("SELECT length(ai_query('e', 'a' || chr(0) || i)) FROM range(2) t(i)", [(3,), (3,)]),
    ],
)
def test_what_cannot_be_planned_is_right_all_the_same(con: AiConnection, query: str, rows: list[object]) -> None:
    """A LIMIT or OFFSET that is a query with a call, and a prompt with NUL, are left to the function."""
    assert con.execute(query).fetchall() == rows
    assert con.last_outcome.unplanned


def test_a_generated_column_may_call(con: AiConnection) -> None:
    """GENERATED ALWAYS AS is no query: the table is made as it is in plain DuckDB."""
    con.execute("CREATE TABLE made (a VARCHAR, b VARCHAR GENERATED ALWAYS AS (ai_query('e', a)))")
    con.execute("INSERT INTO made VALUES ('x')")
    assert con.execute("FROM made").fetchall() == [("x", "X")]


def test_pivot_over_answers(con: AiConnection) -> None:
    """PIVOT, which DuckDB runs as two statements, gives a column for each value that is there."""
    rows = con.execute(
        "PIVOT (SELECT id, ai_query('e', lang) AS l FROM r WHERE id < 3) ON id USING count(*) GROUP BY l"
    ).fetchall()
    assert sum(sum(row[1:]) for row in rows) == con.execute("SELECT count(*) FROM r WHERE id < 3").fetchall()[0][0]


@BEGUN
def test_the_error_of_a_view_is_its_own(con: AiConnection, begun: bool) -> None:
    """A wrong column in CREATE VIEW is what is said, and nothing about the transaction that it ended."""
    if begun:
        con.execute("BEGIN")
    with pytest.raises(duckdb.BinderException, match="nosuch"):
        con.execute("CREATE VIEW v AS SELECT ai_query('e', 'q'), nosuch")


@pytest.mark.parametrize("statement", ["CREATE VIEW v AS {}", "PREPARE p AS {}", "EXPLAIN {}", "{}"])
def test_estimating_calls_nothing(statement: str) -> None:
    """Neither an estimate nor a view, a PREPARE or an EXPLAIN of a constant call sends a request."""
    with ScriptedEndpoint() as server, ddb_aiquery.connect(config=server.settings("test")) as con:
        text = statement.format("SELECT ai_query('test', 'constant')")
        con.sql("SELECT 1").fetchall()
        con.estimate(text)
        if text != "SELECT ai_query('test', 'constant')":
            con.execute(text)
        assert server.requests == 0
