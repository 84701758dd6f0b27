"""A cursor is a connection of its own: its figures, its errors and its interrupts are nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import ddb_aiquery
from ddb_aiquery.errors import Cancelled
from ddb_aiquery.testing import ScriptedEndpoint

TWICE = "ai_query('test', ai_query('test', {}) || ' again')"
LAMBDA = "SELECT list_transform([{}], lambda x: {}) FROM range({}) AS s(i)"
"""No plan has calls in a lambda: DuckDB calls the function itself, from its own threads."""


class Gate:
    """An endpoint that keeps prompts with `slow` in them waiting, and says when one has come."""

    def __init__(self) -> None:
        self.came, self.go = threading.Event(), threading.Event()
        self.server = ScriptedEndpoint(self._answer)

    def _answer(self, prompt: str, _request: Any) -> str:
        if "slow" in prompt:
            self.came.set()
            self.go.wait(30)
        return prompt.upper()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Return the endpoint behind `test`."""
    made = Gate()
    with made.server:
        yield made
        made.go.set()


@pytest.fixture
def con(gate: Gate) -> Iterator[ddb_aiquery.AiConnection]:
    """Return a connection to it."""
    with ddb_aiquery.connect(config=gate.server.settings("test")) as made:
        yield made


@pytest.mark.parametrize("make", ["cursor", "duplicate"])
@pytest.mark.parametrize(
    "query", ["SELECT " + TWICE.format("'slow'"), LAMBDA.format("'slow ' || i", TWICE.format("x"), 1)]
)
def test_an_interrupt_ends_only_its_own_statement(con: Any, gate: Gate, make: str, query: str) -> None:
    """What another cursor waits for goes on; its own interrupt ends it."""
    other = getattr(con, make)()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: other.execute(query).fetchall())
        assert gate.came.wait(30)
        con.interrupt()
        gate.go.set()
        assert "AGAIN" in str(waiting.result())


def test_a_cursor_is_interrupted_by_itself(con: Any, gate: Gate) -> None:
    """The interrupt of a cursor reaches its call under way."""
    other = con.cursor()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: other.execute("SELECT ai_query('test', 'slow')").fetchall())
        assert gate.came.wait(30)
        other.interrupt()
        with pytest.raises(Cancelled):
            waiting.result()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT ai_query('test', 'o' || i) FROM range(7) AS s(i)", 7),
        (LAMBDA.format("i % 7", "ai_query('test', 'o' || x)", 250_000), 250_000),
    ],
)
def test_figures_are_the_cursors_own(con: Any, query: str, rows: int) -> None:
    """`last_run` and `last_outcome` speak of the statements of their own cursor, planned or called."""
    con.execute("SELECT ai_query('test', 'mine')").fetchall()
    mine, outcome = con.last_run, con.last_outcome
    other = con.cursor()
    other.execute(query).fetchall()
    assert (con.last_run, con.last_outcome) == (mine, outcome)
    assert (other.last_run.rows, other.last_run.questions) == (rows, 7)


def test_an_error_comes_out_where_it_happened(con: Any) -> None:
    """Two cursors whose statements fail at once, each gets its own error."""
    cursors = [con.cursor() for _ in range(4)]

    def fail(place: int) -> str:
        query = LAMBDA.format("i", f"ai_query('nosuch{place}', 'q' || x)", 1)
        with pytest.raises(ddb_aiquery.errors.AiQueryError) as raised:
            cursors[place].execute(query).fetchall()
        return str(raised.value)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            said = list(pool.map(fail, range(4)))
            assert [f"'nosuch{place}'" in text for place, text in enumerate(said)] == [True] * 4


def test_a_cursor_sees_the_same_database_and_answers(con: Any, gate: Gate) -> None:
    """Tables and answers are shared, also with a cursor of a cursor, and each has the functions by name."""
    con.execute("CREATE TABLE t AS SELECT ai_query('test', 'once') AS said")
    other = con.cursor().cursor()
    assert other.execute("SELECT said, ai_query('test', 'once'), ai_gen('once') FROM t").fetchall() == [("ONCE",) * 3]
    assert gate.server.requests == 1
