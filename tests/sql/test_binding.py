"""What is wrong with a call as it is written is said in our words when it is bound, with the place, on `connect`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import ddb_aiquery
from ddb_aiquery.errors import CallError

WAYS: dict[str, Callable[[Any, str], Any]] = {
    "execute": lambda con, sql: con.execute(sql),
    "sql": lambda con, sql: con.sql(sql),
    "describe": lambda con, sql: con.execute(f"DESCRIBE {sql}"),
    "explain": lambda con, sql: con.execute(f"EXPLAIN {sql}"),
    "view": lambda con, sql: con.execute(f"CREATE VIEW v AS {sql}"),
    "estimate": lambda con, sql: con.estimate(sql),
}


@pytest.fixture
def connection(served: Any) -> Iterator[Any]:
    with ddb_aiquery.connect(config=served.settings()) as con:
        con.execute("CREATE TABLE one AS SELECT 'p' AS p, 'INT' AS kind")
        yield con


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("ai_query('chat', p, returnType => kind)", r"returnType.*constant.*line 1, column \d+"),
        ("ai_query('chat', p, returnType => 'STRUCT<a: NOSUCH>')", "NOSUCH"),
        ("ai_query('chat', p, returnType => 'STRUCT<a: INT')", "STRUCT<a: INT"),
    ],
    ids=["not constant", "no such type", "not closed"],
)
def test_a_wrong_type_is_an_error_at_bind_time(connection: Any, served: Any, way: str, call: str, said: str) -> None:
    """A returnType that is no constant, no type, or broken: a CallError that shows the place, and nothing is asked."""
    with pytest.raises(CallError, match=said):
        WAYS[way](connection, f"SELECT {call} FROM one")
    assert served.server.requests == 0
    assert connection.execute("SELECT 42").fetchall() == [(42,)]
