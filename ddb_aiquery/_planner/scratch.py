"""Names and tables of one statement on one connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from ddb_aiquery._planner import ast, normal_form
from ddb_aiquery._planner.questions import KEYS, KEYS_OF_ANY, KEYS_OF_TEXTS, Answers
from ddb_aiquery._planner.spill import Spill
from ddb_aiquery._sql import identifier, named

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast

Path = tuple[str, str, str]
_SOURCE = re.compile(r'"__duckdb_source_\w+"')
"""How DuckDB names a Python object in the text of a relation."""


@dataclass(slots=True)
class Scratch:
    """What one statement makes on its connection and leaves nothing of: after `drop`, or a rollback and `release`."""

    connection: duckdb.DuckDBPyConnection
    prefix: str
    """Begins every name; no user can have chosen it."""
    tables: list[str] = field(default_factory=list)
    adopted: dict[str, Any] = field(default_factory=dict)
    """Registered objects whose views made way for a copy."""
    lasting: bool = False
    """Whether a statement that only reads leaves something behind: what it drew from a sequence."""
    values: dict[str, Ast] = field(default_factory=dict)
    waiting: Spill | None = None
    """Answers on disk, which need not come into memory if only the final run reads them."""
    lent: dict[str, Spill] = field(default_factory=dict)
    """Answers on disk that DuckDB reads from there, by the name that it knows them by."""

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
        made = dict(zip((*KEYS, "document"), map(identifier, labels), strict=True))
        self.run("answers", answers=identifier(name), **made)
        return Answers(("temp", "main", name), labels, tuple(keys), statements, self.value)  # type: ignore[arg-type]

    def take_in(self, spill: Spill, path: Path) -> None:
        """Put answers into their table, or let them wait on disk if they are many."""
        self.settle(path)
        self.waiting = spill
        if not spill.on_disk:
            self.settle(path)

    def settle(self, path: Path) -> None:
        """Put answers that wait into their table, since a query is about to look for them."""
        if self.waiting is not None:
            self.connection.from_arrow(self.waiting.reader()).insert_into(where(path))
            self.waiting.close()
            self.waiting = None

    def lend(self, path: Path) -> None:
        """Let the final run read answers that wait from the disk, where nothing else is in their table."""
        spill, (*_, name) = self.waiting, path
        if spill is None or self.run("count", query=f"FROM {where(path)}").fetchall() != [(0,)]:
            self.settle(path)
            return
        self.run("drop", table=where(path))
        self.tables.remove(name)
        self.connection.register(name, spill)
        self.lent[name], self.waiting = spill, None

    def release(self) -> None:
        """Let go of answers on disk; a transaction that is aborted keeps the connection from forgetting their name."""
        if self.waiting is not None:
            self.waiting.close()
        while self.lent:
            name, spill = self.lent.popitem()
            spill.close()
            with suppress(duckdb.Error):
                self.connection.unregister(name)

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
            self.run("keep", table=where(("temp", "main", copy)), query=f"FROM {identifier(passing)}")
            self.connection.unregister(passing)
            if self.connection.execute(named("planner.sql")["temp_view"], [name]).fetchall():
                self.adopted[name] = value
                self.run("drop_view", view=identifier(name))
            self.run("rename", table=where(("temp", "main", copy)), name=identifier(name))
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
        self.release()
        while self.tables:
            self.run("drop", table=where(("temp", "main", self.tables.pop())))
        while self.adopted:
            self.connection.register(*self.adopted.popitem())


def where(path: Path) -> str:
    """Return the quoted path of a table."""
    return ".".join(map(identifier, path))


_keys: dict[str, Ast] = {}


def read_key(connection: duckdb.DuckDBPyConnection, statement: str) -> Ast:
    """Return a key expression of sql/planner.sql, read once."""
    if statement not in _keys:
        _keys[statement] = normal_form.read(connection, named("planner.sql")[statement])["select_list"][0]
    return _keys[statement]
