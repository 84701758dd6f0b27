"""Runs a query as DuckDB would run it and planned, over a few rows, and shows what each asks.

The rules use it in their examples: the same rows come out, fewer questions go in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from ddb_aiquery._planner.planner import Planner
from ddb_aiquery._planner.records import Statement
from ddb_aiquery._sql import named

ROWS = """
CREATE TABLE t AS SELECT i AS id, 'p' || i AS p, i % 3 AS k FROM range(6) s(i);
CREATE TABLE u AS SELECT i AS k, 'n' || i AS name FROM range(3) s(i);
"""


class Echo:
    """Answers with the request in capitals and writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def begin(self, sql: str) -> str:
        """Begin nothing."""
        return sql

    def finish(self, run: Any) -> None:
        """End nothing."""

    def stream(self, batches: Iterable[pa.RecordBatch], run: Any) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        """Answer batches."""
        del run
        for batch in batches:
            yield batch, self.documents(*batch.columns)

    def price(self, batches: Iterable[pa.RecordBatch]) -> Any:
        """Refuse: the examples estimate nothing."""
        raise NotImplementedError

    def take_error(self) -> BaseException | None:
        """Return no error."""
        return None

    def documents(self, *columns: Any) -> pa.Array:
        """Answer a chunk of requests."""
        requests = [str(request) for request in columns[1].to_pylist() if request is not None]
        self.asked += requests
        answers = (None if request is None else json.dumps(str(request).upper()) for request in columns[1].to_pylist())
        return pa.array(answers, pa.large_string())


def compare(query: str) -> None:
    """Print the questions of a query before and after planning; fail if the rows differ.

    The tables are `t(id, p, k)` with six rows and `u(k, name)` with three.

    >>> compare("select distinct on (k) k, ai_query('e', p) from t order by k, id")
    before: p0 p1 p2 p3 p4 p5
    after:  p0 p1 p2
    """
    echo = Echo()
    connection = answered_by(echo.documents)
    connection.execute(ROWS)
    rows = connection.execute(query).fetchall()
    _show("before:", echo)
    finish = Planner(connection, echo).run(Statement(query))
    assert sorted(connection.fetchall(), key=repr) == sorted(rows, key=repr)  # noqa: S101 (the example's proof)
    finish()
    _show("after: ", echo)
    connection.close()


def answered_by(documents: Callable[..., pa.Array], database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """Return DuckDB's own connection with `ai_query`, whose calls a function answers with JSON texts."""
    connection = duckdb.connect(database)
    kinds: dict[str, Any] = {"type": "arrow", "null_handling": "special"}
    connection.create_function("__ai_query", documents, None, "VARCHAR", **kinds)
    connection.create_function("__ai_structure", _structure, None, "VARCHAR", **kinds)
    connection.execute("CREATE TEMP MACRO __ai_session() AS ''")
    for statement in named("ai_query.sql").values():
        connection.execute(statement)
    return connection


def _structure(*columns: Any) -> pa.Array:
    return pa.array(['"VARCHAR"'] * len(columns[0]), pa.large_string())


def _show(label: str, echo: Echo) -> None:
    print(label, *sorted(set(echo.asked)))  # noqa: T201 (an example shows)
    echo.asked.clear()
