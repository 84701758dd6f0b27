"""Reads the package's SQL files: every statement has a name and stands in `sql/`, where a user may read it."""

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


def _text(file: str) -> str:
    installed = files("ddb_aiquery") / "sql" / file
    if installed.is_file():
        return installed.read_text("utf-8")
    return (Path(__file__).parent.parent / "sql" / file).read_text("utf-8")
