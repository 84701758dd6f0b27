"""How messages show what is wrong: shortened, as JSON, or with its place marked."""

from __future__ import annotations

from typing import Any

import orjson

_SHOWN = 60
"""Characters of a text that a message shows."""
_AROUND = 40
"""Characters that it shows on either side of a place."""


def shortened(text: str, longest: int = _SHOWN) -> str:
    """Return the text, or its beginning with dots behind it."""
    return text if len(text) <= longest else text[:longest] + "..."


def as_json(value: Any) -> str:
    """Return a value that was read from JSON as such, shortened."""
    return shortened(orjson.dumps(value).decode())


def pointed(text: str, place: int, what: str, remedy: str) -> str:
    """Return an error message with the place in a type text marked below it."""
    start, end = max(0, place - _AROUND), min(len(text), place + _AROUND)
    before, after = "..." if start else "", "..." if end < len(text) else ""
    line = "".join(" " if letter.isspace() else letter for letter in text[start:end])
    caret = " " * (place - start + len(before)) + "^"
    return f"{what} (type text, character {place + 1}): {remedy}\n  {before}{line}{after}\n  {caret}"
