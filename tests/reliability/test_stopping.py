from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import duckdb
import pytest
from stops import DOORS, WAYS, stop_often

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint, Status

CODE = """
import duckdb, ddb_aiquery, os, signal, sys, threading, time
con = ddb_aiquery.register(duckdb.connect(), config={settings!r})
con.execute("SET enable_progress_bar = false")
con.execute("CREATE TABLE t AS SELECT 'p' || i AS p FROM range(400) r(i)")
ask = "SELECT count(*), count(ai_query('test', p{more})) FROM t"
def stop():
    time.sleep({after})
    print("stopped", flush=True)
    {how}
threading.Thread(target=stop).start()
try:
    print("finished", con.execute(ask).fetchall())
except BaseException as error:
    print(type(error).__name__, "Cancelled" in str(error) or "nterrupt" in str(error), flush=True)
time.sleep(1.2)
print("idle", flush=True)
sys.stdin.readline()
print(con.execute(ask).fetchall(), flush=True)
"""


def child_of(code: str) -> subprocess.Popen[str]:
    """Start Python code in a process that can be told and heard, line by line."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True, env={**os.environ})


def heard(child: subprocess.Popen[str]) -> str:
    """Wait for the next line that the child says."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str]) -> None:
    """Let the child go on."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


@pytest.mark.parametrize("more", ["", ", failOnError => false"])
@pytest.mark.parametrize("how", ["os.kill(os.getpid(), signal.SIGINT)", "con.interrupt()"])
def test_a_stopped_query_keeps_what_it_has(how: str, more: str) -> None:
    """It ends with an error and no NULL rows, no call starts after it, and the next run asks only what is missing."""
    with ScriptedEndpoint(latency=0.1) as server:
        code = CODE.format(settings=server.settings("test", max_concurrency=16), how=how, more=more, after=1.0)
        with child_of(code) as child:
            said = {heard(child), heard(child)}
            assert "stopped" in said
            assert any(word.endswith("True") for word in said), said
            assert heard(child) == "idle"
            sent = server.requests
            assert 0 < sent < 400
            assert server.answered == sent
            time.sleep(0.3)
            assert server.requests == sent
            tell(child)
            assert heard(child) == "[(400, 400)]"
            assert child.wait(30) == 0
        assert server.requests == 400


@pytest.mark.parametrize(("door", "way"), list(product(DOORS, WAYS)))
def test_nothing_more_is_sent_after_a_stop(door: str, way: str) -> None:
    """Stopped at any moment, a statement ends with an error, and only calls on their way arrive after that."""
    for stop in stop_often(door, way, 5, width=16):
        assert stop.end != "finished"
        assert stop.calls < 20_000
        assert stop.after <= 16


def test_a_stopped_query_run_again_at_once_takes_up_its_calls() -> None:
    """Calls under way are neither broken off, since they are paid for, nor asked twice, nor exceeded by new ones."""
    with (
        ScriptedEndpoint(latency=0.5) as server,
        ddb_aiquery.connect(config=server.settings("test", max_concurrency=8)) as con,
    ):
        ask = "SELECT count(ai_query('test', 'p' || i)) FROM range(20) t(i)"
        stopper = threading.Thread(target=lambda: (wait_for(lambda: server.requests == 8), con.interrupt()))
        stopper.start()
        with pytest.raises(ddb_aiquery.errors.Cancelled, match="8 calls were made"):
            con.execute(ask).fetchall()
        stopper.join()
        assert con.execute(ask).fetchall() == [(20,)]
        assert (server.requests, server.peak) == (20, 8)


@pytest.mark.parametrize("why", ["interrupt", "budget", "failure", "open circuit"])
def test_what_a_stopped_query_left_unasked_is_asked_by_another_process(why: str, python: Callable[..., Any]) -> None:
    """A statement that ends early leaves no claim behind: another process asks the rest at once, each question once."""
    refused = Status(401) if why == "open circuit" else Status(400)
    mended = threading.Event()
    with ScriptedEndpoint(
        lambda p, _r: refused if p == "p9" and why not in {"interrupt", "budget"} and not mended.is_set() else p,
        latency=0.2,
    ) as server:
        settings = server.settings("test", max_concurrency=8)
        ask = "SELECT count(ai_query('test', 'p' || i)) FROM range(100) t(i)"
        limits = {"budget": {"query_requests": 20}} if why == "budget" else {}
        with ddb_aiquery.connect(config=settings | limits) as con:
            if why == "interrupt":
                threading.Thread(target=lambda: (wait_for(lambda: server.requests == 16), con.interrupt())).start()
            with pytest.raises(ddb_aiquery.errors.AiQueryError):
                con.execute(ask).fetchall()
            mended.set()
            code = f"import ddb_aiquery; print(ddb_aiquery.connect(config={settings!r}).execute({ask!r}).fetchall())"
            assert python(code).stdout == "[(100,)]\n"
        assert server.answered == 100


def test_what_was_cleared_is_asked_by_another_process(python: Callable[..., Any]) -> None:
    """A process that goes on living after its statement holds no question: once the cache is cleared, any may ask."""
    with ScriptedEndpoint() as server:
        settings = server.settings("test")
        ask = "SELECT count(ai_query('test', 'p' || i)) FROM range(100) t(i)"
        with ddb_aiquery.connect(config=settings) as con:
            assert con.execute(ask).fetchall() == [(100,)]
            code = f"""
                import ddb_aiquery.cli
                ddb_aiquery.cli.main(["cache", "clear"])
                print(ddb_aiquery.connect(config={settings!r}).execute({ask!r}).fetchall())
            """
            assert python(code).stdout.endswith("[(100,)]\n")
        assert server.answered == 200


def wait_for(condition: Callable[[], bool]) -> None:
    """Return when the condition holds."""
    while not condition():
        time.sleep(0.01)


def test_an_interrupt_ends_its_own_connections_query_only(open_plain: Callable[..., Any]) -> None:
    """Another connection of the same process goes on."""
    with ScriptedEndpoint(latency=0.5) as server:
        one, two = open_plain(server.settings("test")), open_plain(server.settings("test"))
        ends: dict[str, Any] = {}

        def ask(name: str, con: Any) -> None:
            try:
                ends[name] = con.execute(
                    f"SELECT count(ai_query('test', '{name}' || i)) FROM range(150) t(i)"
                ).fetchall()
            except duckdb.Error as error:
                ends[name] = error

        threads = [threading.Thread(target=ask, args=pair) for pair in (("one", one), ("two", two))]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        one.interrupt()
        for thread in threads:
            thread.join()
        assert isinstance(ends["one"], duckdb.Error)
        assert ends["two"] == [(150,)]


def test_a_failed_statement_asks_nothing_more(open_plain: Callable[..., Any]) -> None:
    """A row that ends the statement ends its dispatch: what is under way is kept, the rest of the chunk is not asked."""
    with ScriptedEndpoint(lambda p, _r: Status(400) if p == "p9" else p, latency=0.05) as server:
        con = open_plain(server.settings("test", max_concurrency=8))
        with pytest.raises(duckdb.Error, match="RowError"):
            con.execute("SELECT ai_query('test', 'p' || i) FROM range(2000) t(i)").fetchall()
        time.sleep(0.3)
        assert server.requests < 100


@pytest.mark.long
@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_million_rows_at_a_refusing_endpoint(open_plain: Callable[..., Any], status: int) -> None:
    """An endpoint that refuses everybody is asked max_concurrency times at most, whatever the table's size."""
    with ScriptedEndpoint(lambda _p, _r: Status(status)) as server:
        con = open_plain(server.settings("test", max_concurrency=64))
        con.execute("CREATE TABLE t AS SELECT 'p' || i AS p FROM range(1000000) r(i)")
        begun = time.monotonic()
        with pytest.raises(duckdb.Error, match="EndpointError"):
            con.execute("SELECT max(ai_query('test', p)) FROM t").fetchall()
        print(f"{server.requests} requests, the error after {time.monotonic() - begun:.2f} s")  # noqa: T201
        assert server.requests <= 64


PACED = """
import duckdb, sys, ddb_aiquery
con = ddb_aiquery.register(duckdb.connect(), config={settings!r})
con.execute("SET enable_progress_bar = false")
print("ready", flush=True)
sys.stdin.readline()
print(con.execute("SELECT count(ai_query('test', '{name}' || i)) FROM range({count}) t(i)").fetchall())
"""


def test_who_waits_for_long_is_told_why() -> None:
    """A statement that an endpoint told to wait for an hour says so when it is stopped, and so does the next one."""
    with ScriptedEndpoint(
        script=lambda _: Status(429, retry_after=3600, message="the day's quota is used up")
    ) as server:
        con = ddb_aiquery.connect(config=server.settings("test"))
        for prompt in ("a", "b"):
            threading.Timer(1.0, con.interrupt).start()
            with pytest.raises(
                ddb_aiquery.errors.Cancelled, match=r"'test' wants no call for [34],\d+ s: .*day's quota"
            ):
                con.execute("SELECT ai_query('test', ?)", [prompt])
        con.close()
        assert server.requests == 1


def test_processes_share_a_rate() -> None:
    """Two processes at an endpoint of 1,200 calls a minute make 20 a second between them, not each."""
    times: list[float] = []
    with ScriptedEndpoint(script=lambda arrival: times.append(arrival.time)) as server:
        settings = server.settings("test", requests_per_minute=1200)
        codes = [PACED.format(settings=settings, name=name, count=30) for name in ("a", "b")]
        with child_of(codes[0]) as one, child_of(codes[1]) as two:
            assert heard(one) == heard(two) == "ready"
            tell(one)
            tell(two)
            assert heard(one) == heard(two) == "[(30,)]"
        assert server.requests == 60
        # 60 calls at 19.6 a second, of which a full bucket gives half a second's at once
        assert times[-1] - times[0] >= 0.9 * (60 - 10) / 19.6


def test_processes_share_a_cooldown() -> None:
    """What one process is told to wait, the next obeys from its first call on."""
    waits = iter([Status(429, retry_after=3)])
    times: list[float] = []

    def script(arrival: Any) -> Any:
        times.append(arrival.time)
        return next(waits, None)

    with ScriptedEndpoint(script=script) as server:
        codes = [PACED.format(settings=server.settings("test"), name=name, count=1) for name in ("a", "b")]
        with child_of(codes[0]) as one, child_of(codes[1]) as two:
            assert heard(one) == heard(two) == "ready"
            tell(one)
            while not times:
                time.sleep(0.01)
            time.sleep(0.5)
            tell(two)
            assert heard(one) == heard(two) == "[(1,)]"
        assert len(times) == 3
        assert times[1] - times[0] >= 2.9
