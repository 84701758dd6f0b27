from __future__ import annotations

import threading
from typing import Any

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint, Status


def test_a_question_that_fails_counts_for_everyone_who_asked_it() -> None:
    """Two connections that wait for the same call both say that it failed; the answers are no failures."""
    with ScriptedEndpoint(lambda p, _r: Status(400) if p == "p3" else p, latency=0.5) as server:
        cons = [ddb_aiquery.connect(config=server.settings("test")) for _ in range(2)]
        ask = "SELECT count(ai_query('test', 'p' || i, failOnError => false).errorMessage) FROM range(10) t(i)"
        found: list[Any] = []
        threads = [threading.Thread(target=lambda con=con: found.extend(con.execute(ask).fetchall())) for con in cons]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [(1,), (1,)]
        assert [(con.last_run.questions, con.last_run.failed) for con in cons] == [(10, 1), (10, 1)]
        assert server.requests == 10


def test_an_answer_that_is_not_of_its_type_counts_as_failed() -> None:
    """Under failOnError => false each question whose answer cannot be cast is one failure, from the cache too."""
    ask = """
        SELECT count(r.response), count(r.errorMessage)
        FROM (SELECT ai_query('test', 'p' || i % 10, returnType => 'INT', failOnError => false) AS r FROM range(40) t(i))
    """
    with ScriptedEndpoint(lambda p, _r: "no number" if p in {"p3", "p7"} else "5") as server:
        with ddb_aiquery.connect(config=server.settings("test")) as con:
            for cached in (0, 10):
                assert con.execute(ask).fetchall() == [(32, 8)]
                assert (con.last_run.cached, con.last_run.failed) == (cached, 2)
        assert server.requests == 10
