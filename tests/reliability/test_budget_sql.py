from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

PRICES = {"input_price": 1.0, "output_price": 10.0, "parameters": {"max_tokens": 50}}
ASK = "SELECT count(ai_query('test', 'prompt ' || i)) FROM range({}) t(i)"


def settings(server: ScriptedEndpoint, **budget: Any) -> dict[str, Any]:
    return {**server.settings("test", max_concurrency=16, **PRICES), "budget": budget}


def spent(server: ScriptedEndpoint) -> float:
    """What the endpoint's own books make of it, in USD."""
    return (server.counts.input_tokens * 1.0 + server.counts.output_tokens * 10.0) / 1e6


def test_a_number_of_calls_is_exact(open_plain: Callable[..., Any]) -> None:
    """query_requests = 137 allows 137 calls and not one more, from however many threads; the message says what to raise."""
    with ScriptedEndpoint(latency=0.01) as server:
        con = open_plain(settings(server, query_requests=137))
        con.execute("SET threads = 4")
        with pytest.raises(duckdb.Error, match=r"BudgetExceeded.*137.*raise budget\.query_requests"):
            con.execute(ASK.format(5000)).fetchall()
        time.sleep(0.2)
        assert server.requests == 137
        again = open_plain(settings(server))
        assert again.execute(ASK.format(300)).fetchall() == [(300,)]
        assert server.requests == 300  # nothing that was paid for is asked again


def test_a_query_without_money_takes_no_other_with_it(open_plain: Callable[..., Any]) -> None:
    """Where two ask the same and the one that pays reaches its limit, the other pays for the rest."""
    ask = "SELECT count(ai_query('test', 'p' || i)) FROM range(40) t(i)"
    with ScriptedEndpoint(latency=0.5) as server:
        settings = server.settings("test", max_concurrency=4)
        poor, rich = open_plain(settings | {"budget": {"query_requests": 6}}), open_plain(settings)
        found: list[Any] = []

        def follow() -> None:
            while server.requests < 4:
                time.sleep(0.01)
            found.extend(rich.execute(ask).fetchall())

        other = threading.Thread(target=follow)
        other.start()
        with pytest.raises(duckdb.Error, match="query_requests"):
            poor.execute(ask).fetchall()
        other.join()
        assert found == [(40,)]
        assert server.requests == 40


def test_a_query_never_costs_more_than_its_limit(open_plain: Callable[..., Any]) -> None:
    """The limit holds by the endpoint's own books, and is used up to what the calls under way might have cost."""
    with ScriptedEndpoint(latency=0.01) as server:
        limit = 0.02
        con = open_plain(settings(server, query_usd=limit))
        with pytest.raises(duckdb.Error, match=r"BudgetExceeded.*raise budget\.query_usd"):
            con.execute(ASK.format(5000)).fetchall()
        time.sleep(0.2)
        assert 0.8 * limit <= spent(server) <= limit


def test_the_days_limit_holds_across_processes(python: Callable[..., Any]) -> None:
    """Three processes at once under one day's limit spend no more than it together, and a fourth can spend nothing."""
    with ScriptedEndpoint(latency=0.01) as server:
        limit = 0.02
        code = f"""
            import duckdb, ddb_aiquery
            con = ddb_aiquery.register(duckdb.connect(), config={settings(server, day_usd=limit)!r})
            try:
                con.execute("SELECT count(ai_query('test', 'prompt ' || i)) FROM range(5000) t(i)").fetchall()
            except duckdb.Error as error:
                print(error)
        """
        said: list[str] = []
        threads = [threading.Thread(target=lambda: said.append(python(code).stdout)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all("BudgetExceeded" in text and "raise budget.day_usd" in text for text in said), said
        assert 0.5 * limit <= spent(server) <= limit
        before = server.requests
        assert "BudgetExceeded" in python(code.replace("'prompt '", "'other '")).stdout
        assert server.requests - before <= limit * 1e6 / 500  # at most what the others gave back


def test_without_prices_only_calls_are_limited(open_plain: Callable[..., Any]) -> None:
    """A limit in USD says nothing about an endpoint whose prices are not known."""
    with ScriptedEndpoint() as server:
        con = open_plain({**server.settings("test"), "budget": {"query_usd": 0.000001}})
        assert con.execute(ASK.format(20)).fetchall() == [(20,)]


def test_complete_has_the_same_limits() -> None:
    """complete() raises the error itself."""
    with ScriptedEndpoint() as server, pytest.raises(ddb_aiquery.errors.BudgetExceeded, match="query_requests"):
        ddb_aiquery.complete("test", [f"p{i}" for i in range(50)], config=settings(server, query_requests=10))


def test_a_call_is_settled_with_the_query_that_paid_it(open_plain: Callable[..., Any]) -> None:
    """Who waits for calls that an interrupted query paid has no more money for calls of its own by that."""
    ask = "SELECT count(ai_query('test', p)) FROM (SELECT 'p' || i AS p FROM range({}, {}) t(i))"
    with ScriptedEndpoint(latency=0.3) as server:
        rich, poor = open_plain(settings(server)), open_plain(settings(server, query_usd=0.0011))  # two calls at once
        threading.Timer(0.2, rich.interrupt).start()
        found: list[Any] = []
        other = threading.Thread(target=lambda: found.extend(poor.execute(ask.format(0, 20)).fetchall()))
        threading.Timer(0.05, other.start).start()
        with pytest.raises(duckdb.Error, match="cancelled|INTERRUPT"):
            rich.execute(ask.format(0, 8)).fetchall()
        while server.counts.answered < 8:
            time.sleep(0.01)
        server.reset_counts()
        other.join()
        assert found == [(20,)]
        assert server.peak <= 2
