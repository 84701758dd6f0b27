from __future__ import annotations

import threading
import time
from typing import Any

import pytest

import ddb_aiquery
from ddb_aiquery._settings import Settings
from ddb_aiquery.errors import BudgetExceeded
from ddb_aiquery.testing import ScriptedEndpoint, Slow

PRICED = {"input_price": 1.0, "output_price": 1.0, "parameters": {"max_tokens": 2}}


def test_a_statement_without_money_holds_nobody_else_back() -> None:
    """While one waits for its own call to be settled, another's question passes those that cannot be paid yet."""
    with ScriptedEndpoint(lambda prompt, _: Slow(1.0) if prompt == "a0" else prompt) as server:
        settings = server.settings("test", **PRICED)
        poor, rich = settings | {"budget": {"query_usd": 0.00004}}, settings
        prompts = [f"a{i}" for i in range(4)]
        found: list[Any] = []

        def ask() -> None:
            found.extend(ddb_aiquery.complete("test", prompts, config=poor))

        other = threading.Thread(target=ask)
        other.start()
        while not server.requests:
            time.sleep(0.01)
        assert [answer.text for answer in ddb_aiquery.complete("test", ["b"], config=rich)] == ["b"]
        other.join()
        assert list(server.prompts) == ["b", "a0", "a1", "a2", "a3"]  # as they were answered
        assert len(found) == 4


def test_what_waits_for_money_keeps_its_order_and_ends() -> None:
    """Under a limit that a few calls fill, everything is asked in its order until the money is spent."""
    with ScriptedEndpoint(lambda prompt, _: prompt, latency=0.01) as server:
        settings = server.settings("test", **PRICED) | {"budget": {"query_usd": 0.001}}
        with pytest.raises(BudgetExceeded, match=r"raise budget\.query_usd"):
            ddb_aiquery.complete("test", [f"p{i:04}" for i in range(2000)], config=settings)
        asked = list(server.prompts)
        assert 20 < len(asked) < 2000
        assert set(asked) == {f"p{i:04}" for i in range(len(asked))}


def test_small_costs_are_not_rounded_up_one_by_one() -> None:
    """What a thousand embeddings cost is right in the Run, in the usage, in the answers kept, and when they are saved."""
    ask = "SELECT count(ai_query('test', 'p' || i, returnType => 'ARRAY<FLOAT>')) FROM range(1000) t(i)"
    kept = "SELECT sum(cost_usd) FROM ai_cache()"
    used = "SELECT cost_usd, saved_usd FROM ai_usage() ORDER BY created"
    with ScriptedEndpoint() as server:
        settings = server.settings("test", input_price=0.02, task="embedding")
        with ddb_aiquery.connect(config=settings) as con:
            con.execute(ask).fetchall()
            cost = server.counts.input_tokens * 0.02 / 1e6
            assert con.last_run.cost_usd == pytest.approx(cost)
            con.execute(ask.replace("SELECT", "SELECT 1,")).fetchall()
            assert con.last_run.saved_usd == pytest.approx(cost)
            about = pytest.approx(cost, abs=1e-6)
            assert con.execute(kept).fetchone() == (about,)
            assert con.execute(used).fetchall() == [(about, 0), (0, about)]


def test_a_reply_that_is_too_large_to_read_was_paid_for() -> None:
    """Such calls count in full, as if each had cost all that it may, and the limit ends them."""
    with ScriptedEndpoint(lambda _prompt, _request: "x" * 5000) as server:
        settings = server.settings("test", **PRICED, max_response_bytes=4096) | {"budget": {"query_usd": 0.001}}
        sql = "SELECT count(ai_query('test', 'p' || i, failOnError => false)) FROM range(2000) t(i)"
        with (
            ddb_aiquery.connect(config=settings) as con,
            pytest.raises(BudgetExceeded, match=r"raise budget\.query_usd"),
        ):
            con.execute(sql)
        assert server.requests < 200


@pytest.mark.parametrize(
    "price", [{"input_price": float("inf")}, {"output_price": 1e304}], ids=["before the call", "after it"]
)
def test_a_defect_while_counting_ends_the_statement(price: dict[str, float]) -> None:
    """Where the arithmetic itself fails, before a call or after it, whoever waits is told so, and the next can ask."""
    with ScriptedEndpoint(lambda _prompt, _request: "x" * 400_000) as server:
        entry = {**server.settings("test")["endpoints"]["test"], "parameters": {"max_tokens": 1}}
        with pytest.raises(OverflowError):
            ddb_aiquery.complete("test", ["a"], config=Settings(entries={"test": {**entry, **price}}))
        assert len(ddb_aiquery.complete("test", ["a"], config=Settings(entries={"test": entry}))) == 1
