from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ddb_aiquery
from ddb_aiquery._terms import Terms
from ddb_aiquery.testing import Collapse, ScriptedEndpoint, Status, Truncated

Con = duckdb.DuckDBPyConnection


@pytest.fixture
def plain(scripted: ScriptedEndpoint) -> Iterator[Con]:
    """A connection with the functions and without the planner."""
    with duckdb.connect() as con:
        yield ddb_aiquery.register(con, config=scripted.settings("test"))


def rows(con: Con, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


def test_each_distinct_question_is_asked_once(plain: Con, scripted: ScriptedEndpoint) -> None:
    """200,000 rows with 7 distinct prompts, over chunks and threads, cost 7 requests."""
    plain.execute("SET threads = 4")
    plain.execute("CREATE TABLE t AS SELECT 'p' || i % 7 AS p FROM range(200000) r(i)")
    assert rows(plain, "SELECT DISTINCT ai_query('test', p) FROM t ORDER BY 1") == [(f"echo: p{i}",) for i in range(7)]
    assert scripted.requests == 7


def test_answers_stand_beside_their_own_rows(plain: Con) -> None:
    """Each row has the answer to its own prompt, over several chunks, NULL where the prompt is NULL."""
    sql = """
        SELECT count(*) FILTER (WHERE a IS DISTINCT FROM 'echo: ' || p), count(a)
        FROM (SELECT p, ai_query('test', p) AS a
              FROM (SELECT CASE WHEN i % 3 > 0 THEN 'p' || i % 11 END AS p FROM range(10000) r(i)))
    """
    assert rows(plain, sql) == [(0, 6666)]


def test_null_is_not_sent(plain: Con, scripted: ScriptedEndpoint) -> None:
    """A NULL prompt gives NULL and sends nothing."""
    assert rows(plain, "SELECT ai_query('test', NULL), ai_query('test', NULL::VARCHAR)") == [(None, None)]
    assert scripted.requests == 0


@pytest.mark.parametrize(
    "prompt", ["", " ", "x" * 1_000_000, "nul \0 inside", "emoji 🦆 ﷽", "a\r\nb\t'quoted' \"too\""]
)
def test_any_text_arrives_as_it_is(plain: Con, scripted: ScriptedEndpoint, prompt: str) -> None:
    """Empty, long, NUL, emoji: what DuckDB can hold is sent and answered unchanged."""
    assert plain.execute("SELECT ai_query('test', ?)", [prompt]).fetchall() == [(f"echo: {prompt}",)]
    assert scripted.prompts == {prompt: 1}


def test_connections_and_threads_share_a_question_under_way() -> None:
    """The same question from eight threads of eight connections is asked once while it is being answered."""
    with ScriptedEndpoint(latency=0.3) as server:
        answers: list[Any] = []

        def ask() -> None:
            with duckdb.connect() as con:
                ddb_aiquery.register(con, config=server.settings("test"))
                answers.append(rows(con, "SELECT ai_query('test', 'the same')"))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [[("echo: the same",)]] * 8
        assert server.requests == 1


def test_the_cache_answers_the_next_process(scripted: ScriptedEndpoint, tmp_path: Path) -> None:
    """A second process finds the answers of the first and sends nothing."""
    code = textwrap.dedent(f"""
        import duckdb, ddb_aiquery
        con = ddb_aiquery.register(duckdb.connect(), config={scripted.settings("test")!r})
        print(con.execute("SELECT count(DISTINCT ai_query('test', 'p' || i % 5)) FROM range(50) t(i)").fetchall())
    """)
    environ = {**os.environ, "DDB_AIQUERY_CACHE": str(tmp_path / "shared")}
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
        assert done.stdout.strip() == "[(5,)]"
    assert scripted.requests == 5


def test_without_a_cache_nothing_is_kept(scripted: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """DDB_AIQUERY_CACHE=off asks once within a statement, and again in a later one."""
    monkeypatch.setenv("DDB_AIQUERY_CACHE", "off")
    with duckdb.connect() as con:
        ddb_aiquery.register(con, config=scripted.settings("test"))
        rows(con, "SELECT ai_query('test', 'p' || i % 2) FROM range(5000) t(i)")
        assert scripted.requests == 2
        time.sleep(1.1)  # the function alone cannot see where a statement ends: a pause of a second ends its Run
        rows(con, "SELECT ai_query('test', 'p' || i % 2) FROM range(5000) t(i)")
        assert scripted.requests == 4


def test_concurrency_reaches_its_limit_and_keeps_it() -> None:
    """With max_concurrency 16 and enough questions, 16 are in flight at once and never more."""
    with ScriptedEndpoint(latency=0.05) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test", max_concurrency=16))
        rows(con, "SELECT ai_query('test', 'p' || i) FROM range(200) t(i)")
        assert server.peak == 16


def test_parameters_reach_the_wire(plain: Con, scripted: ScriptedEndpoint) -> None:
    """modelParameters are sent, and a different value is a different question."""
    rows(plain, "SELECT ai_query('test', 'p', modelParameters => {'temperature': 0.5, 'max_tokens': 7})")
    rows(plain, "SELECT ai_query('test', 'p', modelParameters => {'temperature': 0.25, 'max_tokens': 7})")
    bodies = [json.loads(received.body) for received in scripted.received]
    assert [(b["temperature"], b["max_tokens"]) for b in bodies] == [(0.5, 7), (0.25, 7)]


def test_cursors_have_the_functions(plain: Con) -> None:
    """A cursor of a registered connection has ai_query too, and so has a cursor of that."""
    assert plain.cursor().cursor().execute("SELECT ai_query('test', 'c')").fetchall() == [("echo: c",)]


def test_registering_twice_is_harmless(plain: Con, scripted: ScriptedEndpoint) -> None:
    """A notebook cell that registers again changes nothing; later settings win."""
    ddb_aiquery.register(plain, config=scripted.settings("other"))
    assert rows(plain, "SELECT ai_query('other', 'again')") == [("echo: again",)]


def test_a_failed_row_is_contained_where_asked() -> None:
    """failOnError => false gives the reason in the failed row and answers to its neighbours."""

    def answer(prompt: str, _request: dict[str, Any]) -> Any:
        return Status(400, message="this prompt is too odd") if prompt == "p3" else f"ok {prompt}"

    with ScriptedEndpoint(answer) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test"))
        sql = "SELECT r.response, r.errorMessage FROM (SELECT ai_query('test', 'p' || i, failOnError => false) AS r FROM range(5) t(i))"
        found = rows(con, sql)
        assert [response for response, _ in found] == ["ok p0", "ok p1", "ok p2", None, "ok p4"]
        assert "this prompt is too odd" in found[3][1]
        assert [message for _, message in found if message is None] == [None] * 4


def test_a_failed_row_ends_the_query_by_default() -> None:
    """The error names the endpoint, the status, the prompt and the remedy, in one line."""
    with ScriptedEndpoint(lambda _p, _r: Status(400, message="too odd")) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test"))
        with pytest.raises(duckdb.Error) as caught:
            rows(con, "SELECT ai_query('test', 'a strange prompt')")
    message = str(caught.value)
    for word in ("RowError", "'test'", "400", "too odd", "a strange prompt", "failOnError"):
        assert word in message


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_costs_few_calls(status: int) -> None:
    """An endpoint that refuses everybody gets at most max_concurrency calls, not one a row."""
    with ScriptedEndpoint(lambda _p, _r: Status(status)) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test", max_concurrency=8))
        con.execute("SET threads = 4")
        con.execute("CREATE TABLE t AS SELECT 'p' || i AS p FROM range(300000) r(i)")
        with pytest.raises(duckdb.Error, match="EndpointError"):
            rows(con, "SELECT max(ai_query('test', p, failOnError => false)) FROM t")
        assert server.requests <= 8


def test_passing_faults_are_retried() -> None:
    """429 with Retry-After and 500 are asked again until they are answered."""
    script = [Status(429, retry_after=0.1), Status(500), Status(503)]
    with ScriptedEndpoint(script=script) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test"))
        assert rows(con, "SELECT count(ai_query('test', 'p' || i)) FROM range(20) t(i)") == [(20,)]
        assert server.requests == 23


def test_a_collapsing_server_is_found_and_spared() -> None:
    """A server that fails above 4 at once still answers everything."""
    with ScriptedEndpoint(latency=0.02, script=Collapse(above=4)) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test", max_concurrency=16))
        assert rows(con, "SELECT count(ai_query('test', 'p' || i)) FROM range(100) t(i)") == [(100,)]


def test_a_truncated_answer_is_never_served() -> None:
    """finish_reason = length is an error each time: it is recorded, and no later statement takes it for an answer."""
    with ScriptedEndpoint(lambda _p, _r: Truncated("half of")) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test"))
        for _ in range(2):
            with pytest.raises(duckdb.Error, match="Truncated.*max_tokens"):
                rows(con, "SELECT ai_query('test', 'long')")
            time.sleep(0.2)  # a new statement: DuckDB's own repeats of a failed constant come at once
        assert server.requests == 2


def test_answers_survive_a_query_that_fails() -> None:
    """What was answered before an endpoint died is kept: the next run asks only the rest."""
    dead = threading.Event()

    def answer(prompt: str, _request: dict[str, Any]) -> Any:
        return Status(401) if dead.is_set() and prompt >= "p1500" else prompt

    with ScriptedEndpoint(answer) as server, duckdb.connect() as con:
        ddb_aiquery.register(con, config=server.settings("test"))
        sql = "SELECT count(ai_query('test', 'p' || (1000 + i))) FROM range(1000) t(i)"
        dead.set()
        with pytest.raises(duckdb.Error):
            rows(con, sql)
        kept = server.answered
        dead.clear()
        server.reset_counts()
        time.sleep(1.1)
        assert rows(con, sql) == [(1000,)]
        assert server.requests == 1000 - kept


def test_an_unreachable_host_is_named() -> None:
    """A host that nobody answers at gives an error with the endpoint's name after its deadline."""
    settings = {"endpoints": {"gone": {"base_url": "http://127.0.0.1:9/v1", "deadline_seconds": 0.5}}}
    with duckdb.connect() as con:
        ddb_aiquery.register(con, config=settings)
        with pytest.raises(duckdb.Error, match="EndpointError.*'gone'"):
            rows(con, "SELECT ai_query('gone', 'hello')")


INTERRUPTED = """
import duckdb, ddb_aiquery, os, signal, sys, threading, time
con = ddb_aiquery.register(duckdb.connect(), config={settings!r})
con.execute("SET threads = 4")
con.execute("CREATE TABLE t AS SELECT 'p' || i AS p FROM range(300000) r(i)")
con.execute("SELECT ai_query('test', 'p0')").fetchall()
sent = []
def end():
    time.sleep(1)
    sent.append(time.monotonic())
    {how}
threading.Thread(target=end).start()
try:
    con.execute("SELECT max(ai_query('test', p)) FROM t").fetchall()
    print("no error")
except BaseException as error:
    print(type(error).__name__, time.monotonic() - sent[0] < 2.0)
print(con.execute("SELECT ai_query('test', 'p0')").fetchall())
"""


@pytest.mark.parametrize("how", ["os.kill(os.getpid(), signal.SIGINT)", "con.interrupt()"])
def test_a_query_can_be_interrupted(tmp_path: Path, how: str) -> None:
    """Ctrl-C and interrupt() end a query that waits, keep what was answered, and leave the connection usable."""
    slow = {"p0": 0.0}
    with ScriptedEndpoint(
        lambda p, _r: p, latency=0.0, script=lambda a: None if a.prompt in slow else _slow()
    ) as server:
        code = INTERRUPTED.format(settings=server.settings("test"), how=how)
        environ = {**os.environ, "DDB_AIQUERY_CACHE": str(tmp_path / "c")}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ, timeout=60
        )
        assert done.stdout.splitlines()[-1] == "[('p0',)]", done.stderr
        assert done.stdout.splitlines()[0].endswith("True")
        assert server.prompts["p0"] == 1


def _slow() -> Any:
    from ddb_aiquery.testing import Slow  # noqa: PLC0415

    return Slow(20.0)


def test_complete_answers_in_order(scripted: ScriptedEndpoint) -> None:
    """complete() is the same engine: distinct prompts once, answers in the prompts' order."""
    answers = ddb_aiquery.complete("test", ["b", "a", "b"], config=scripted.settings("test"))
    assert [answer.text for answer in answers] == ["echo: b", "echo: a", "echo: b"]
    assert scripted.requests == 2


def test_complete_refuses_what_cannot_be_sent(scripted: ScriptedEndpoint) -> None:
    """A lone surrogate is refused for its own prompt; the neighbours are answered, or not asked where it ends all."""
    found = ddb_aiquery.complete("test", ["a", "\ud800", "b"], config=scripted.settings("test"), fail_on_error=False)
    assert [type(outcome).__name__ for outcome in found] == ["Answer", "Failure", "Answer"]
    with pytest.raises(ddb_aiquery.errors.RowError):
        ddb_aiquery.complete("test", [*(f"p{i}" for i in range(300)), "\ud800"], config=scripted.settings("test"))
    time.sleep(0.2)
    assert scripted.requests == 2  # where one prompt ends it all, nothing is asked of the others
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_DFL


def test_any_number_of_options_is_asked_and_few_are_kept(plain: Con, scripted: ScriptedEndpoint) -> None:
    """A column of modelParameters asks each its own way, twice as well, and what was read of them does not pile up."""
    ask = "SELECT count(ai_query('test', 'x', modelParameters => {'seed': i})) FROM range(1000) t(i)"
    for _ in range(2):
        assert rows(plain, ask) == [(1000,)]
    assert scripted.requests == 1000
    gc.collect()
    assert sum(isinstance(it, Terms) for it in gc.get_objects()) < 500
