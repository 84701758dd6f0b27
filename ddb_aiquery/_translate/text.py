"""Functions of text: the places of a format, a substring from 0."""

from __future__ import annotations

import re

from sqlglot import exp

from ddb_aiquery._translate.refusal import refuse

_PLACE = re.compile(r"%(?:(\d+)\$)?([-#+ 0,(]*\d*(?:\.\d+)?)([a-zA-Z%])")

_GROUP = re.compile(r"\\(.)|\$(\d)", re.DOTALL)


def format_string(node: exp.Expr) -> exp.Expr:
    """`%s` takes any value, a NULL is the word null; a format that is no literal is left as it is."""
    pattern, *values = [node.this, *node.expressions] if isinstance(node, exp.Format) else node.expressions
    if not pattern.is_string:
        return exp.Anonymous(this="printf", expressions=[pattern.copy(), *(one.copy() for one in values)])
    found: list[exp.Expr] = []
    turn = 0

    def place(match: re.Match[str]) -> str:
        nonlocal turn
        number, flags, kind = match.groups()
        if kind in "%n":
            return "%%" if kind == "%" else "\n"
        turn += number is None
        at = int(number or turn) - 1
        if not 0 <= at < len(values):
            refuse(node, f"format_string has no value for {match[0]}", "give one for each place")
        found.append(_shown(values[at].copy(), flags, kind))
        return f"%{flags}s" if kind in "sSbB" else "%s"

    text = _PLACE.sub(place, pattern.name)
    return exp.Anonymous(this="printf", expressions=[exp.Literal.string(text), *found])


def _shown(value: exp.Expr, flags: str, kind: str) -> exp.Expr:
    if kind in "sSbB":
        text: exp.Expr = exp.cast(value, "TEXT") if not value.is_string else value
    else:
        text = exp.Anonymous(this="printf", expressions=[exp.Literal.string(f"%{flags}{kind}"), value])
    if not isinstance(value, exp.Literal):
        text = exp.Coalesce(this=text, expressions=[exp.Literal.string("false" if kind in "bB" else "null")])
    return exp.Upper(this=text) if kind in "SB" else text


def concat_ws(node: exp.Expr) -> exp.Expr:
    """DuckDB's takes arrays and passes over NULLs too; sqlglot refuses it where it knows no types."""
    return exp.Anonymous(this="concat_ws", expressions=[one.copy() for one in node.expressions])


def regexp_replace(node: exp.Expr) -> exp.Expr:
    r"""A group is `$1` in Java's words and `\1` in DuckDB's; what is no literal is left as it is."""
    replacement = node.args.get("replacement")
    if replacement is not None and replacement.is_string:
        node.set("replacement", exp.Literal.string(_GROUP.sub(_group, replacement.name)))
    return node


def _group(match: re.Match[str]) -> str:
    escaped, number = match.groups()
    return f"\\{number}" if number else "\\\\" if escaped == "\\" else str(escaped)


def substring(node: exp.Expr) -> exp.Expr:
    """A start of 0 is the first character."""
    start = node.args.get("start")
    if start is not None and start.is_int and start.name == "0":
        node.set("start", exp.Literal.number(1))
    return node
