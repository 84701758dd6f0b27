"""Texts that a collation takes for equal are different questions."""

from __future__ import annotations

import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

TABLES = {
    "a column's": "CREATE TABLE t (p VARCHAR COLLATE NOCASE)",
    "the default": "SET default_collation = 'nocase'; CREATE TABLE t (p VARCHAR)",
}
QUERIES = [
    "SELECT p, ai_query('test', p) FROM t",
    "SELECT p, replace(ai_query('test', 'x' || p), 'x', '') FROM t",
    "SELECT p, ai_query('test', p, modelParameters => '{\"stop\": \"' || p || '\"}') FROM t",
    "SELECT p, ai_query('test', p) FROM t WHERE ai_query('test', p || '?') IS NOT NULL",
    "SELECT * FROM (SELECT p, ai_query('test', p) AS answer FROM t) WHERE answer <> ''",
]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("query", QUERIES)
def test_a_collation_shares_no_answers(table: str, query: str) -> None:
    """Where 'a' equals 'A' in SQL, each has its own answer, inside a transaction as outside, and planned."""
    with (
        ScriptedEndpoint(lambda prompt, _: f"<{prompt}>") as server,
        ddb_aiquery.connect(config=server.settings("test")) as con,
    ):
        con.execute(f"{table}; INSERT INTO t VALUES ('a'), ('A'), ('b')")
        for begin in ("", "BEGIN"):
            con.execute(begin)
            assert sorted(con.execute(query).fetchall()) == [("A", "<A>"), ("a", "<a>"), ("b", "<b>")]
            assert server.requests == 3 * (1 + query.count("?"))
