"""`ai_usage()` where DuckDB itself decides when a call is made."""

from __future__ import annotations

import gc

import duckdb

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

USED = "SELECT questions, sent FROM ai_usage() ORDER BY created"


def test_a_registered_connection_sees_its_last_statement(scripted: ScriptedEndpoint) -> None:
    """What a statement used can be read by the next one, without a call that begins another."""
    con = ddb_aiquery.register(duckdb.connect(), config=scripted.settings("test"))
    con.execute("SELECT ai_query('test', i::VARCHAR) FROM range(3) t(i)").fetchall()
    assert con.execute(USED).fetchall() == [(3, 3)]
    con.execute("SELECT ai_query('test', i::VARCHAR) FROM range(5) t(i)").fetchall()
    assert con.execute(USED).fetchall() == [(3, 3), (5, 2)]


def test_a_connection_that_is_gone_leaves_its_usage(scripted: ScriptedEndpoint) -> None:
    """Its rows are there, and the money that it had in hand is the day's again."""
    priced = scripted.settings("test", input_price=1000.0, output_price=1000.0, parameters={"max_tokens": 1})
    settings = priced | {"budget": {"day_usd": 0.06}}  # $0.003 each, and $0.021 in hand
    for place in range(12):
        con = ddb_aiquery.register(duckdb.connect(), config=settings)
        con.execute(f"SELECT ai_query('test', 'q{place}')").fetchall()
        con.close()
        del con
        gc.collect()
    with ddb_aiquery.connect(config=settings) as other:
        assert other.execute(USED).fetchall() == [(1, 1)] * 12
