"""Carries a plan out on a connection: questions to the engine, answers into a table, kept rows into others."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from ddb_aiquery._planner import ast, normal_form
from ddb_aiquery._planner.questions import KEYS, KEYS_OF_ANY, KEYS_OF_TEXTS, NAMES, Answers, Asked
from ddb_aiquery._planner.spill import Spill
from ddb_aiquery._sql import named

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from ddb_aiquery._planner.ast import Ast

Path = tuple[str, str, str]
_SOURCE = re.compile(r'"__duckdb_source_\w+"')
"""How DuckDB names a Python object in the text of a relation."""


BATCH = 2_048
"""Questions that are taken out of DuckDB at once."""


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
    """What one step asked: in how many rows, how many questions, and whether these numbers are exact."""

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


@dataclass(slots=True)
class Desk:
    """Names and tables of one statement on one connection."""

    connection: duckdb.DuckDBPyConnection
    prefix: str
    """Begins every name; no user can have chosen it."""
    tables: list[str] = field(default_factory=list)
    adopted: dict[str, Any] = field(default_factory=dict)
    """Registered objects whose views made way for a copy."""
    values: dict[str, Ast] = field(default_factory=dict)

    def name(self, what: str) -> str:
        """Return a new table name."""
        self.tables.append(f"{self.prefix}{what}{len(self.tables)}")
        return self.tables[-1]

    def run(self, statement: str, **parts: str) -> duckdb.DuckDBPyConnection:
        """Execute a statement of sql/planner.sql, its names and queries filled in."""
        return self.connection.execute(named("planner.sql")[statement].format(**parts))

    def answers(self, *, texts: bool) -> Answers:
        """Create the table of answers; `texts` says that every request is a text."""
        name = self.name("answers")
        statements = KEYS_OF_TEXTS if texts else KEYS_OF_ANY
        keys = [read_key(self.connection, statement) for statement in statements]
        labels = tuple(f"{self.prefix}{label}" for label in (*KEYS, "document"))
        made = dict(zip((*KEYS, "document"), map(quoted, labels), strict=True))
        self.run("answers", answers=quoted(name), **made)
        return Answers(("temp", "main", name), labels, tuple(keys), statements, self.value)  # type: ignore[arg-type]

    def value(self, expression: Ast) -> Ast:
        """Return a constant VARCHAR expression as the text that it is, worked out once a statement."""
        own = ast.fingerprint(expression)
        if own not in self.values:
            query = normal_form.write(self.connection, ast.select([(expression, "")]))
            ((found,),) = self.connection.execute(query).fetchall()
            self.values[own] = ast.NULL if found is None else ast.text(found)
        return self.values[own]

    def adopt(self, objects: Mapping[str, Any]) -> None:
        """Copy Python objects into temporary tables of the names that the statement knows them by."""
        for name, value in objects.items():
            copy = self.name("object")
            passing = self.name("passing")
            self.connection.register(passing, value)
            self.run("keep", table=where(("temp", "main", copy)), query=f"FROM {quoted(passing)}")
            self.connection.unregister(passing)
            if self.connection.execute(named("planner.sql")["temp_view"], [name]).fetchall():
                self.adopted[name] = value
                self.run("drop_view", view=quoted(name))
            self.run("rename", table=where(("temp", "main", copy)), name=quoted(name))
            self.tables.append(name)

    def copied(self, text: str) -> str:
        """Return a relation's text with copies in place of the Python objects that DuckDB named in it."""
        for source in sorted(set(_SOURCE.findall(text))):
            path = ("temp", "main", self.name("object"))
            self.run("keep", table=where(path), query=f"FROM {source}")
            text = text.replace(source, where(path))
        return text

    def drop(self) -> None:
        """Remove every table that was made, and put registered objects back."""
        while self.tables:
            self.run("drop", table=where(("temp", "main", self.tables.pop())))
        while self.adopted:
            self.connection.register(*self.adopted.popitem())


def quoted(name: str) -> str:
    """Return an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def where(path: Path) -> str:
    """Return the quoted path of a table."""
    return ".".join(map(quoted, path))


_keys: dict[str, Ast] = {}


def read_key(connection: duckdb.DuckDBPyConnection, statement: str) -> Ast:
    """Return a key expression of sql/planner.sql, read once."""
    if statement not in _keys:
        _keys[statement] = normal_form.read(connection, named("planner.sql")[statement])["select_list"][0]
    return _keys[statement]


class Live:
    """A runner that really asks."""

    answers = True

    def __init__(self, desk: Desk, table: Answers, asker: Asker, run: Any, memory: Memory) -> None:
        self.desk, self.table, self.asker, self.current, self.memory = desk, table, asker, run, memory
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
            self.stages.append(Stage(spill.rows))
            self.asked += spill.rows
            if spill.rows:
                pa.default_memory_pool().release_unused()  # DuckDB needs the room for the answers
                self.desk.connection.from_arrow(spill.reader()).insert_into(where(self.table.path))
        finally:
            batches.close()
            spill.close()

    def _batches(self, questions: Sequence[Asked]) -> Generator[pa.RecordBatch, None, None]:
        seen: set[tuple[Any, ...]] | None = set() if len(questions) > 1 else None
        for asked in questions:
            query = normal_form.write(self.desk.connection, asked.query)
            reader = self.desk.connection.sql(query).to_arrow_reader(BATCH)
            try:
                for batch in reader:
                    fresh = batch if seen is None else _unseen(batch, seen)
                    if fresh.num_rows:
                        yield fresh
            finally:
                reader.close()  # an open result would keep the connection from ending the transaction

    def count(self, query: Ast) -> int:
        """Return how many rows the query has."""
        text = normal_form.write(self.desk.connection, query)
        ((rows,),) = self.desk.run("count", query=text).fetchall()
        return int(rows)

    def keep(self, query: Ast) -> Path:
        """Run the query once into a temporary table."""
        self.kept = True
        path = ("temp", "main", self.desk.name("kept"))
        self.desk.run("keep", table=where(path), query=normal_form.write(self.desk.connection, query))
        return path

    def append(self, path: Path, query: Ast) -> tuple[int, int]:
        """Add the query's rows to a kept table; return how many, and the last row's rowid."""
        text = normal_form.write(self.desk.connection, query)
        ((rows,),) = self.desk.run("append", table=where(path), query=text).fetchall()
        ((last,),) = self.desk.run("last", table=where(path)).fetchall()
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
                self.stages.append(Stage(most, exact=False, rows=self.count(asked.rows), to_send=most))
        if exact:
            count = self.asker.price([batch.select(list(NAMES)) for batch in self._batches(exact)])
            rows = sum(self.count(asked.rows) for asked in exact)
            self.stages.append(
                Stage(count.questions, sure, rows, count.cached, count.to_send, count.input_tokens, count.cost_usd)
            )

    def learn(self, predicate: str, share: float) -> None:
        """Learn nothing from a run that asked nothing."""


def _unseen(batch: pa.RecordBatch, seen: set[tuple[Any, ...]]) -> pa.RecordBatch:
    keys = list(zip(*(column.to_pylist() for column in batch.columns[-3:]), strict=True))
    fresh = [key not in seen and not seen.add(key) for key in keys]  # type: ignore[func-returns-value]
    return batch.filter(pa.array(fresh, pa.bool_()))
