"""SQL as text: the statements of `sql/` by name, where a user may read them, and names and texts as SQL writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

_NAME = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)


@cache
def named(file: str) -> Mapping[str, str]:
    """Return the statements of `sql/<file>` by name, in the order of the file.

    A statement starts at a line `-- name: xyz` and ends at the next one; what stands before the first is a preface.
    The file is taken from the installed package, else from the source tree beside it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: two statements have the same name.
    """
    _, *parts = _NAME.split(_text(file))
    names, bodies = parts[::2], (body.strip() for body in parts[1::2])
    if len(set(names)) < len(names):
        raise ValueError(f"sql/{file}: two statements have the same name")
    return MappingProxyType(dict(zip(names, bodies, strict=True)))


def identifier(name: str) -> str:
    """Return a name in quotes, as which it may hold anything."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | None) -> str:
    """Return a text as SQL writes it; None is NULL."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def _text(file: str) -> str:
    installed = files("ddb_aiquery") / "sql" / file
    if installed.is_file():
        return installed.read_text("utf-8")
    return (Path(__file__).parent.parent / "sql" / file).read_text("utf-8")
