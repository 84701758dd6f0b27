"""One statement on one connection: planned, asked, finished, and cleaned up after."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import duckdb

from ddb_aiquery._planner import ast, normal_form
from ddb_aiquery._planner.algebra import State, exactly
from ddb_aiquery._planner.bind import Binder
from ddb_aiquery._planner.calls import CALL, Unknown, Unplannable, asks_texts, tries
from ddb_aiquery._planner.functions import Functions, read_functions
from ddb_aiquery._planner.macros import EVALUATED, answering, install
from ddb_aiquery._planner.normal_form import Unbound
from ddb_aiquery._planner.questions import Answers
from ddb_aiquery._planner.records import WRITES, Finish, Outcome, Plan, Statement, calling_text, span_of
from ddb_aiquery._planner.running import DEAR, Asker, Counting, Live, Memory
from ddb_aiquery._planner.scratch import Scratch
from ddb_aiquery._planner.stages import Solver
from ddb_aiquery._planner.targets import Hopeless, settled
from ddb_aiquery._planner.text import Span, inner_query
from ddb_aiquery._sql import named


def in_transaction(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether the user has begun a transaction: in autocommit every statement has its own."""
    statement = named("planner.sql")["transaction"]
    first, second = (connection.execute(statement).fetchall() for _ in range(2))
    return first == second


class Planner:
    """The planner of one connection.

    `connection` is DuckDB's own, with ai_query installed. Nothing is changed on it between statements but the function
    `__ai_planned`, which stands for a call while a statement is read. Rows that took `dear` seconds to find are kept.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, asker: Asker, dear: float = DEAR) -> None:
        self.connection, self.asker, self.dear = connection, asker, dear
        self.memory = Memory()
        install(connection)

    @cached_property
    def functions(self) -> Functions:
        """What the database's functions do, read when first needed."""
        return read_functions(self.connection)

    @contextmanager
    def reading(self, how: str = "planning") -> Iterator[None]:
        """Let DuckDB read statements without the chance to evaluate a call, even a constant one; `how` is the macro."""
        self.connection.execute(named("planner.sql")[how])
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # in an aborted transaction, whose rollback restores as well
                self.restore()

    def restore(self) -> None:
        """Make `ai_query` the function again."""
        for macro in ("ask", "ai_query"):
            self.connection.execute(named("ai_query.sql")[macro])

    def run(self, statement: Statement) -> Finish:
        """Run a statement so that its result is open on the connection; call what is returned when it was read.

        Raises:
            duckdb.Error: the statement's own error.
            AiQueryError: from the engine.
        """
        run = self.asker.begin(statement.text)
        own = not in_transaction(self.connection)
        if not own and (reason := self._hidden(statement)):
            return self._called(statement, run, reason)
        scratch = Scratch(self.connection, f"__ai_{secrets.token_hex(6)}_")
        try:
            outcome = self._planned(statement, scratch, run, own=own)
        except Unplannable as reason:
            if statement.objects:  # one of them may be readable only once, and has been read
                self.restore()
                return self._called(statement, run, str(reason), self._cleaning(scratch, own=own))
            self._abandon(scratch, own=own)
            return self._called(statement, run, str(reason))
        except (duckdb.Error, Unbound) as error:
            self._abandon(scratch, own=own)
            self._mend(error)
            said = error.error if isinstance(error, Unbound) else error
            if not own or isinstance(said, duckdb.InterruptException):
                self.asker.finish(run)
                raise said from None
            return self._called(statement, run, str(error))
        except Hopeless as hopeless:
            self._undo(scratch, run, own)
            raise hopeless.error from None
        except BaseException:
            self._undo(scratch, run, own)
            raise
        return Finish(
            [*self._ending(statement, scratch, own=own), lambda: self.asker.finish(run)],
            outcome,
            lambda: self._undo(scratch, run, own),
        )

    def _hidden(self, statement: Statement) -> str:
        """Return why a statement cannot be planned: found out elsewhere, since it would abort a transaction."""
        with self.connection.cursor() as other:
            try:
                other.execute(named("planner.sql")["planning"])
                normal_form.bound_text(other, calling_text(statement), statement.parameters)
                if span_of(statement) is None:  # its own text runs in the end
                    other.execute(named("planner.sql")["standing"])
                    other.execute(f"EXPLAIN {statement.text}", statement.parameters)
            except duckdb.BinderException as refused:
                return str(refused)
            except Unbound as unbound:
                if isinstance(unbound.error, duckdb.NotImplementedException) or EVALUATED in str(unbound):
                    return str(unbound)
            except duckdb.Error:
                pass  # what only the transaction itself can see
        return ""

    def _mend(self, error: Exception) -> None:
        """Switch the optimiser on again, which an aborted transaction did not allow; in the user's own it waits."""
        if isinstance(error, Unbound):
            with suppress(duckdb.Error):
                self.connection.execute(named("planner.sql")["optimiser_on"])

    def _undo(self, scratch: Scratch, run: Any, own: bool) -> None:
        self._abandon(scratch, own=own)
        self.asker.finish(run)

    def call(self, statement: Statement, reason: str) -> Finish:
        """Run a statement that no plan is made for: DuckDB calls the function. The errors are those of `run`."""
        return self._called(statement, self.asker.begin(statement.text), reason)

    def _called(
        self, statement: Statement, run: Any, reason: str, cleaning: Sequence[Callable[[], Any]] = ()
    ) -> Finish:
        """Run the text as it is: DuckDB calls the function."""
        finish = Finish([*cleaning, lambda: self.asker.finish(run)], Outcome(unplanned=reason))
        try:
            self.connection.execute(statement.prefix + statement.text, statement.parameters)
        except BaseException:
            if cleaning:
                self.connection.execute(named("planner.sql")["rollback"])
            self.asker.finish(run)
            raise
        return finish

    def _planned(self, statement: Statement, scratch: Scratch, run: Any, *, own: bool) -> Outcome:
        if own:
            scratch.run("begin")
        scratch.adopt(statement.objects)
        statement = replace(statement, text=scratch.copied(statement.text))
        if statement.kind in WRITES and (cut := span_of(statement)) is not None:
            self.connection.execute(named("planner.sql")["binding"])
            if settled(self.connection, statement, cut):
                return Outcome()
        plan, table = self.plan(statement, scratch)
        scratch.lasting = plan.draws
        runner = Live(scratch, table, self.asker, run, self.memory, self.dear)
        solver = Solver(plan.state, runner, plan.bound.rel, plan.bound.outs)
        solver.solve(plan.bound.rel, [*plan.bound.outs, *plan.bound.rel.order], [])
        scratch.lend(table.path)
        self._finish_text(plan, table, solver, kept=runner.kept)
        return Outcome(tuple(runner.stages))

    def plan(self, statement: Statement, scratch: Scratch) -> tuple[Plan, Answers]:
        """Take a statement apart and make the table of its answers.

        Raises:
            Unplannable: it is run through the function instead.
        """
        if "__duckdb_delim" in statement.text:
            raise Unplannable("a name that DuckDB uses itself")
        cut = span_of(statement)
        if cut and re.search(r"\bai_\w", cut.after, re.IGNORECASE):
            raise Unplannable("a call after the statement's query")
        query = calling_text(statement)
        self.connection.execute(named("planner.sql")["planning"])  # until answers are looked up or all is undone
        text = normal_form.bound_text(self.connection, query, statement.parameters)
        if query is statement.text and statement.kind != "SELECT":
            inner = inner_query(text)
            if CALL in inner.before or CALL in inner.after:
                raise Unplannable("a call outside the statement's query")
            text = inner.query
        if "\0" in text:  # from chr(0): DuckDB shows it as it is, and reads no text beyond it
            raise Unplannable("a text with NUL")
        tree = normal_form.with_unique_ctes(normal_form.read(self.connection, text), scratch.prefix)
        if cut is None and tries(tree):
            raise Unplannable("a call inside TRY")  # the text itself runs in the end, over look-ups
        table = scratch.answers(texts=asks_texts(tree))
        state = State(self.functions, lambda call: table.look_up(call, state))
        return Plan(statement, Binder(state).statement(tree), state, cut, "nextval" in text.lower()), table

    def _finish_text(self, plan: Plan, table: Answers, solver: Solver, *, kept: bool) -> None:
        """Run the user's own text over the answers, or the plan's where rows were kept."""
        statement = plan.statement
        if kept and plan.span is not None and (text := self._rewritten(plan, plan.span, solver)) is not None:
            self.connection.execute(statement.prefix + text)
            return
        for macro in answering(table, kept=kept):
            self.connection.execute(macro)
        if plan.span is not None and not self._binds(plan, plan.span):
            self.restore()
            if kept or (text := self._rewritten(plan, plan.span, solver)) is None:
                raise Unplannable("a place where no subquery may stand")
            self.connection.execute(statement.prefix + text)
            return
        self.connection.execute(statement.prefix + statement.text, statement.parameters)

    def _binds(self, plan: Plan, span: Span) -> bool:
        """Return whether the query takes a subquery wherever it calls: an alias that is used again does not."""
        if plan.draws:  # even a relation would draw; and to bind a statement instead may abort the transaction
            return True
        try:
            self.connection.sql(span.query, params=plan.statement.parameters)
        except duckdb.Error:
            return False
        return True

    def _columns(self, query: str, parameters: Any = None) -> list[tuple[str, str]]:
        """Return the names and types of a query that binds; it is not run, as even a relation of it may be."""
        return [row[:2] for row in self.connection.execute(f"DESCRIBE {query}", parameters).fetchall()]

    def _rewritten(self, plan: Plan, span: Span, solver: Solver) -> str | None:
        """Return the text with its query written anew, None if names or types would not be the same."""
        rel, order = plan.bound.rel, plan.bound.rel.order
        if not order and rel.node in plan.state.kept:
            rel.node.makes |= {"rowid"}
            order = [ast.ascending(ast.column("rowid"))]
        items = zip(plan.bound.outs, plan.bound.names, strict=True)
        query = exactly(rel, list(items), plan.state, [ast.order(order)] if order else [])
        text = normal_form.write(self.connection, solver.complete(query))
        with self.reading():
            alike = self._columns(span.query, plan.statement.parameters) == self._columns(text)
        return f"{span.before}{text} {span.after}" if alike else None

    def _cleaning(self, scratch: Scratch, *, own: bool) -> list[Callable[[], Any]]:
        """Return what removes a statement's traces: its macro first, since a registered relation is bound anew."""
        return [self.restore, scratch.drop, *([lambda: scratch.run("commit")] if own else [])]

    def _ending(self, statement: Statement, scratch: Scratch, *, own: bool) -> list[Callable[[], Any]]:
        """Return what ends a statement whose result was read: one that only reads is undone at one stroke."""
        if own and statement.kind == "SELECT" and not scratch.lasting:
            return [lambda: scratch.run("rollback"), scratch.release]
        return self._cleaning(scratch, own=own)

    def _abandon(self, scratch: Scratch, *, own: bool) -> None:
        """Leave the connection as it was before a statement that failed."""
        steps = [lambda: scratch.run("rollback")] if own else self._cleaning(scratch, own=False)
        for step in steps:
            try:
                step()
            except duckdb.Error:
                break  # the user's transaction is aborted: its rollback removes what is left
        scratch.release()

    def priced(self, statement: Statement) -> Outcome:
        """Count what a statement would ask; where that cannot be counted, say why."""
        try:
            return self.price(statement)
        except (Unplannable, duckdb.Error) as reason:
            return Outcome(unplanned=str(reason))

    def price(self, statement: Statement) -> Outcome:
        """Count what a statement would ask, without one call, and leave nothing behind."""
        own = not in_transaction(self.connection)
        scratch = Scratch(self.connection, f"__ai_{secrets.token_hex(6)}_")
        if own:
            scratch.run("begin")
        try:
            scratch.adopt(statement.objects)
            plan, table = self.plan(replace(statement, text=scratch.copied(statement.text)), scratch)
            runner = Counting(scratch, table, self.asker, None, self.memory)
            solver = Solver(plan.state, runner, plan.bound.rel, plan.bound.outs)
            note = ""
            try:
                solver.solve(plan.bound.rel, [*plan.bound.outs, *plan.bound.rel.order], [])
            except Unknown as reason:
                note = str(reason)
            return Outcome(tuple(runner.stages), note)
        except Unbound as unbound:
            self._abandon(scratch, own=own)
            self._mend(unbound)
            if EVALUATED in str(unbound):
                raise Unplannable("a call that DuckDB evaluates while it reads the statement") from None
            if not isinstance(unbound.error, duckdb.NotImplementedException):
                raise unbound.error from None
            raise Unplannable(str(unbound)) from None
        finally:
            self._abandon(scratch, own=own)
