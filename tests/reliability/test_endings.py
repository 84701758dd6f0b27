"""How a process or a connection ends amid its own statements, and what a forked child may still do."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import ddb_aiquery
from ddb_aiquery import errors
from ddb_aiquery._cache import open_store
from ddb_aiquery._settings import load
from ddb_aiquery.testing import ScriptedEndpoint

Python = Callable[..., "subprocess.CompletedProcess[str]"]
ASK = "SELECT count(ai_query('test', 'p' || i)) FROM range(2000) r(i)"


def until(condition: Callable[[], Any]) -> None:
    """Wait until the condition holds; pytest's own limit ends a wait in vain."""
    while not condition():
        time.sleep(0.01)


@pytest.mark.parametrize("con", ["connect(config=settings)", "register(duckdb.connect(), config=settings)"])
def test_a_process_may_end_while_a_thread_of_it_asks(python: Python, con: str) -> None:
    """Its exit status is its own, its Run is written down, and it leaves no question claimed and no money reserved."""
    with ScriptedEndpoint(latency=0.05) as server:
        settings = {**server.settings("test", output_price=1.0), "budget": {"day_usd": 100.0}}
        done = python(f"""
            import duckdb, sys, threading, time
            from ddb_aiquery import connect, register
            settings = {settings!r}
            con = {con}
            def ask():
                try:
                    con.execute({ASK!r})
                except Exception as error:
                    print("Cancelled" in f"{{type(error)}}: {{error}}", flush=True)
            threading.Thread(target=ask, daemon=True).start()
            time.sleep(1)
            sys.exit(3)
        """)
        assert (done.returncode, done.stdout) == (3, "True\n"), done.stderr
        assert 0 < server.requests < 2000
        with open_store(load(settings).cache_directory) as store:
            (run,) = store.runs()
            assert run["sent"] == server.requests
            assert store.reserve(time.strftime("%Y-%m-%d"), 99_000_000, 100_000_000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_asks_as_a_process_of_its_own(python: Python) -> None:
    """After its parent has asked, a child of multiprocessing gets answers too; what the parent did is booked once."""
    with ScriptedEndpoint(lambda prompt, _: f"echo: {prompt}") as server:
        done = python(f"""
            import duckdb, multiprocessing, os, sys, warnings, ddb_aiquery
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads
            settings = {server.settings("test")!r}
            con = ddb_aiquery.register(duckdb.connect(), config=settings)
            con.execute("SELECT ai_query('test', 'parent ' || i) FROM range(3) r(i)").fetchall()
            def ask(prompt):
                return ddb_aiquery.complete("test", [prompt], config=settings)[0].text
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(ask, ["a", "b", "c"]))
            if (pid := os.fork()) == 0:
                ddb_aiquery._process.PROCESS.close()  # as at its exit
                os._exit(0)
            os.waitpid(pid, 0)
            print(con.execute("SELECT count(*), sum(sent) FROM ai_usage()").fetchall())
        """)
        assert done.stdout.splitlines() == ["['echo: a', 'echo: b', 'echo: c']", "[(4, 6)]"], done.stderr
        assert server.requests == 6


def test_closing_a_connection_ends_what_another_thread_runs_on_it() -> None:
    """Nothing more is asked or paid for a result that nobody can read."""
    with ScriptedEndpoint(latency=0.05) as server:
        con = ddb_aiquery.connect(config=server.settings("test"))
        raised: list[BaseException] = []

        def ask() -> None:
            try:
                con.execute(ASK)
            except errors.Cancelled as error:
                raised.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        until(lambda: server.requests)
        con.close()
        thread.join()
        assert raised
        assert server.requests < 1000
