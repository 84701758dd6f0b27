"""How statements run on one connection: planned where they call, passed on where they do not, ended when read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from types import FrameType
from typing import Any, TypeVar

import duckdb

from ddb_aiquery import _planner
from ddb_aiquery._duckdb_errors import in_our_words
from ddb_aiquery._figures import Estimate
from ddb_aiquery._planner import Asker, Finish, Outcome, Statement
from ddb_aiquery._planner.callers import Callers
from ddb_aiquery._planner.prepared import Prepared
from ddb_aiquery._planner.presenting import estimated, present, show_plan
from ddb_aiquery._planner.text import Token, explained, has_query, only_reads, tokens
from ddb_aiquery._python_tables import PythonTables, called_with, visible
from ddb_aiquery._relation import AiRelation
from ddb_aiquery._sql import named

T = TypeVar("T")


class Statements:
    """The statements of one connection, one after the other; at most one result is open."""

    def __init__(self, raw: duckdb.DuckDBPyConnection, asker: Asker) -> None:
        self._raw, self._asker = raw, asker
        self._planner = _planner.Planner(raw, asker)
        self._prepared = Prepared(raw)
        self._callers = Callers(raw)
        self._open: Finish | None = None
        self.tables = PythonTables(raw)
        self.relations = False
        """Whether a variable of the caller may be an AiRelation."""
        self.description: Any = None
        """The last result's columns where DuckDB's own description is another statement's."""
        self.outcome = Outcome()

    # What is run

    def run(self, query: Any, parameters: Any, frame: FrameType | None) -> None:
        """Run one or several statements; the last one's result is open."""
        self.settle()
        self.description, self.outcome = None, Outcome()
        text = query.query if isinstance(query, duckdb.Statement) else query
        if not isinstance(text, str) or not self._is_special(text, frame):
            variables = visible(str(text), frame)
            self.translated(lambda: called_with(variables, self._raw.execute, query, parameters))
            self._callers.after(str(text))
            return
        statements = self._raw.extract_statements(text)
        for place, statement in enumerate(statements):
            last = place == len(statements) - 1
            self.settle()
            self.description = None
            with in_our_words(statement.query):
                self._one(statement.query.strip(), statement.type.name, parameters if last else None, frame)
            self._callers.after(statement.query)

    def run_relation(self, text: str, parameters: Any) -> None:
        """Run a relation's query: its objects have been found when it was made."""
        self.settle()
        self.description, self.outcome = None, Outcome()
        if self.has_calls(text):
            kind = self._raw.extract_statements(text)[0].type.name
            with in_our_words(text):
                self._planned(self._statement(text, kind, parameters, None))
        else:
            self.translated(lambda: self._raw.execute(text, parameters))

    def estimate(self, query: str, parameters: Any, frame: FrameType | None) -> Estimate:
        """Count what some statements would ask, one after the other, without one call and without running any."""
        self.settle()
        *first, last = [(one.query.strip(), one.type.name) for one in self._raw.extract_statements(query)] or [("", "")]
        counted = [self._estimate(text, kind, None, frame) for text, kind in first]
        return sum(counted, self._estimate(*last, parameters, frame))

    def _estimate(self, text: str, kind: str, parameters: Any, frame: FrameType | None) -> Estimate:
        if kind == "EXECUTE":
            text, kind, parameters = self._executed(text, parameters)
        if kind == "EXPLAIN":
            _, analyze, text, inner = self._explained(text, tokens(text))
            kind = inner if analyze else kind
        words = [token.word for token in tokens(text)]
        planned = kind in _planner.PLANNED and has_query(kind, words)
        if not self._is_special(text, frame) or kind == "EXPLAIN" or (only_reads(kind, words) and not planned):
            return Estimate()
        if not planned:
            return _uncounted(f"a statement {kind}")
        try:
            with in_our_words(text):
                return estimated(self._planner.price(self._statement(text, kind, parameters, frame)))
        except _planner.Unplannable as reason:
            return _uncounted(str(reason))

    def has_calls(self, text: str) -> bool:
        """Return whether a text may hold a call: it names an AI function, or a view or macro that does."""
        return self._callers.named_in(text)

    def reading(self) -> AbstractContextManager[None]:
        """Let DuckDB read statements without the chance to evaluate a call."""
        self.settle()
        return self._planner.reading()

    # How one is run

    def _one(self, text: str, kind: str, parameters: Any, frame: FrameType | None) -> None:
        if kind == "EXECUTE":
            text, kind, parameters = self._executed(text, parameters)
        if not self._is_special(text, frame):
            self.translated(lambda: self._raw.execute(text, parameters))
            return
        listed = tokens(text)
        words = [token.word for token in listed]
        if kind == "EXPLAIN":
            self._explain(text, listed, parameters, frame)
        elif kind in _planner.PLANNED and has_query(kind, words):
            self._planned(self._statement(text, kind, parameters, frame))
        elif only_reads(kind, words):
            if kind == "PREPARE":
                self._prepared.keep(text, listed)
            self._unasked(text, listed, parameters)
        else:
            statement = Statement(text, kind, parameters)
            self._opened(lambda: self._planner.call(statement, f"a statement {kind}"))

    def _executed(self, text: str, parameters: Any) -> tuple[str, str, Any]:
        """Return the statement that EXECUTE means, its kind and its parameters; one unknown is left as it is."""
        listed = tokens(text)
        known = self._prepared.text_of([token.word for token in listed])
        if known is None:
            return text, "EXECUTE", parameters
        return known, self._raw.extract_statements(known)[0].type.name, self._prepared.arguments(text, listed)

    def _planned(self, statement: Statement) -> None:
        self._opened(lambda: self._planner.run(statement))
        if statement.kind in _planner.WRITES:
            self.translated(lambda: present(self._raw, self.settle))

    def _opened(self, run: Callable[[], Finish]) -> None:
        self._open = self.translated(run)
        self.outcome = self._open.outcome
        self.description = self._raw.description

    def _unasked(self, text: str, listed: Sequence[Token], parameters: Any) -> None:
        """Run a statement that reads calls but must evaluate none: DESCRIBE, PREPARE, CREATE VIEW, ..."""
        self._raw.execute(named("planner.sql")[_unevaluated(listed)])
        try:
            self._raw.execute(text, parameters)
        except BaseException:
            with suppress(duckdb.Error):  # in an aborted transaction, whose rollback restores as well
                self._planner.restore()
            raise
        self.description = self._raw.description
        self._open = Finish([self._planner.restore])

    def _explain(self, text: str, listed: Sequence[Token], parameters: Any, frame: FrameType | None) -> None:
        prefix, analyze, inner, kind = self._explained(text, listed)
        statement = self._statement(inner, kind, parameters, frame)
        if analyze:
            self._planned(replace(statement, prefix=prefix))
            rows, outcome = self._raw.fetchall(), self.outcome
            self.settle()
        else:
            with self._planner.reading(_unevaluated(listed)):
                rows = self._raw.execute(text, parameters).fetchall()
            outcome = self._planner.priced(statement)
        show_plan(self._raw, outcome, rows)

    def _explained(self, text: str, listed: Sequence[Token]) -> tuple[str, bool, str, str]:
        """Return EXPLAIN's own words, whether it runs what it explains, and that: its text and its kind."""
        prefix, analyze = explained(text, listed)
        inner = self._raw.extract_statements(text[len(prefix) :])[0]
        return prefix, analyze, inner.query.strip(), inner.type.name

    def _statement(self, text: str, kind: str, parameters: Any, frame: FrameType | None) -> Statement:
        with self._planner.reading():
            return Statement(text, kind, parameters, objects=self.tables.read_by(text, frame))

    def _is_special(self, text: str, frame: FrameType | None) -> bool:
        if self.relations:
            with self._planner.reading():
                variables = self.tables.variables(text, frame)
            if any(isinstance(value, AiRelation) for value in variables.values()):
                return True
        return self.has_calls(text) or self._prepared.may_be_in(text)

    # How a result ends

    @property
    def is_open(self) -> bool:
        """Whether a result has not been read to its end."""
        return self._open is not None

    def settle(self) -> None:
        """End what the last statement left open: its tables, its macro, its transaction."""
        if self._open is not None:
            self._open()
            self._open = None

    def close_run(self) -> None:
        """Complete the figures of a planned statement: all its questions are answered before its first row is read."""
        if self._open is not None and self._open.steps and not self.outcome.unplanned:
            self._open.steps[-1]()
            self._open.steps[-1] = _nothing

    def translated(self, action: Callable[[], T]) -> T:
        """Run something that may evaluate calls, and give back the error that a call raised instead of its text."""
        try:
            return action()
        except (duckdb.Error, RuntimeError) as error:
            original = self._asker.take_error()
            finish, self._open = self._open, None
            if finish is not None:
                finish.give_up()
            if original is not None and type(original).__name__ in str(error):
                raise original from None
            raise


def _uncounted(reason: str) -> Estimate:
    return Estimate(open=True, note=f"unplanned: {reason}; DuckDB decides which rows are asked about")


def _unevaluated(listed: Sequence[Token]) -> str:
    """Return the macro of sql/planner.sql under which a statement's calls are not evaluated while it is only shown."""
    return "binding" if any(token.word == "values" for token in listed) else "planning"


def _nothing() -> None:
    """Stand for a step that was taken early."""
