"""Parts of dates, by the names and numbers that Databricks gives them."""

from __future__ import annotations

from types import MappingProxyType

from sqlglot import exp

_UNITS = MappingProxyType({"DD": "DAY", "MM": "MONTH", "MON": "MONTH", "YY": "YEAR", "YYYY": "YEAR"})
_FROM_SUNDAY = {"DAYOFWEEK", "DOW"}


def extract(node: exp.Expr) -> exp.Expr:
    """Sunday is the first day of the week, not day 0."""
    if node.name.upper() not in _FROM_SUNDAY:
        return node
    from_zero = exp.Extract(this=exp.var("DOW"), expression=node.expression.copy())
    return exp.paren(exp.Add(this=from_zero, expression=exp.Literal.number(1)))


def date_part(node: exp.Expr) -> exp.Expr:
    """`date_part('dow', day)` is extract with a text."""
    if len(node.expressions) != 2 or not node.expressions[0].is_string:  # noqa: PLR2004 (the part and the date)
        return node
    unit, day = node.expressions
    return extract(exp.Extract(this=exp.var(unit.name.upper()), expression=day.copy()))


def truncated(node: exp.Expr) -> exp.Expr:
    """Write a unit's short name in full; `trunc` takes texts too and gives a date."""
    unit = node.args["unit"]
    full = _UNITS.get(unit.name.upper())
    if full is not None:
        node.set("unit", exp.Literal.string(full) if unit.is_string else exp.var(full))
    return exp.cast(node.copy(), "DATE") if isinstance(node, exp.DateTrunc) else node
