"""Calls above a GROUP BY, in an order of its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from planner_echo import Recorder

    from ddb_aiquery._connection import AiConnection


@pytest.mark.parametrize("order", ["lang", "lang DESC", "upper(lang), 1", "lang || 'x'"])
def test_a_limit_of_groups_asks_for_those_groups(con: AiConnection, recorder: Recorder, order: str) -> None:
    """`GROUP BY text ORDER BY text LIMIT 1` asks one question, whatever is made of the key."""
    query = f"SELECT lang, Q(max(body)) AS a FROM r GROUP BY lang ORDER BY {order} LIMIT 1"
    expected = con.raw.execute(query.replace("Q(", "upper(")).fetchall()
    assert con.execute(query.replace("Q(", "ai_query('e', ")).fetchall() == expected
    assert [asked.upper() for asked in recorder.asked] == [expected[0][1]]


def test_aggregates_that_depend_on_the_order_are_planned_in_an_order_of_keys(
    con: AiConnection, recorder: Recorder
) -> None:
    """Their rows are kept, so that each group is asked once and shown with that answer, in the order wanted."""
    query = "SELECT lang, Q(string_agg(body ORDER BY id)) AS a FROM r GROUP BY lang ORDER BY lang DESC"
    expected = con.raw.execute(query.replace("Q(", "upper(")).fetchall()
    assert con.execute(query.replace("Q(", "ai_query('e', ")).fetchall() == expected
    assert con.last_outcome.unplanned == ""
    assert len(recorder.asked) == len([answer for _, answer in expected if answer])


@pytest.mark.parametrize(
    ("query", "needs"),
    [
        ("SELECT lang, max(Q(body)) AS a FROM r GROUP BY lang ORDER BY lang LIMIT 1", "lang = 'de'"),
        (
            "SELECT lang, stars, max(Q(body)) AS a FROM r GROUP BY ALL ORDER BY stars, lang LIMIT 1",
            "lang = 'de' AND stars = 0",
        ),
        ("SELECT lang, stars, max(Q(body)) AS a FROM r GROUP BY ALL ORDER BY stars LIMIT 2", "true"),
    ],
)
def test_aggregates_of_answers_are_asked_for_the_groups_that_a_limit_leaves(
    con: AiConnection, recorder: Recorder, query: str, needs: str
) -> None:
    """Where the order tells all groups apart; where groups are equal in it, any may be left, and all are asked."""
    expected = con.raw.execute(query.replace("Q(", "upper(")).fetchall()
    found = con.execute(query.replace("Q(", "ai_query('e', ")).fetchall()
    needed = con.raw.execute(f"SELECT DISTINCT body FROM r WHERE {needs} AND body IS NOT NULL").fetchall()
    if needs != "true":
        assert found == expected
    assert sorted(recorder.asked) == sorted(body for (body,) in needed)
