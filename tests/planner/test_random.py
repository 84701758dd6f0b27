"""Random queries: planned rows are the rows of plain SQL, and no more questions are asked than without the planner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, seed, settings
from planner_echo import Recorder, installed
from random_queries import queries

from ddb_aiquery._connection import AiConnection

if TYPE_CHECKING:
    import duckdb

SMALL = """
CREATE TABLE r AS
    SELECT i AS id, i % 4 AS pid, CASE WHEN i % 5 <> 0 THEN 'b' || (i % 6) END AS body, i % 3 AS stars,
           ['en', 'de', 'fr'][i % 3 + 1] AS lang
    FROM range(14) s(i);
CREATE TABLE d AS SELECT i AS pid, 't' || i AS title, 'c' || (i % 2) AS cat FROM range(5) s(i);
CREATE TABLE e AS SELECT i AS eid, 'x' || (i % 3) AS kind, i % 4 AS pid FROM range(6) s(i);
"""


class Pair:
    """A planned connection, and one on which DuckDB calls the function as it likes."""

    def __init__(self) -> None:
        self.recorder, self.other = Recorder(), Recorder()
        self.raw = installed(self.other)
        self.raw.execute(SMALL)
        planned = installed(self.recorder)
        planned.execute(SMALL)
        for connection in (self.raw, planned):
            connection.execute("SET threads = 1")  # a dozen rows; more threads only wait for each other
        self.planned = AiConnection(planned, self.recorder)

    def check(self, query: str) -> None:
        """Run a query three ways and compare."""
        try:
            expected = _rows(self.raw, query.replace("Q(", "upper("))
        except Exception:  # noqa: BLE001 (a query that DuckDB does not take says nothing about the planner)
            assume(False)
        calling = query.replace("Q(", "ai_query('e', ")
        self.recorder.forget()
        self.other.forget()
        rows = sorted(self.planned.execute(calling).fetchall(), key=repr)
        assert rows == expected
        assert _rows(self.raw, calling) == expected
        asked = {*self.recorder.asked, *self.recorder.called} - {None}
        assert len(asked) <= len(set(self.other.called) - {None}) or self.by_luck(query)

    def by_luck(self, query: str) -> bool:
        """Return whether DuckDB may ask less by luck: it proved a part empty, or met enough rows for a LIMIT first."""
        plan = self.raw.execute("EXPLAIN " + query.replace("Q(", "upper(")).fetchall()[0][1]
        return "LIMIT" in query or "Empty" in plan


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return sorted(connection.execute(query).fetchall(), key=repr)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.planned.close()


def run(pair: Pair, part: int, examples: int) -> None:
    @seed(part)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(query=queries())
    def check(query: str) -> None:
        pair.check(query)

    check()


@pytest.mark.parametrize("part", range(8))
def test_random(pair: Pair, part: int) -> None:
    """A random query has the same rows planned, called and plain, and is asked no more when planned: 2,000 queries."""
    run(pair, part, 250)


@pytest.mark.long
@pytest.mark.parametrize("part", range(8, 16))
def test_many_random(pair: Pair, part: int) -> None:
    """The same for 20,000 other queries."""
    run(pair, part, 2_500)
