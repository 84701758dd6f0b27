"""A result as text, in the output modes of the `duckdb` shell."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TextIO

import duckdb

from ddb_aiquery._shell.layouts import LAYOUTS, Cells, Row, Style
from ddb_aiquery._sql import identifier

WIDE = 1_000_000
"""More columns than any line has: a file or a pipe has no width."""
_NUMBER = re.compile(
    r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\([^)]*\)|BIGNUM|\"NULL\")", re.IGNORECASE
)
_EXACT = re.compile(r"DECIMAL\([^)]*\)|U?HUGEINT|BIGNUM", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def write(relation: duckdb.DuckDBPyRelation, style: Style, out: TextIO) -> None:
    """Write a result; it is read once, and not kept in memory where the mode needs no widths."""
    lines = _duckbox(relation, style, out) if style.mode == "duckbox" else _lines(relation, style)
    if out.isatty():  # an answer must not steer the terminal
        lines = (_CONTROL.sub(lambda found: repr(found[0])[1:-1], line) for line in lines)
    out.writelines(lines)
    out.flush()


def _duckbox(relation: duckdb.DuckDBPyRelation, style: Style, out: TextIO) -> Iterator[str]:
    if relation.columns == ["explain_key", "explain_value"]:
        yield from (f"{value}\n" for _, value in _texts(relation))
        return
    width = style.max_width or (shutil.get_terminal_size().columns if out.isatty() else WIDE)
    box = io.StringIO()
    with contextlib.redirect_stdout(box):  # DuckDB's own box, which only `show` draws with these limits
        column = None if out.isatty() else WIDE
        relation.show(max_rows=style.max_rows, max_width=width, max_col_width=column, null_value=style.null)
    yield box.getvalue().rstrip("\n") + "\n"


def _lines(relation: duckdb.DuckDBPyRelation, style: Style) -> Iterator[str]:
    if style.mode in {"json", "jsonlines"}:
        return _JSON[style.mode](_objects(relation))
    numbers = [bool(_NUMBER.fullmatch(str(kind))) for kind in relation.types]
    plain = [number or str(kind) == "BOOLEAN" for number, kind in zip(numbers, relation.types, strict=True)]
    cells = Cells(relation.columns, numbers, plain, _texts(relation))
    return LAYOUTS[style.mode](cells, style)


def _texts(relation: duckdb.DuckDBPyRelation) -> Iterator[Row]:
    return relation.project("COLUMNS(*)::VARCHAR").iter_rows()


def _objects(relation: duckdb.DuckDBPyRelation) -> Iterator[str]:
    """Yield each row as a JSON object; numbers that a double cannot hold are texts, as in `duckdb`."""
    names = relation.columns
    columns = ", ".join(
        f"to_json({identifier(name)}{'::VARCHAR' if _EXACT.fullmatch(str(kind)) else ''})::VARCHAR"
        for name, kind in zip(names, relation.types, strict=True)
    )
    keys = [_json_text(name) for name in names]
    for row in relation.project(columns).iter_rows():
        values = ("null" if value is None else value for value in row)
        yield "{" + ",".join(f"{key}:{value}" for key, value in zip(keys, values, strict=True)) + "}"


def _json(objects: Iterator[str]) -> Iterator[str]:
    yield "[" + next(objects, "")
    yield from (",\n" + each for each in objects)
    yield "]\n"


def _jsonlines(objects: Iterator[str]) -> Iterator[str]:
    return (each + "\n" for each in objects)


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_JSON: Mapping[str, Callable[[Iterator[str]], Iterator[str]]] = MappingProxyType(
    {"json": _json, "jsonlines": _jsonlines}
)
