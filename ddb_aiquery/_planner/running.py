"""Carries a plan out on a connection: questions to the engine, answers into a table, kept rows into others."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from ddb_aiquery import _arrow
from ddb_aiquery._planner import normal_form
from ddb_aiquery._planner.questions import NAMES, Answers, Asked
from ddb_aiquery._planner.scratch import Path, Scratch, where
from ddb_aiquery._planner.spill import Spill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ddb_aiquery._planner.ast import Ast

BATCH = 2_048
"""Questions that are taken out of DuckDB at once."""
DEAR = 3.0
"""Seconds of DuckDB's work after which rows are kept rather than found again for the next stage."""


class Asker(Protocol):
    """The engine, as the planner sees it."""

    def begin(self, sql: str) -> Any:
        """Return a new run for one statement."""

    def finish(self, run: Any) -> Any:
        """Close a run: its figures are complete."""

    def stream(self, batches: Iterable[pa.RecordBatch], run: Any) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        """Yield each batch with its rows' documents; the first seven columns are the arguments."""

    def price(self, batches: Iterable[pa.RecordBatch]) -> Any:
        """Return questions, cached, to_send, input_tokens and cost_usd of distinct questions, without a call."""

    def take_error(self) -> BaseException | None:
        """Return, once, the error that was raised inside the function."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one step asked: in how many rows, how many questions, and whether these numbers are exact.

    Counted beforehand, `cost_usd` is None for questions that are made of answers.
    """

    questions: int
    exact: bool = True
    rows: int = 0
    cached: int = 0
    to_send: int = 0
    input_tokens: int = 0
    cost_usd: float | None = 0.0


@dataclass(slots=True)
class Memory:
    """The shares of rows that passed predicates before, by the predicates' text; the oldest are forgotten."""

    shares: dict[str, float] = field(default_factory=dict)
    size: int = 1_000


class Live:
    """A runner that really asks."""

    answers = True

    def __init__(
        self, scratch: Scratch, table: Answers, asker: Asker, run: Any, memory: Memory, dear: float = DEAR
    ) -> None:
        self.scratch, self.table, self.asker, self.current, self.memory = scratch, table, asker, run, memory
        self._dear, self._seconds = dear, 0.0
        self.kept = False
        self.asked = 0
        self.stages: list[Stage] = []

    def ask(self, questions: Sequence[Asked]) -> None:
        """Stream the questions to the engine and store the answers."""
        schema = pa.schema([(label, pa.large_string()) for label in self.table.labels])
        spill = Spill(schema)
        batches = self._batches(questions)
        try:
            for batch, documents in self.asker.stream(batches, self.current):
                columns = [values.cast(pa.large_string()) for values in (*batch.columns[-3:], documents)]
                spill.add(pa.RecordBatch.from_arrays(columns, schema=schema))
        except BaseException:
            spill.close()
            raise
        finally:
            batches.close()
        self.stages.append(Stage(spill.rows))
        self.asked += spill.rows
        pa.default_memory_pool().release_unused()  # DuckDB needs the room for the answers
        self.scratch.take_in(spill, self.table.path)

    @property
    def is_dear(self) -> bool:
        """Whether DuckDB took long to list the questions of the last stage."""
        return self._seconds >= self._dear

    def _text(self, query: Ast) -> str:
        """Return the text of a query that is about to run, and see that it finds all answers."""
        self.scratch.settle(self.table.path)
        return normal_form.write(self.scratch.connection, query)

    def _batches(self, questions: Sequence[Asked]) -> Generator[pa.RecordBatch, None, None]:
        seen: set[bytes] | None = set() if len(questions) > 1 else None
        self._seconds = 0.0
        for asked in questions:
            for batch in self._rows(self._text(asked.query)):
                fresh = batch if seen is None else _unseen(batch, seen)
                if fresh.num_rows:
                    yield fresh

    def _rows(self, text: str) -> Generator[pa.RecordBatch, None, None]:
        """Yield a query's rows and add up the time that DuckDB takes for them."""
        begun = time.monotonic()
        reader = self.scratch.connection.sql(text).to_arrow_reader(BATCH)
        try:
            while (batch := next(reader, None)) is not None:
                self._seconds += time.monotonic() - begun
                yield batch
                begun = time.monotonic()
            self._seconds += time.monotonic() - begun
        finally:
            reader.close()  # an open result would keep the connection from ending the transaction

    def count(self, query: Ast) -> int:
        """Return how many rows the query has."""
        ((rows,),) = self.scratch.run("count", query=self._text(query)).fetchall()
        return int(rows)

    def keep(self, query: Ast) -> Path:
        """Run the query once into a temporary table."""
        self.kept = True
        path = ("temp", "main", self.scratch.name("kept"))
        self.scratch.run("keep", table=where(path), query=self._text(query))
        return path

    def append(self, path: Path, query: Ast) -> tuple[int, int]:
        """Add the query's rows to a kept table; return how many, and the last row's rowid."""
        ((rows,),) = self.scratch.run("append", table=where(path), query=self._text(query)).fetchall()
        ((last,),) = self.scratch.run("last", table=where(path)).fetchall()
        return int(rows), int(last)

    def passed(self, predicate: str) -> float:
        """Return the share of rows that passed a predicate before, 0.5 if it is new."""
        return self.memory.shares.get(predicate, 0.5)

    def learn(self, predicate: str, share: float) -> None:
        """Remember the share of rows that passed a predicate."""
        self.memory.shares.pop(predicate, None)
        self.memory.shares[predicate] = share
        while len(self.memory.shares) > self.memory.size:
            self.memory.shares.pop(next(iter(self.memory.shares)))


class Counting(Live):
    """A runner that counts and prices, and asks nothing."""

    answers = False

    def ask(self, questions: Sequence[Asked]) -> None:
        """Price what is known exactly, count the rest."""
        exact = [asked for asked in questions if asked.exact]
        sure = all(asked.sure for asked in questions)
        for asked in questions:
            if not asked.exact:
                most = self.count(asked.query)
                cost = None if most else 0.0
                self.stages.append(Stage(most, False, self.count(asked.rows), to_send=most, cost_usd=cost))
        if exact:
            count = self.asker.price([batch.select(list(NAMES)) for batch in self._batches(exact)])
            rows = sum(self.count(asked.rows) for asked in exact)
            self.stages.append(
                Stage(count.questions, sure, rows, count.cached, count.to_send, count.input_tokens, count.cost_usd)
            )

    def learn(self, predicate: str, share: float) -> None:
        """Learn nothing from a run that asked nothing."""


def _unseen(batch: pa.RecordBatch, seen: set[bytes]) -> pa.RecordBatch:
    rows = zip(*(column.to_pylist() for column in batch.columns[-3:]), strict=True)
    keys = [sha256(repr(row).encode()).digest() for row in rows]  # prompts themselves may be long
    fresh = [key not in seen and not seen.add(key) for key in keys]  # type: ignore[func-returns-value]
    return batch.filter(_arrow.flags(fresh))
