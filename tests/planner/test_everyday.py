"""Everyday queries ask exactly what they need and give what plain SQL gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from planner_echo import Recorder

    from ddb_aiquery._connection import AiConnection

OBJECTS = """
CREATE VIEW v AS SELECT id, ai_query('e', body) AS a FROM r;
CREATE MACRO shout(x) AS ai_query('e', x);
CREATE MACRO loud(n) AS TABLE SELECT id, ai_query('e', body) AS a FROM r WHERE id < n;
"""
PLAIN = """
CREATE VIEW v AS SELECT id, upper(body) AS a FROM r;
CREATE MACRO shout(x) AS upper(x);
CREATE MACRO loud(n) AS TABLE SELECT id, upper(body) AS a FROM r WHERE id < n;
"""


@dataclass(frozen=True)
class Everyday:
    name: str
    query: str
    needs: str

    @property
    def calling(self) -> str:
        return self.query.replace("Q(", "ai_query('e', ")

    @property
    def plain(self) -> str:
        return self.query.replace("Q(", "upper(")


def everyday() -> list[Everyday]:
    """Read the table of queries."""
    blocks = (Path(__file__).parent / "everyday.txt").read_text().split("\n\n")[1:]
    listed = []
    for block in blocks:
        name, query, *rest = block.strip().splitlines()
        needs = rest[0].removeprefix("needs ") if rest else "SELECT '' WHERE false"
        listed.append(Everyday(name, query, needs))
    return listed


def test_there_are_at_least_a_hundred() -> None:
    """The table holds what issue 3 asks for, each under a name of its own."""
    assert len({one.name for one in everyday()}) == len(everyday()) >= 100


@pytest.mark.parametrize("one", everyday(), ids=lambda one: one.name)
def test_everyday(one: Everyday, con: AiConnection, recorder: Recorder) -> None:
    """A query asks what any evaluation must ask, nothing else, and has plain SQL's rows, names, types and order."""
    con.raw.execute(PLAIN)
    expected = con.raw.execute(one.plain).fetchall()
    types = [column[1] for column in con.raw.description or ()]
    needed = {row[0] for row in con.raw.execute(one.needs).fetchall()} - {None}
    con.raw.execute("DROP VIEW v; DROP MACRO shout; DROP MACRO TABLE loud;")
    con.execute(OBJECTS)
    names = [row[0] for row in con.execute(f"DESCRIBE {one.calling}").fetchall()]
    recorder.forget()

    rows = con.execute(one.calling).fetchall()

    assert con.last_outcome.unplanned == ""
    assert sorted(recorder.asked) == sorted(needed)
    assert recorder.called == []
    ordered = "ORDER BY" in one.query.rpartition(")")[2]
    assert (rows if ordered else sorted(rows, key=repr)) == (expected if ordered else sorted(expected, key=repr))
    assert [column[0] for column in con.description] == names
    assert [column[1] for column in con.description] == types


@pytest.mark.parametrize("one", everyday(), ids=lambda one: one.name)
def test_the_estimate_of_everyday(one: Everyday, con: AiConnection, recorder: Recorder) -> None:
    """An estimate asks nothing and says exactly what the query will ask, or an upper limit, or that there is more, and which."""
    con.execute(OBJECTS)
    estimate = con.estimate(one.calling)
    assert recorder.asked == recorder.called == []
    con.execute(one.calling).fetchall()
    asked = len(recorder.asked)
    if not estimate.is_endless:
        assert estimate.questions >= asked if estimate.bound else estimate.questions == asked
