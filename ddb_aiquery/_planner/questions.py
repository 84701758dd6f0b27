"""Lists the questions of a call as a query, and looks a call's answer up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.calls import ARGUMENTS, asks_texts, has_call, is_call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ddb_aiquery._planner.algebra import Rel, State
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.calls import Site
    from ddb_aiquery._planner.stages import Solver

NAMES = ("endpoint", "request", "returnType", "failOnError", "modelParameters", "responseFormat", "files")
REQUEST = 1
"""The request's place among them."""
ROWS = "rows"
"""The column that says how many rows of the data ask a question."""
KEYS = ("call", "request", "files")
"""What an answer is found by: how it was asked, the request as text, the files' hash."""
KEYS_OF_TEXTS = ("key_call", "key_text", "key_files")
"""The statements of sql/planner.sql that make the keys where every request is a text."""
KEYS_OF_ANY = ("key_call", "key_request", "key_files")
"""The statements that make them of any request."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with one row for each question: the seven arguments, how many rows ask it, the keys of its answer.

    Not `exact`: the query counts rows of which each asks at most one question; its arguments are not known yet.
    """

    query: Ast
    rows: Ast
    """One row for each row of the data that asks."""
    exact: bool = True
    sure: bool = True
    """False where answers that are not known yet may make the questions fewer."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The table of answers of one statement, and how keys are made of arguments."""

    path: tuple[str, str, str]
    labels: tuple[str, str, str, str]
    """The table's columns: three keys, then the document."""
    keys: tuple[Ast, Ast, Ast]
    """Expressions over columns with the names of the arguments."""
    statements: tuple[str, str, str]
    """Where in sql/planner.sql these expressions stand."""
    constant: Callable[[Ast], Ast]
    """Gives a constant expression its value, so that DuckDB need not work it out in every query."""

    def look_up(self, answer: Ast, state: State) -> Ast:
        """Return the scalar subquery that finds a call's document, NULL if there is none.

        A type that stands around the call goes inside, where it is read once an answer, not once a row.
        """
        value, call = ast.column(self.labels[3]), answer
        if not is_call(answer):
            (document, *rest) = answer["arguments"]
            call = document["expression"]
            value = {**answer, "alias": "", "arguments": [{**document, "expression": value}, *rest]}
        arguments = [state.answered(argument["expression"]) for argument in call["arguments"][:ARGUMENTS]]
        matches = [
            ast.equal(ast.column(label), key) for label, key in zip(self.labels, self.of(arguments), strict=False)
        ]
        return ast.scalar(ast.select([(value, "")], ast.table(self.path, state.alias()), ast.both(matches)))

    def of(self, arguments: Sequence[Ast]) -> list[Ast]:
        """Return the three keys of a call with these arguments."""
        values = {name: {**argument, "alias": ""} for name, argument in zip(NAMES, arguments, strict=True)}
        keys = [ast.substituted(key, values) for key in self.keys]
        return [ast.exact(self.constant(key) if is_constant(key) else key) for key in keys]


def question(solver: Solver, rel: Rel, where: Sequence[Ast], site: Site, *, exact: bool) -> Asked:
    """Return the query that lists the distinct questions of a call in the wanted rows of a relation."""
    if not exact:
        return Asked(_bound(solver, rel, where, site), solver.loosely(rel, [], where), exact=False)
    given = site.arguments
    if asks_texts(site.call):
        given[REQUEST] = ast.exact(given[REQUEST])
    varying = [place for place, argument in enumerate(given) if not is_constant(argument)]
    items = [(given[place], f"a{place}") for place in varying]
    filled = ast.operator("OPERATOR_IS_NOT_NULL", given[REQUEST])
    rows = solver.sparsely(rel, items, [*where, filled])
    inner = ast.counted(rows, ROWS) if items else {**rows, "modifiers": [ast.distinct()]}
    arguments = [ast.column(f"a{p}") if p in varying else given[p] for p in range(ARGUMENTS)]
    keys = solver.runner.table.of(arguments)
    listed = [
        *zip(arguments, NAMES, strict=True),
        (ast.column(ROWS) if items else ast.number(1), ROWS),
        *((key, f"key_{name}") for key, name in zip(keys, KEYS, strict=True)),
    ]
    known = solver.runner.table
    if not solver.runner.asked:
        return Asked(ast.select(listed, ast.derived(inner, solver.state.alias())), rows)
    matches = [ast.equal(ast.column(label), key) for label, key in zip(known.labels, keys, strict=False)]
    answered = ast.exists(ast.select([], ast.table(known.path, solver.state.alias()), ast.both(matches)))
    new = ast.operator("OPERATOR_NOT", answered)
    return Asked(ast.select(listed, ast.derived(inner, solver.state.alias()), new), rows)


def _bound(solver: Solver, rel: Rel, where: Sequence[Ast], site: Site) -> Ast:
    """Return a query whose rows are at least as many as the questions: what the arguments are made of."""
    known = ast.symbols(site.arguments) - solver.unknown(rel.node)
    items = [(ast.column(symbol), symbol) for symbol in sorted(known & rel.node.outputs)]
    return {**solver.loosely(rel, items, where), "modifiers": [ast.distinct()] if items else []}


def is_constant(expression: Ast) -> bool:
    """Return whether an expression needs no row."""
    return not has_call(expression) and not any(ast.is_column(part) for part in ast.walk(expression))
