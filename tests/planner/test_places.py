"""Calls where DuckDB takes no subquery, or evaluates what is constant while it only makes a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ddb_aiquery.errors import CallError

if TYPE_CHECKING:
    from planner_echo import Recorder

    from ddb_aiquery._connection import AiConnection

ROWS = "(VALUES (1, ai_query('e', 'x')), (2, 'y')) v(n, t)"

MERGED = """
MERGE INTO d USING (SELECT 1 AS pid, TRY(ai_query('e', 'x')) AS k) s USING (pid)
WHEN MATCHED THEN UPDATE SET title = s.k
"""


@pytest.fixture(params=["autocommit", "transaction"])
def begun(request: pytest.FixtureRequest, con: AiConnection) -> AiConnection:
    """A planned connection, also in the user's transaction: there an error of ours would abort it."""
    if request.param == "transaction":
        con.execute("BEGIN")
    return con


@pytest.mark.parametrize(
    ("statement", "check", "expected"),
    [
        ("UPDATE d SET pid = TRY(CAST(ai_query('e', title) AS INT))", "SELECT count(pid) FROM d", 0),
        ("DELETE FROM d WHERE TRY(CAST(ai_query('e', title) AS INT)) IS NULL", "SELECT count(*) FROM d", 0),
        ("INSERT INTO d SELECT 77, TRY(ai_query('e', 'x')), 'c'", "SELECT title FROM d WHERE pid = 77", "X"),
        ("INSERT INTO d VALUES (77, TRY(ai_query('e', 'x')), 'c')", "SELECT title FROM d WHERE pid = 77", "X"),
        ("INSERT INTO d VALUES (77, ai_query('e', 'x'), DEFAULT)", "SELECT title FROM d WHERE pid = 77", "X"),
        (MERGED, "SELECT title FROM d WHERE pid = 1", "X"),
        ("SELECT ai_query('e', TRY(ai_query('e', 'x')))", "SELECT 1", 1),
        (
            "INSERT INTO d SELECT 77, ai_query('e', body), lang FROM r WHERE id > 0 ORDER BY id LIMIT 1 RETURNING title",
            "SELECT title FROM d WHERE pid = 77",
            "B1",
        ),
    ],
)
def test_a_call_where_no_subquery_may_stand(begun: AiConnection, statement: str, check: str, expected: Any) -> None:
    """TRY takes no look-up and VALUES with DEFAULT is no query: both run all the same."""
    begun.execute(statement).fetchall()
    assert begun.execute(check).fetchall() == [(expected,)]


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT t FROM {ROWS} WHERE n = 1",
        f"CREATE TABLE made AS SELECT t FROM {ROWS}",
        "CREATE TABLE made AS VALUES (ai_query('e', 'x'))",
        f"INSERT INTO d SELECT n, t, t FROM {ROWS}",
        f"UPDATE d SET title = t FROM {ROWS} WHERE n = pid",
    ],
)
def test_values_of_constant_calls(begun: AiConnection, recorder: Recorder, statement: str) -> None:
    """A row of VALUES may call, in whatever statement it stands."""
    begun.execute(statement).fetchall()
    assert begun.last_outcome.unplanned == ""
    assert (recorder.asked, recorder.called) == (["x"], [])


@pytest.mark.parametrize("before", ["EXPLAIN", "PREPARE p AS", "DESCRIBE", "CREATE VIEW w AS"])
def test_values_of_constant_calls_are_only_read(begun: AiConnection, recorder: Recorder, before: str) -> None:
    """What only shows or keeps a statement asks nothing, even where its plan holds nothing but constants."""
    begun.execute(f"{before} SELECT t FROM {ROWS}").fetchall()
    assert recorder.asked == recorder.called == []


CONSTANT = "FROM unnest([ai_query('e', 'x'), 'Y']) t(w)"


def test_a_table_function_of_a_constant_call(con: AiConnection, recorder: Recorder) -> None:
    """DuckDB itself calls what a table function is given."""
    assert con.execute(f"SELECT w {CONSTANT}").fetchall() == [("X",), ("Y",)]
    assert set(recorder.called) == {"x"}


@pytest.mark.parametrize("before", ["EXPLAIN", "PREPARE p AS", "DESCRIBE", "CREATE VIEW w AS"])
def test_a_table_function_of_a_constant_call_cannot_be_only_read(
    begun: AiConnection, recorder: Recorder, before: str
) -> None:
    """What may ask nothing says what to write instead."""
    with pytest.raises(CallError, match=r"let unnest\(ai_query\(...\)\) stand behind SELECT"):
        begun.execute(f"{before} SELECT w {CONSTANT}")
    assert recorder.asked == recorder.called == []


def test_exists_beside_a_model_filter_and_a_limit(begun: AiConnection, recorder: Recorder) -> None:
    """EXISTS is asked for the rows that are left by the filter and the LIMIT."""
    exists = "EXISTS (SELECT 1 FROM e WHERE e.pid = r.pid AND ai_query('e', kind) = 'X1')"
    rows = begun.execute(f"SELECT id, {exists} FROM r WHERE ai_query('e', lang) = 'EN' ORDER BY id LIMIT 1").fetchall()
    assert rows == [(0, True)]
    assert sorted(recorder.asked) == ["de", "en", "x0", "x1", "x2"]


def test_a_limit_above_unnested_answers(begun: AiConnection, recorder: Recorder) -> None:
    """How many rows there are is an answer's to say, so it is asked before the LIMIT is looked at."""
    answers = "(SELECT id, ai_query('e', lang) AS a FROM r WHERE id < 5) s, unnest(['p', ai_query('e', a)]) t(w)"
    rows = begun.execute(f"SELECT count(*) FROM (SELECT id FROM {answers} LIMIT 3) s WHERE true").fetchall()
    assert rows == [(3,)]
    assert begun.last_outcome.unplanned == ""
    assert sorted(recorder.asked) == ["DE", "EN", "FR", "de", "en", "fr"]


def test_unnested_answers_and_a_model_filter(begun: AiConnection, recorder: Recorder) -> None:
    """Answers are unnested of the rows that another question has left."""
    unnested = "unnest(['p', ai_query('e', body)]) t(w)"
    rows = begun.execute(f"SELECT w FROM r, {unnested} WHERE id < 9 AND ai_query('e', lang) = 'EN' AND w <> 'p'")
    assert sorted(rows.fetchall()) == [("B3",), ("B6",)]
    assert sorted(recorder.asked) == ["b3", "b6", "de", "en", "fr"]


def test_groups_above_a_limit_of_groups_of_answers(begun: AiConnection, recorder: Recorder) -> None:
    """Which groups there are is only known once those below the LIMIT are, also where nothing but their number is read."""
    inner = "SELECT ai_query('e', lang) AS a, ai_query('e', min(body)) AS b FROM r GROUP BY ALL ORDER BY ALL LIMIT 2"
    outer = f"SELECT left(a, 0) AS k, count(b) AS n FROM ({inner}) s GROUP BY ALL HAVING count(*) > 1"
    assert begun.execute(outer).fetchall() == [("", 2)]
    assert begun.last_outcome.unplanned == ""
    assert begun.execute(f"SELECT count(*) FROM ({outer})").fetchall() == [(1,)]
    assert recorder.called == []


def test_the_description_is_the_last_statements(con: AiConnection) -> None:
    """After several statements, the names are those of the rows that are open."""
    assert con.execute("SELECT ai_query('e', 'x') AS a; SELECT 1 AS b").fetchall() == [(1,)]
    assert [name for name, *_ in con.description] == ["b"]
