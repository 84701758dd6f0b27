"""An engine for the planner's tests: what is asked is written down, the answer is the request in capitals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from ddb_aiquery._figures import Estimate
from ddb_aiquery._planner.examples import answered_by

DATA = """
CREATE TABLE r AS
    SELECT i AS id, i % 8 AS pid, CASE WHEN i % 17 <> 0 THEN 'b' || (i % 20) END AS body, i % 5 AS stars,
           ['en', 'de', 'fr'][i % 3 + 1] AS lang
    FROM range(60) s(i);
CREATE TABLE d AS SELECT i AS pid, 't' || i AS title, 'c' || (i % 3) AS cat FROM range(10) s(i);
CREATE TABLE e AS SELECT i AS eid, 'x' || (i % 3) AS kind, i % 4 AS pid FROM range(12) s(i);
"""


def echo(request: Any) -> str | None:
    """Return the document for a request."""
    return None if request is None else json.dumps(str(request).upper())


class Recorder:
    """An engine that answers by a function and writes down what it was asked, planned and by DuckDB's own calls."""

    def __init__(self, answer: Any = echo) -> None:
        self.answer = answer
        self.asked: list[Any] = []
        self.called: list[Any] = []
        self.error: BaseException | None = None
        self.finished = 0

    def begin(self, sql: str) -> str:
        return sql

    def finish(self, run: str) -> None:
        del run
        self.finished += 1

    def stream(self, batches: Iterable[pa.RecordBatch], run: Any) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        del run
        for batch in batches:
            requests = batch.column(1).to_pylist()
            self.asked += requests
            yield batch, pa.array([self.answer(request) for request in requests], pa.large_string())

    def price(self, batches: Iterable[pa.RecordBatch]) -> Estimate:
        questions = sum(batch.num_rows for batch in batches)
        return Estimate(questions=questions, to_send=questions)

    def take_error(self) -> BaseException | None:
        error, self.error = self.error, None
        return error

    def function(self, *columns: Any) -> pa.Array:
        """Answer a chunk, as the function that DuckDB calls."""
        requests = columns[1].to_pylist()
        self.called += requests
        try:
            return pa.array([self.answer(request) for request in requests], pa.large_string())
        except BaseException as error:
            self.error = error
            raise

    def forget(self) -> None:
        """Begin to write down anew."""
        self.asked, self.called = [], []


def installed(recorder: Recorder, database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """Return DuckDB's own connection with the functions of a recorder."""
    return answered_by(recorder.function, database)
