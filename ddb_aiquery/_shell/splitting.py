"""Cuts a script into statements and dot commands, line by line, without knowing more SQL than its quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENERS = re.compile(r"""(?<!\w)[eE]'|['"`;]|(?<![\w$])\$(?:[^\W\d]\w*)?\$|--|/\*""")
_COMMENT = re.compile(r"/\*|\*/")
_CLOSERS = {"'": re.compile("'"), '"': re.compile('"'), "`": re.compile("`"), "e'": re.compile(r"(?:\\.|[^\\'])*(')")}


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement without its semicolon, or one dot command, and the line of the script on which it begins."""

    text: str
    line: int = 1

    @property
    def is_command(self) -> bool:
        """Whether the shell itself obeys it, not DuckDB."""
        return self.text.startswith(".")


class Splitter:
    """Takes a script's lines and gives back each piece as soon as it is whole."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line = 0
        self._start = 0
        self._closer: re.Pattern[str] | None = None
        self._depth = 0

    @property
    def pending(self) -> bool:
        """Whether a statement, a text or a comment has begun and not ended."""
        return bool(self._parts) or self._closer is not None or self._depth > 0

    def feed(self, line: str) -> list[Piece]:
        """Take one line, with its line end, and return the pieces that it ends."""
        self._line += 1
        if self._line == 1:
            line = line.removeprefix("\ufeff")  # some editors begin a file with this mark
        if not self.pending and line.lstrip().startswith("."):
            return [Piece(line.strip(), self._line)]
        found: list[Piece] = []
        place = 0
        while place < len(line):
            place = self._step(line, place, found)
        return found

    def rest(self) -> Piece | None:
        """Return the last statement, which no semicolon ended."""
        text = "".join(self._parts).rstrip()
        self._parts, self._closer, self._depth = [], None, 0
        return Piece(text, self._start) if text else None

    def _step(self, line: str, place: int, found: list[Piece]) -> int:
        """Take the next part of a line and return where it ends."""
        if self._depth:
            return self._in_comment(line, place)
        if self._closer is not None:
            return self._in_quotes(line, place)
        opener = _OPENERS.search(line, place)
        self._take(line[place : opener.start() if opener else len(line)])
        if opener is None:
            return len(line)
        if opener[0] == ";":
            piece = self.rest()
            found.extend([piece] if piece else [])
        elif opener[0] == "--":
            self._take(line[opener.start() :], comment=True)
            return len(line)
        elif opener[0] == "/*":
            self._depth = 1
            self._take(opener[0], comment=True)
        else:
            self._take(opener[0])
            self._closer = _CLOSERS.get(opener[0].lower()) or re.compile(re.escape(opener[0]))
        return opener.end()

    def _in_quotes(self, line: str, place: int) -> int:
        closer = self._closer
        end = closer.match(line, place) if closer is _CLOSERS["e'"] else closer and closer.search(line, place)
        if end:
            self._closer = None
        stop = end.end() if end else len(line)
        self._take(line[place:stop])
        return stop

    def _in_comment(self, line: str, place: int) -> int:
        mark = _COMMENT.search(line, place)
        stop = mark.end() if mark else len(line)
        self._take(line[place:stop], comment=True)
        if mark:
            self._depth += 1 if mark[0] == "/*" else -1
        return stop

    def _take(self, text: str, *, comment: bool = False) -> None:
        """Keep a part of the statement; what stands before its first word is no part of it."""
        if not self._parts:
            if comment or not text.strip():
                return
            text, self._start = text.lstrip(), self._line
        self._parts.append(text)


def pieces(script: str) -> tuple[list[Piece], bool]:
    """Return a script's pieces, and whether its last statement still waits for a semicolon."""
    splitter = Splitter()
    found = [piece for line in script.splitlines(keepends=True) for piece in splitter.feed(line)]
    pending = splitter.pending
    last = splitter.rest()
    return found + ([last] if last else []), pending
