"""Where the query stands in a statement's text, by DuckDB's own tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from ddb_aiquery._planner.calls import Unplannable

_OPENS, _CLOSES = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text with its place and how many parentheses are open around it."""

    start: int
    end: int
    word: str
    level: int


def tokens(text: str) -> list[Token]:
    """Return the tokens of a statement; comments are left out, places count characters."""
    raw = text.encode()
    found = duckdb.tokenize(text)
    places = [start for start, _ in found] + [len(raw)]
    result, level = [], 0
    for at, (start, kind) in enumerate(found):
        if kind == duckdb.token_type.comment:
            continue
        word = raw[start : places[at + 1]].decode(errors="replace").strip()
        if kind == duckdb.token_type.operator:
            for offset, letter in enumerate(word):
                level -= letter in _CLOSES
                result.append(Token(start + offset, start + offset + 1, letter, level))
                level += letter in _OPENS
            continue
        result.append(Token(start, start + len(word.encode()), word.lower(), level))
    return result


@dataclass(frozen=True, slots=True)
class Span:
    """A statement's text cut in three: the query and what stands around it."""

    before: str
    query: str
    after: str


_QUERY = frozenset({"select", "with", "from", "values", "pivot", "unpivot"})


def query_of(text: str, *, after: str | None = None) -> Span:
    """Return the query inside CREATE TABLE AS, COPY, INSERT, or (with `after`) the one following a word.

    Raises:
        Unplannable: the statement has no query in the expected place.
    """
    listed = tokens(text)
    words = [token.word for token in listed]
    first = words[0] if words else ""
    if after is None:
        after = {"create": "as", "copy": "copy"}.get(first)
    begin = 0
    if after is not None:
        if after not in words:
            raise Unplannable(f"no {after.upper()} in the statement")
        begin = next((at + 1 for at, one in enumerate(listed) if one.word == after and one.level == 0), len(listed))
    for token in listed[begin:]:
        opened = token.word == "(" and _opens_query(listed, token)
        if opened or (token.level == 0 and token.word in _QUERY):
            return _cut(text, listed, token, inside=opened)
    raise Unplannable("a statement without a query")


def _opens_query(listed: list[Token], token: Token) -> bool:
    following = [other for other in listed if other.start > token.start]
    return token.level == 0 and bool(following) and following[0].word in _QUERY | {"("}


def _cut(text: str, listed: list[Token], token: Token, *, inside: bool) -> Span:
    raw = text.encode()
    if inside:
        close = next(o for o in listed if o.start > token.start and o.word in _CLOSES and o.level == token.level)
        start, end = token.end, close.start
    else:
        start = token.start
        tails = (o.start for o in listed if o.start > start and o.level == 0 and _is_tail(raw, o))
        end = min(tails, default=len(raw))
    return Span(raw[:start].decode(), raw[start:end].decode().rstrip().rstrip(";"), raw[end:].decode())


def _is_tail(raw: bytes, token: Token) -> bool:
    following = raw[token.end :].decode(errors="replace").lower().split()[:1]
    return token.word == "returning" or (token.word, *following) in {("on", "conflict"), ("with", "no")}


def inner_query(bound: str) -> Span:
    """Return the query inside a bound INSERT, UPDATE, DELETE or MERGE.

    Raises:
        Unplannable: there is none.
    """
    listed = tokens(bound)
    if listed and listed[0].word == "insert":
        return query_of(bound, after="into")
    for at, token in enumerate(listed[:-1]):
        if token.word == "(" and listed[at + 1].word in {"select", "with"}:
            return _cut(bound, listed, token, inside=True)
    raise Unplannable("a statement without a query")


def plain(word: str) -> str:
    """Return an identifier without quotes, in lower case."""
    return word.strip('"').lower()


_NO_DATA = ["with", "no", "data"]


def has_query(kind: str, words: Sequence[str]) -> bool:
    """Return whether a statement of this kind evaluates a query: not CREATE VIEW, not COPY of a table."""
    if kind == "CREATE":
        made = "as" in words and "table" in words[: words.index("as")]
        return made and [word for word in words if word != ";"][-3:] != _NO_DATA
    if kind == "COPY":
        return len(words) > 1 and words[1] == "("
    return words[:1] not in (["describe"], ["show"], ["desc"])


def only_reads(kind: str, words: Sequence[str]) -> bool:
    """Return whether a statement without a query to plan evaluates no call: CREATE VIEW or MACRO, DESCRIBE, PREPARE."""
    return kind in {"CREATE", "COPY", "SELECT", "PREPARE", "INSERT"} and words[1:2] != ["type"]


def explained(text: str, listed: Sequence[Token]) -> tuple[str, bool]:
    """Return what stands before the statement in an EXPLAIN, and whether it says ANALYZE."""
    start = next((t for t in listed[1:] if t.level == 0 and t.word not in {"analyze", "(", ")"}), listed[-1]).start
    return text.encode()[:start].decode(), any(t.word == "analyze" for t in listed if t.start < start)
