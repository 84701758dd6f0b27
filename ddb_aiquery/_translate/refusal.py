"""What cannot be translated, said in one line: what, where, the remedy."""

from __future__ import annotations

from typing import NoReturn

from sqlglot import exp

from ddb_aiquery.errors import CallError


def refuse(node: exp.Expr, what: str, remedy: str) -> NoReturn:
    """Raise the error for a node, with its place where the parser kept it."""
    known = next((one.meta for one in node.walk() if "line" in one.meta), None)
    place = f" (line {known['line']}, column {known['col']})" if known else ""
    raise CallError(f"{what}{place}: {remedy}")
