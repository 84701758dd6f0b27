"""Random queries: joins, subqueries, CASE, groups, windows, set operations, with calls in any place.

Q(x) stands for ai_query('e', x). Every query has one right result: a LIMIT stands only behind a total order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

TABLES = {
    "r": (["body", "lang"], ["id", "pid", "stars"]),
    "d": (["title", "cat"], ["pid"]),
    "e": (["kind"], ["eid", "pid"]),
}


@dataclass(frozen=True)
class Source:
    """Something in a FROM clause: its text, and its text and number columns with their alias."""

    text: str
    texts: tuple[str, ...]
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """A query with its output columns: names of texts, then names of numbers."""

    text: str
    texts: tuple[str, ...]
    numbers: tuple[str, ...]


class Maker:
    """Draws the parts of a query; `left` bounds how deep it may still nest."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.aliases = 0

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == 1

    def alias(self) -> str:
        self.aliases += 1
        return f"a{self.aliases}"

    def text(self, source: Source, left: int = 2) -> str:  # noqa: PLR0911 - one form after the other
        """A VARCHAR expression."""
        if left == 0 or not source.texts:
            return self.pick(*source.texts, "'k'")
        inner = left - 1
        kind = self.pick("column", "call", "call", "concat", "case", "coalesce", "plain")
        match kind:
            case "call":
                return f"Q({self.text(source, inner)})"
            case "concat":
                return f"({self.text(source, inner)} || {self.text(source, inner)})"
            case "case":
                return (
                    f"CASE WHEN {self.predicate(source, inner)} THEN {self.text(source, inner)} "
                    f"ELSE {self.text(source, inner)} END"
                )
            case "coalesce":
                return f"coalesce({self.text(source, inner)}, {self.text(source, inner)})"
            case "plain":
                return self.pick("'b1'", "'x'", "NULL::VARCHAR")
            case _:
                return self.pick(*source.texts)

    def predicate(self, source: Source, left: int = 2) -> str:  # noqa: PLR0911 - one form after the other
        """A BOOLEAN expression."""
        if left == 0 or self.chance(4):
            if source.numbers:
                return f"{self.pick(*source.numbers)} {self.pick('=', '<', '>', '<>')} {self.pick(0, 1, 2, 3, 5)}"
            return self.pick("true", "false", "NULL")
        inner = left - 1
        match self.pick("equal", "like", "in", "and", "or", "not", "null"):
            case "equal":
                return f"{self.text(source, inner)} {self.pick('=', '<>', '<')} {self.text(source, inner)}"
            case "like":
                return (
                    f"{self.text(source, inner)} LIKE {self.pick(chr(39) + 'B%' + chr(39), chr(39) + '%1' + chr(39))}"
                )
            case "in":
                return f"{self.text(source, inner)} IN ('B1', 'EN', 'b2', 'T1')"
            case "and":
                return f"({self.predicate(source, inner)} AND {self.predicate(source, inner)})"
            case "or":
                return f"({self.predicate(source, inner)} OR {self.predicate(source, inner)})"
            case "not":
                return f"NOT {self.predicate(source, inner)}"
            case _:
                return f"{self.text(source, inner)} IS NULL"

    def correlated(self, source: Source, left: int) -> str:
        """A predicate with a subquery."""
        inner = self.source(left - 1)
        where = self.predicate(inner, 1)
        if source.numbers and inner.numbers and self.chance(2):
            link = f"{self.pick(*inner.numbers)} = {self.pick(*source.numbers)}"
            return f"{self.pick('EXISTS', 'NOT EXISTS')} (SELECT 1 FROM {inner.text} WHERE {link} AND {where})"
        if source.numbers and inner.numbers and self.chance(2):
            column = self.pick(*inner.numbers)
            return f"{self.pick(*source.numbers)} {self.pick('IN', 'NOT IN')} (SELECT {column} FROM {inner.text} WHERE {where})"
        return f"{self.text(source, 1)} {self.pick('IN', 'NOT IN')} (SELECT {self.text(inner, 1)} FROM {inner.text} WHERE {where})"

    def source(self, left: int) -> Source:
        """A FROM clause."""
        if left > 0 and self.chance(3):
            one, other = self.source(left - 1), self.source(left - 1)
            return self.joined(one, other)
        if left > 0 and self.chance(2):
            query, alias = self.query(left - 1), self.alias()
            return Source(
                f"({query.text}) {alias}",
                *(tuple(f"{alias}.{c}" for c in names) for names in (query.texts, query.numbers)),
            )
        name = self.pick(*TABLES)
        alias, (texts, numbers) = self.alias(), TABLES[name]
        return Source(f"{name} {alias}", tuple(f"{alias}.{c}" for c in texts), tuple(f"{alias}.{c}" for c in numbers))

    def joined(self, one: Source, other: Source) -> Source:
        """A join of two sources."""
        kind = self.pick("JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN")
        both = Source("", one.texts + other.texts, one.numbers + other.numbers)
        on = (
            ["true"]
            if not (one.numbers and other.numbers)
            else [f"{self.pick(*one.numbers)} = {self.pick(*other.numbers)}"]
        )
        if self.chance(3) and kind != "FULL JOIN":
            on.append(self.predicate(both, 1))
        text = f"({one.text} {kind} {other.text} ON {' AND '.join(on)})"
        seen = one if kind in {"SEMI JOIN", "ANTI JOIN"} else both
        return Source(text, seen.texts, seen.numbers)

    def query(self, left: int) -> Query:
        """A SELECT or a set operation."""
        if left > 0 and self.chance(6):
            return self.stacked(left)
        source = self.source(left)
        where = [self.predicate(source) for _ in range(self.pick(0, 1, 1, 2))]
        if left > 0 and self.chance(4):
            where.append(self.correlated(source, left))
        filtered = f"FROM {source.text}" + (f" WHERE {' AND '.join(where)}" if where else "")
        if self.chance(4):
            return self.grouped(source, filtered)
        texts = [self.text(source) for _ in range(self.pick(1, 1, 2))]
        numbers = [self.pick(*(source.numbers or ("7",)))]
        if self.chance(6) and source.numbers and source.texts:
            by = self.pick(self.text(source, 1), self.pick(*source.numbers))
            texts.append(f"max({self.text(source, 1)}) OVER (PARTITION BY {by})")
        items = ", ".join([f"{t} AS s{at}" for at, t in enumerate(texts)] + [f"{numbers[0]} AS n0"])
        distinct = "DISTINCT " if self.chance(6) else ""
        limit = f" ORDER BY ALL LIMIT {self.pick(1, 2, 5)}" if self.chance(4) else ""
        return Query(
            f"SELECT {distinct}{items} {filtered}{limit}", tuple(f"s{at}" for at in range(len(texts))), ("n0",)
        )

    def grouped(self, source: Source, filtered: str) -> Query:
        """A SELECT with GROUP BY."""
        key = self.text(source, 1)
        number = self.pick(
            "count(*)", f"count(*) FILTER (WHERE {self.predicate(source, 1)})", f"count({self.text(source, 1)})"
        )
        having = self.pick("", "", " HAVING count(*) > 1", " HAVING s0 < 'c'")
        best = f"max({self.text(source, 1)})"
        return Query(
            f"SELECT {key} AS s0, {best} AS s1, {number} AS n0 {filtered} GROUP BY s0{having}", ("s0", "s1"), ("n0",)
        )

    def stacked(self, left: int) -> Query:
        """Two queries of the same columns, one on the other."""
        kind = self.pick("UNION ALL", "UNION ALL", "UNION", "INTERSECT", "EXCEPT")
        halves = []
        for _ in range(2):
            source = self.source(left - 1)
            number = self.pick(*(source.numbers or ("7",)))
            halves.append(
                f"SELECT {self.text(source)} AS s0, {number} AS n0 FROM {source.text} WHERE {self.predicate(source, 1)}"
            )
        return Query(f" {kind} ".join(halves), ("s0",), ("n0",))

    def statement(self) -> str:
        """A whole query, perhaps with a CTE that is read twice."""
        if self.chance(6):
            shared = self.query(1)
            text = f"SELECT x.s0, y.n0 FROM c x JOIN c y ON x.n0 = y.n0 WHERE {self.predicate(Source('', ('x.s0',), ('y.n0',)), 1)}"
            return f"WITH c AS ({shared.text}) {text}"
        return self.query(self.pick(1, 1, 2)).text


@st.composite
def queries(draw: Any) -> str:
    """Random queries."""
    return Maker(draw).statement()
