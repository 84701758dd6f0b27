"""Answers that do not fit in memory: they stay on disk where only the final run reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ddb_aiquery._connection import AiConnection
from ddb_aiquery._planner.spill import IN_MEMORY

if TYPE_CHECKING:
    from planner_echo import Recorder

LETTERS, ROWS = 100_000, 400
assert LETTERS * ROWS * 2 > IN_MEMORY
TABLE = f"CREATE TABLE long AS SELECT i, i || repeat('x', {LETTERS}) AS p FROM range({ROWS}) r(i)"
LENGTHS = (ROWS, sum(len(str(i)) + LETTERS for i in range(ROWS)))
LEFTOVERS = "SELECT view_name FROM duckdb_views() WHERE NOT internal UNION ALL SELECT table_name FROM duckdb_tables()"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(a), sum(length(a)) FROM (SELECT ai_query('e', p) AS a FROM long)",
        "SELECT count(a), sum(length(a)) FROM (SELECT ai_query('e', p) AS a FROM long WHERE ai_query('e', p) > '')",
        "WITH a AS (SELECT ai_query('e', p) AS a FROM long) SELECT count(x.a), sum(length(y.a)) FROM a x JOIN a y USING (a)",
        "SELECT count(ai_query('e', a)), sum(length(a)) FROM (SELECT ai_query('e', p) AS a FROM long)",
    ],
    ids=["one stage", "a predicate first", "read twice", "an answer asked about"],
)
def test_many_answers(con: AiConnection, recorder: Recorder, query: str) -> None:
    """They are found whether one step reads them or several, and nothing is left of them."""
    con.execute(TABLE)
    before = con.raw.execute(LEFTOVERS).fetchall()
    assert con.execute(query).fetchall() == [LENGTHS]
    assert con.last_outcome.unplanned == ""
    assert recorder.called == []
    assert con.raw.execute(LEFTOVERS).fetchall() == before


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_many_answers_in_the_users_transaction(con: AiConnection, end: str) -> None:
    """They leave the transaction as they found it, also where the statement fails."""
    con.execute(TABLE)
    con.execute("BEGIN")
    con.execute("CREATE TABLE answers AS SELECT ai_query('e', p) AS a FROM long")
    assert con.execute("SELECT count(a), sum(length(a)) FROM answers").fetchall() == [LENGTHS]
    con.execute(end)
    assert con.execute(LEFTOVERS + " ORDER BY ALL").fetchall()[0] == (("answers",) if end == "COMMIT" else ("d",))


def test_a_failure_after_many_answers(con: AiConnection) -> None:
    """A statement that fails in its final run lets go of them too."""
    con.execute(TABLE)
    before = con.raw.execute(LEFTOVERS).fetchall()
    with pytest.raises(Exception, match="too long"):
        con.execute("SELECT if(length(ai_query('e', p)) > 9, error('too long'), 1) FROM long").fetchall()
    assert con.raw.execute(LEFTOVERS).fetchall() == before
    assert con.execute("SELECT 42").fetchall() == [(42,)]


def test_a_half_read_result_over_many_answers(con: AiConnection) -> None:
    """A result that is not read to its end lets go of them when the next statement runs."""
    con.execute(TABLE)
    row: Any = con.execute("SELECT ai_query('e', p) FROM long ORDER BY i").fetchone()
    assert len(row[0]) == LETTERS + 1
    assert con.execute("SELECT 42").fetchall() == [(42,)]
