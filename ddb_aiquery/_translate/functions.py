"""Functions that DuckDB lacks, or means another way: what `sql/databricks.sql` says of them takes their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import sqlglot
from sqlglot import exp

from ddb_aiquery._sql import named
from ddb_aiquery._translate.dialect import DatabricksText

_WHOLE = (exp.Array, exp.Bracket, exp.Cast, exp.Column, exp.Dot, exp.Identifier, exp.Lambda, exp.Literal, exp.Null)
"""What needs no parentheses to stand in another expression; a function does not either."""

_NAMED = {(exp.Column, "this"), (exp.Dot, "expression"), (exp.Lambda, "expressions"), (exp.PropertyEQ, "this")}
"""Where an identifier is the name of something else: a column, a field, a lambda's own parameter."""


@dataclass(frozen=True, slots=True)
class Macro:
    """What a function is: `body` in DuckDB's words, over `parameters`."""

    parameters: tuple[str, ...]
    body: exp.Expr

    def fits(self, arguments: Sequence[exp.Expr]) -> bool:
        """Return whether it is meant for so many arguments, and its lambdas for so many of theirs."""
        if len(arguments) != len(self.parameters):
            return False
        given = dict(zip(self.parameters, arguments, strict=True))
        called = [(given[call.name], len(call.expressions)) for call in _calls(self.body, given)]
        return all(isinstance(f, exp.Lambda) and len(f.expressions) == count for f, count in called)

    def over(self, arguments: Sequence[exp.Expr]) -> exp.Expr:
        """Return the body with the arguments in it.

        >>> macro = _read("CREATE MACRO zip_with(items, others, f) AS list_transform(list_zip(items, others), "
        ...               "lambda pair: f(pair[1], pair[2]))")
        >>> call = sqlglot.parse_one("zip_with(a, b, (x, y) -> x + y)", read="databricks")
        >>> print(macro.over(call.expressions).sql("duckdb", normalize_functions=False))
        LIST_TRANSFORM(list_zip(a, b), LAMBDA pair : (pair[1] + pair[2]))
        """
        given = dict(zip(self.parameters, arguments, strict=True))
        body = exp.paren(self.body, copy=True)
        for call in reversed(list(_calls(body, given))):
            call.replace(_applied(given[call.name], call.expressions))
        return _whole(_with(body, given, exp.Column).this)


def expanded(node: exp.Expr) -> exp.Expr:
    """Return what a call of Databricks' function is in DuckDB's words, the node itself where it is the same."""
    key = node.name.lower() if isinstance(node, exp.Anonymous) else type(node)
    given = arguments(node)
    macro = next((one for one in _macros().get(key, ()) if one.fits(given)), None)
    return node if macro is None else macro.over(given)


def arguments(node: exp.Expr) -> list[exp.Expr]:
    """Return a call's arguments in their order."""
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    found: list[exp.Expr] = []
    for key in node.arg_types:
        value = node.args.get(key)
        found += value if isinstance(value, list) else [value] if isinstance(value, exp.Expr) else []
    return found


@cache
def _macros() -> Mapping[str | type[exp.Expr], Sequence[Macro]]:
    """Return the macros by what sqlglot makes of a call: a class of its own, or only the name."""
    found: dict[str | type[exp.Expr], list[Macro]] = {}
    for statement in named("databricks.sql").values():
        macro = _read(statement)
        call = sqlglot.parse_one(statement.partition("CREATE MACRO ")[2].partition(" AS ")[0], read=DatabricksText)
        found.setdefault(call.name if isinstance(call, exp.Anonymous) else type(call), []).append(macro)
    return MappingProxyType(found)


def _read(statement: str) -> Macro:
    create = sqlglot.parse_one(statement, read="duckdb")
    return Macro(tuple(one.name for one in create.this.expressions), create.expression)


def _calls(body: exp.Expr, given: Mapping[str, exp.Expr]) -> Iterator[exp.Expr]:
    return (call for call in body.find_all(exp.Anonymous) if call.name in given)


def _applied(function: exp.Expr, values: Sequence[exp.Expr]) -> exp.Expr:
    """Return a lambda's body for these values."""
    named_values = dict(zip((one.name for one in function.expressions), values, strict=True))
    return _whole(_with(exp.paren(function.this, copy=True), named_values, exp.Identifier).this)


def _with(tree: exp.Expr, values: Mapping[str, exp.Expr], kind: type[exp.Expr]) -> exp.Expr:
    """Put values where nodes of a kind name them: columns in a macro, identifiers in a lambda."""
    for node in list(tree.find_all(kind)):
        value = values.get(node.name)
        if value is not None and (type(node.parent), node.arg_key) not in _NAMED:
            node.replace(_whole(value))
    return tree


def _whole(value: exp.Expr) -> exp.Expr:
    plain = isinstance(value, (*_WHOLE, exp.Func)) and not isinstance(value, exp.Binary)
    return value.copy() if plain else exp.paren(value, copy=True)
