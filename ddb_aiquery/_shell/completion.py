"""What Tab offers: dot commands, endpoints inside a call, else what the database knows, nearest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from ddb_aiquery._shell.commands import COMMANDS
from ddb_aiquery._shell.layouts import NAMES
from ddb_aiquery._sql import identifier, named

_ENDPOINT = re.compile(r"""\bai_\w+\s*\(\s*(?:endpoint\s*(?:=>|:=)\s*)?'([^'\s]*)$""", re.IGNORECASE)
_RELATION = re.compile(r"\b(?:from|join|into|update|table|describe|summarize|show)\s+(\w*)$", re.IGNORECASE)
_MEMBER = re.compile(r"""(\w+|"[^"]+")\.(\w*)$""")
_WORD = re.compile(r"\w+$")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass
class Vocabulary:
    """The words of a database; keywords and functions are read once, tables and columns after each statement."""

    connection: Callable[[], Any]
    """The connection, None where it cannot be opened."""
    _fixed: list[tuple[str, str]] = field(default_factory=list)
    _catalog: list[tuple[str, str | None]] | None = None

    def forget(self) -> None:
        """Read tables and columns again when they are asked for."""
        self._catalog = None

    def words(self) -> list[tuple[str, str]]:
        """Return keywords and functions, each with its kind."""
        if not self._fixed:
            self._fixed = self._read("words")
        return self._fixed

    def catalog(self) -> list[tuple[str, str | None]]:
        """Return each relation with each of its columns; schemas and databases have none."""
        if self._catalog is None:
            self._catalog = self._read("catalog")
        return self._catalog

    def endpoints(self) -> list[str]:
        """Return the names that SQL may call."""
        return [name for name, _ in self._read("called")]

    def _read(self, query: str) -> list[tuple[Any, Any]]:
        con = self.connection()
        if con is None:
            return []
        import duckdb  # noqa: PLC0415 (the prompt is there before DuckDB)

        try:
            rows: list[tuple[Any, Any]] = con.raw.execute(named("shell.sql")[query]).fetchall()
        except duckdb.Error:  # a transaction that failed answers nothing until it ends
            return []
        return rows


class SqlCompleter(Completer):
    """Completes the word at the cursor."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002
        """Yield what may stand at the cursor."""
        before = document.text_before_cursor
        start, words = self.offers(before)
        for word in dict.fromkeys(words):
            yield Completion(word, start - len(before))

    def offers(self, before: str) -> tuple[int, Iterable[str]]:
        """Return where the word at the end of a text begins, and what may stand in its place."""
        if before.startswith("."):
            return _commands(before)
        if call := _ENDPOINT.search(before):
            return call.start(1), _starting(call[1], self.vocabulary.endpoints())
        if member := _MEMBER.search(before):
            return member.start(2), _starting(member[2], self._columns(member[1], before))
        if relation := _RELATION.search(before):
            return relation.start(1), _starting(relation[1], (name for name, _ in self.vocabulary.catalog()))
        word = _WORD.search(before)
        if word is None:
            return len(before), ()
        return word.start(), self._anything(word[0], before)

    def _columns(self, owner: str, before: str) -> Iterator[str]:
        """Yield the columns of a table, or of what an alias stands for."""
        owner = owner.strip('"').lower()
        alias = re.search(rf"\b(\w+)\s+(?:as\s+)?{re.escape(owner)}\b", before, re.IGNORECASE)
        names = {owner, alias[1].lower() if alias else owner}
        return (column for name, column in self.vocabulary.catalog() if column and name.lower() in names)

    def _anything(self, word: str, before: str) -> Iterator[str]:
        said = set(re.findall(r"\w+", before.lower()))
        catalog = self.vocabulary.catalog()
        yield from _starting(word, (column for name, column in catalog if column and name.lower() in said))
        yield from _starting(word, (name for name, _ in catalog))
        yield from _starting(word, (column for _, column in catalog if column))
        for kind in ("keyword", "function"):
            for found in _starting(word, (name for name, its in self.vocabulary.words() if its == kind)):
                yield found.upper() if kind == "keyword" and word.isupper() else found


def _commands(before: str) -> tuple[int, Iterable[str]]:
    name, space, rest = before.partition(" ")
    if not space:
        return 0, (f".{each}" for each in COMMANDS if each.startswith(name[1:]))
    if name == ".mode":
        return len(name) + 1, (each for each in NAMES if each.startswith(rest))
    return len(before), ()


def _starting(prefix: str, words: Iterable[str]) -> Iterator[str]:
    """Yield the words that begin so, in quotes where DuckDB needs them."""
    for word in words:
        if word.lower().startswith(prefix.lower()):
            yield word if _PLAIN.fullmatch(word.lower()) or "/" in word or "-" in word else identifier(word)
