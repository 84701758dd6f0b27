"""What an estimate looks at: every statement, and the statement inside EXPLAIN ANALYZE and EXECUTE."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint


@pytest.fixture
def connection(scripted: ScriptedEndpoint) -> Iterator[ddb_aiquery.AiConnection]:
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        yield con


ASK = "SELECT ai_query('test', 'p' || i) FROM range({}) t(i)"


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("", 0),
        ("SELECT 1", 0),
        (ASK.format(3), 3),
        (f"{ASK.format(3)}; SELECT 1", 3),
        (f"{ASK.format(3)}; {ASK.format(2)}; SELECT 1;", 5),
        (f"EXPLAIN ANALYZE {ASK.format(4)}", 4),
        (f"EXPLAIN {ASK.format(4)}", 0),
        (f"CREATE VIEW v AS {ASK.format(4)}", 0),
        (f"PREPARE q AS {ASK.format(4)}", 0),
    ],
)
def test_every_statement_is_counted(
    connection: ddb_aiquery.AiConnection, scripted: ScriptedEndpoint, text: str, questions: int
) -> None:
    """The sum over the statements of what each would ask; nothing is run, and nothing is sent."""
    assert connection.estimate(text).questions == questions
    assert scripted.requests == 0
    connection.execute(text or "SELECT 1").fetchall()
    assert scripted.requests == len({f"p{i}" for i in range(questions if ";" not in text else 3)})


@pytest.mark.parametrize(
    "text",
    [
        "SET VARIABLE v = ai_query('test', 'x')",
        "PIVOT (SELECT i, ai_query('test', 'x') a FROM range(3) t(i)) ON a USING count(*)",
        "CREATE TYPE kinds AS ENUM (SELECT ai_query('test', 'x'))",
        "SELECT 1 LIMIT length(ai_query('test', 'x'))",
        "SELECT list_transform(['x'], lambda p: ai_query('test', p))",
    ],
)
def test_what_cannot_be_counted_says_so(
    connection: ddb_aiquery.AiConnection, scripted: ScriptedEndpoint, text: str
) -> None:
    """A statement that is not planned has no figures but a note, never nothing, and never an error of ours."""
    estimate = connection.estimate(text)
    assert (estimate.is_endless, estimate.note.split(":")[0]) == (True, "unplanned")
    assert scripted.requests == 0
    connection.execute(text)
    assert scripted.requests == 1


def test_execute_is_counted_by_what_was_prepared(
    connection: ddb_aiquery.AiConnection, scripted: ScriptedEndpoint
) -> None:
    """EXECUTE would ask what its statement asks with these values."""
    connection.execute(f"PREPARE q AS {ASK.format('$1')}")
    assert connection.estimate("EXECUTE q(7)").questions == 7
    assert scripted.requests == 0
    assert len(connection.execute("EXECUTE q(7)").fetchall()) == scripted.requests == 7


def test_what_depends_on_answers_is_said_to_be_more(
    connection: ddb_aiquery.AiConnection, scripted: ScriptedEndpoint
) -> None:
    """Questions made of answers are counted at most and not priced; those of rows that answers make, not counted."""
    nested = connection.estimate("SELECT ai_query('test', ai_query('test', 'p' || i)) FROM range(3) t(i)")
    assert (nested.questions, nested.bound, nested.open, nested.is_endless) == (6, True, True, False)
    assert "at most 6 questions:" in str(nested)
    made = "SELECT ai_query('test', 'p' || w) FROM t, unnest(string_split(ai_query('test', q), ' ')) s(w)"
    connection.execute("CREATE TABLE t AS SELECT 'a b c' AS q")
    endless = connection.estimate(made)
    assert (endless.bound, endless.is_endless) == (False, True)
    assert f"{endless.questions} question and more:" in str(endless)
    assert " and more (what comes after depends on answers" in str(endless)
    connection.execute(made).fetchall()
    assert scripted.requests == 5 > endless.questions
    both = nested + endless
    assert (both.questions, both.bound, both.is_endless) == (7, False, True)
