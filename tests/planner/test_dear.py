"""Rows that DuckDB took long to find are kept for the next stage."""

from __future__ import annotations

import pytest
from planner_echo import DATA, Recorder, installed

from ddb_aiquery._planner import Planner, Statement

QUERIES = [
    "SELECT id, ai_query('e', body) AS a FROM r WHERE ai_query('e', lang) = 'EN' ORDER BY id",
    "SELECT title, ai_query('e', kind) FROM d JOIN e USING (pid) WHERE ai_query('e', title) < 'T3' ORDER BY ALL",
    "SELECT ai_query('e', ai_query('e', lang)) AS l, count(*) FROM r GROUP BY l ORDER BY l",
    "SELECT x.a FROM (SELECT id, ai_query('e', body) AS a FROM r WHERE ai_query('e', lang) = 'EN') x ORDER BY x.id DESC",
]


@pytest.mark.parametrize("query", QUERIES)
def test_dear_rows_are_found_once(query: str) -> None:
    """However long finding them takes, the questions, the rows, their names and types are the same."""
    results = []
    for dear in (1000.0, 0.0):
        recorder = Recorder()
        connection = installed(recorder)
        connection.execute(DATA)
        finish = Planner(connection, recorder, dear).run(Statement(query))
        rows, described = connection.fetchall(), connection.description
        finish()
        results.append((rows, described, sorted(recorder.asked), recorder.called, finish.outcome.unplanned))
        assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall() == [(0,)]
    assert results[0] == results[1]
    assert results[0][0]
