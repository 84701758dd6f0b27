"""Finds the calls in an expression and what must hold for each of them to be evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.ast import Ast

CALL = "__ai_planned"
"""The name that a call has in the bound text; the statement `planned` of sql/planner.sql gives it."""
ARGUMENTS = 7
"""Behind the arguments stands the type of the request."""


class Unplannable(Exception):
    """The statement has a shape that the planner does not take apart; the message says which."""


class Unknown(Unplannable):
    """What comes after depends on answers that nobody has asked for: an estimate ends here."""


@dataclass(frozen=True, slots=True)
class Site:
    """One call in one place: the call itself and the predicates that all hold where it is evaluated."""

    call: Ast
    guards: tuple[Ast, ...] = ()

    @property
    def arguments(self) -> list[Ast]:
        """The seven arguments in Databricks' order."""
        return [argument["expression"] for argument in self.call["arguments"][:ARGUMENTS]]


def is_call(node: Any) -> bool:
    """Return whether the node is a call."""
    return bool(node.get("class") == "FUNCTION" and node.get("function_name") == CALL)


def is_answer(node: Any) -> bool:
    """Return whether the node is a call, or a call's document with its type: what is looked up as one."""
    if node.get("class") != "FUNCTION":
        return False
    first = node["arguments"][0]["expression"] if node["function_name"] == "from_json" else node
    return is_call(first)


def has_call(node: Any) -> bool:
    """Return whether a call stands anywhere in the tree."""
    return any(is_call(part) for part in ast.walk(node))


def tries(tree: Any) -> bool:
    """Return whether a call stands within TRY, where DuckDB takes no subquery."""
    return any(part.get("type") == "OPERATOR_TRY" and has_call(part) for part in ast.walk(tree))


def asks_texts(tree: Any) -> bool:
    """Return whether the request of every call is known to be a text."""
    types = [part["arguments"][ARGUMENTS] for part in ast.walk(tree) if is_call(part)]
    return all(ast.text("VARCHAR") in ast.walk(of) for of in types)


def depth(node: Any) -> int:
    """Return how many calls are nested in each other: 0 without a call."""
    if isinstance(node, dict):
        inner = max((depth(value) for value in node.values() if isinstance(value, dict | list)), default=0)
        return inner + is_call(node)
    return max((depth(value) for value in node), default=0) if isinstance(node, list) else 0


def sites(expression: Ast, *, only_true: bool = False) -> list[Site]:
    """Return every call of the expression with its guards, inner calls before outer ones.

    `only_true` says that the expression is a predicate of which only TRUE matters, as in WHERE.

    >>> from ddb_aiquery._planner.ast import case, column, text
    >>> call = {"class": "FUNCTION", "function_name": CALL, "arguments": [{"expression": column("p")}]}
    >>> [site.guards == (column("k"),) for site in sites(case([(column("k"), call)], text("x")))]
    [True]
    """
    return list(_sites(expression, (), only_true))


def _sites(node: Any, guards: tuple[Ast, ...], only_true: bool) -> Iterator[Site]:
    if isinstance(node, list):
        for value in node:
            yield from _sites(value, guards, only_true=False)
        return
    if not isinstance(node, dict) or not has_call(node):
        return
    kind = node.get("type")
    if kind in _SHORT:
        yield from _SHORT[kind](node, guards, only_true)
        return
    if node.get("class") in {"LAMBDA", "SUBQUERY"}:
        raise Unplannable("a call inside a lambda or subquery expression")
    if "filter" in node:
        yield from _sites(node["filter"], guards, only_true=True)
        guards = (*guards, node["filter"])
    for key, value in node.items():
        if key != "filter" and isinstance(value, dict | list):
            yield from _sites(value, guards, only_true=False)
    if is_call(node):
        yield Site(node, guards)


def _case(node: Ast, guards: tuple[Ast, ...], only_true: bool) -> Iterator[Site]:
    for arm in node["case_checks"]:
        yield from _sites(arm["when_expr"], guards, only_true=True)
        yield from _sites(arm["then_expr"], (*guards, arm["when_expr"]), only_true)
        guards = (*guards, ast.is_not_true(arm["when_expr"]))
    yield from _sites(node["else_expr"], guards, only_true)


def _coalesce(node: Ast, guards: tuple[Ast, ...], only_true: bool) -> Iterator[Site]:
    del only_true
    for child in node["children"]:
        yield from _sites(child, guards, only_true=False)
        guards = (*guards, ast.operator("OPERATOR_IS_NULL", child))


def _and(node: Ast, guards: tuple[Ast, ...], only_true: bool) -> Iterator[Site]:
    for child in _cheap_first(node["children"]):
        yield from _sites(child, guards, only_true)
        guards = (*guards, child if only_true else ast.is_not_false(child))


def _or(node: Ast, guards: tuple[Ast, ...], only_true: bool) -> Iterator[Site]:
    for child in _cheap_first(node["children"]):
        yield from _sites(child, guards, only_true)
        guards = (*guards, ast.is_not_true(child))


def _in(node: Ast, guards: tuple[Ast, ...], only_true: bool) -> Iterator[Site]:
    del only_true
    value, *listed = node["children"]
    yield from _sites(value, guards, only_true=False)
    if cheap := [item for item in listed if not has_call(item)]:
        guards = (*guards, ast.is_not_true(ast.operator("COMPARE_IN", value, *cheap)))
    yield from _sites(listed, guards, only_true=False)


def _cheap_first(children: Sequence[Ast]) -> list[Ast]:
    return sorted(children, key=depth)


_SHORT = {
    "CASE_EXPR": _case,
    "OPERATOR_COALESCE": _coalesce,
    "CONJUNCTION_AND": _and,
    "CONJUNCTION_OR": _or,
    "COMPARE_IN": _in,
}
"""Expressions that do not evaluate all their parts."""
