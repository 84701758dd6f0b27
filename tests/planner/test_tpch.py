"""TPC-H with calls around its strings: planned, called and plain SQL give the same rows in the same order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from planner_echo import Recorder, installed
from tpch import QUERIES, TABLES

from ddb_aiquery._connection import AiConnection

if TYPE_CHECKING:
    import duckdb


def itself(request: Any) -> str | None:
    return None if request is None else json.dumps(request)


@pytest.fixture(scope="module")
def planned() -> Iterator[AiConnection]:
    recorder = Recorder(itself)
    raw = installed(recorder)
    raw.execute(TABLES)
    with AiConnection(raw, recorder) as connection:
        yield connection


@pytest.fixture(scope="module")
def called() -> Iterator[tuple[duckdb.DuckDBPyConnection, Recorder]]:
    recorder = Recorder(itself)
    raw = installed(recorder)
    raw.execute(TABLES)
    yield raw, recorder
    raw.close()


@pytest.mark.parametrize("number", QUERIES)
def test_tpch(number: int, planned: AiConnection, called: tuple[duckdb.DuckDBPyConnection, Recorder]) -> None:
    """A query's rows are plain SQL's, and it asks no more than DuckDB would by itself."""
    raw, plain_recorder = called
    recorder: Recorder = planned._asker
    query = QUERIES[number].replace("Q(", "ai_query('e', ")
    expected = raw.execute(QUERIES[number].replace("Q(", "(")).fetchall()
    recorder.forget()
    plain_recorder.forget()
    assert raw.execute(query).fetchall() == expected
    assert planned.execute(query).fetchall() == expected
    assert planned.last_outcome.unplanned == ""
    assert recorder.called == []
    assert len(set(recorder.asked)) <= len(set(plain_recorder.called) - {None})
    assert expected
