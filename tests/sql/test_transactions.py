"""Calls inside a transaction that the user has begun."""

from __future__ import annotations

from typing import Any

import pytest

TABLE_FUNCTION = "FROM unnest([ai_query('chat', 'a'), 'b'])"
"""Its arguments are evaluated while DuckDB binds it."""
GROUPED = "SELECT ai_query('chat', p) AS a FROM one GROUP BY ALL HAVING ai_query('chat', p) <> ''"
"""DuckDB takes no subquery in the place of its calls."""
HIDDEN = "SELECT (SELECT max(v) FROM (VALUES (ai_query('chat', p))) AS t(v)) AS v FROM one"
"""A query that EXPLAIN (SQL) cannot show."""


@pytest.mark.parametrize("query", [HIDDEN, TABLE_FUNCTION, "SELECT ai_agg(list(p), 'In a word?') FROM one"])
def test_a_query_that_cannot_be_shown_leaves_the_transaction_alive(con: Any, query: str) -> None:
    """What the planner cannot take apart runs as it is, and the transaction goes on."""
    con.execute("CREATE TABLE one AS SELECT 'p' AS p")
    con.execute("BEGIN")
    con.execute("INSERT INTO one VALUES ('q')")
    rows = con.execute(query).fetchall()
    assert rows
    assert all(value is not None for (value,) in rows)
    con.execute("COMMIT")
    assert con.execute("SELECT count(*) FROM one").fetchall() == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        f"MERGE INTO one USING ({GROUPED}) s ON one.p = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        "UPDATE one SET p = ai_query('chat', p) WHERE p = 'p'",
        "DELETE FROM one WHERE ai_query('chat', p) = 'nothing'",
        "MERGE INTO one USING (SELECT ai_query('chat', 'x') AS a) s ON one.p = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
    ],
)
def test_a_change_by_answers_is_part_of_the_transaction(con: Any, statement: str) -> None:
    """UPDATE, DELETE and MERGE call within BEGIN, and ROLLBACK undoes them."""
    con.execute("CREATE TABLE one AS SELECT 'p' AS p")
    con.execute("BEGIN")
    con.execute(statement)
    assert con.execute("SELECT count(*) FROM one").fetchall()[0][0] >= 1
    con.execute("ROLLBACK")
    assert con.execute("FROM one").fetchall() == [("p",)]
