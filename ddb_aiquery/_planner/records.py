"""What goes into the planner and what comes out: statements, plans, outcomes, and what is still to be done."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ddb_aiquery._planner.text import Span, query_of

if TYPE_CHECKING:
    from ddb_aiquery._planner.algebra import State
    from ddb_aiquery._planner.bind import Bound
    from ddb_aiquery._planner.running import Stage

_WITH = re.compile(r"\s*with\b", re.IGNORECASE)
CHANGES = frozenset({"UPDATE", "DELETE", "MERGE_INTO"})
"""Statements whose own text must run, since their query is only part of what they do."""
WRITES = CHANGES | {"INSERT", "CREATE", "COPY"}
PLANNED = WRITES | {"SELECT"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its text, DuckDB's name for its kind, its parameters.

    `prefix` stands before the text that is run in the end (EXPLAIN ANALYZE). `objects` are the Python objects that it
    reads as tables, by name: they are copied once, so that they may be read several times.
    """

    text: str
    kind: str = "SELECT"
    parameters: Any = None
    prefix: str = ""
    objects: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement taken apart; `span` cuts the user's text, None where only the text itself can run."""

    statement: Statement
    bound: Bound
    state: State
    span: Span | None
    draws: bool = False
    """Whether it draws from a sequence, which must not be undone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a statement was run: its stages, and why it was not planned (empty if it was)."""

    stages: tuple[Stage, ...] = ()
    unplanned: str = ""


@dataclass(slots=True)
class Finish:
    """What is still to be done when the result has been read; doing it twice does nothing."""

    steps: list[Callable[[], Any]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    undo: Callable[[], Any] | None = None
    """What to do instead when the result could not be read to its end."""

    def give_up(self) -> None:
        """Leave the connection as it was before the statement."""
        if self.undo is None:
            self()
            return
        self.steps = []
        self.undo()

    def __call__(self) -> None:
        """Remove what the statement left behind."""
        while self.steps:
            self.steps[0]()
            self.steps.pop(0)


def span_of(statement: Statement) -> Span | None:
    """Return where the query stands in the user's text, None where it cannot stand alone."""
    if statement.kind == "SELECT":
        return Span("", statement.text.strip().rstrip(";"), "")
    if statement.kind in CHANGES or (statement.kind != "SELECT" and _WITH.match(statement.text)):
        return None  # a WITH before INSERT belongs to the query behind it
    if statement.kind != "INSERT":
        return query_of(statement.text)
    cut = query_of(statement.text, after="into")
    return None if cut.query.lower().startswith("values") else cut  # whose DEFAULT only INSERT knows


def calling_text(statement: Statement) -> str:
    """Return the part of a statement that holds its calls, which is all of it where no query can be cut out."""
    cut = span_of(statement)
    return statement.text if cut is None else cut.query
