"""How rows of texts become lines: the layouts of the `duckdb` shell."""

from __future__ import annotations

import csv
import html
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from wcwidth import wcswidth

from ddb_aiquery._sql import identifier, literal

Row = Sequence[str | None]
_SOME = 1024
"""Rows that are written at once."""
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
_ESCAPE = re.compile(r"\\(t|n|r|\\|0|x[0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Style:
    """How results look. `max_width` 0 is the terminal's width; `separator` None is the mode's own."""

    mode: str = "duckbox"
    header: bool = True
    null: str = "NULL"
    separator: str | None = None
    newline: str = "\n"
    max_rows: int = 40
    max_width: int = 0
    table: str = "table"
    """The table that the mode insert names."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A result whose values are texts: DuckDB's own cast to VARCHAR."""

    names: Sequence[str]
    numbers: Sequence[bool]
    plain: Sequence[bool]
    """Whether SQL writes the values without quotes."""
    rows: Iterator[Row]


def unescaped(text: str) -> str:
    r"""Return a separator as it is meant: `\t`, `\n`, `\r`, `\0`, `\\` and `\xHH` are one character each."""
    return _ESCAPE.sub(lambda it: _ESCAPES.get(it[1]) or chr(int(it[1].lstrip("x"), 16)), text)


def _csv(cells: Cells, style: Style) -> Iterator[str]:
    separator = style.separator or ","
    rows = _with_header(cells, style)
    if len(separator) > 1 or separator in '"\r\n':
        yield from _joined((_guarded(row, separator) for row in rows), separator, style.newline)
        return
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=separator, lineterminator=style.newline)
    while some := list(itertools.islice(rows, _SOME)):
        writer.writerows(some)
        yield lines.getvalue()
        lines.seek(0)
        lines.truncate()


def _guarded(row: Iterable[str], separator: str) -> Iterator[str]:
    """Yield values, in quotes where a reader would take a part of them for something else."""
    marks = (separator, '"', "\r", "\n")
    return ('"' + v.replace('"', '""') + '"' if any(mark in v for mark in marks) else v for v in row)


def _list(cells: Cells, style: Style) -> Iterator[str]:
    return _joined(_with_header(cells, style), style.separator or "|", style.newline)


def _tabs(cells: Cells, style: Style) -> Iterator[str]:
    return _joined(_with_header(cells, style), "\t", style.newline)


def _ascii(cells: Cells, style: Style) -> Iterator[str]:
    return _joined(_with_header(cells, style), style.separator or "\x1f", "\x1e")


def _quote(cells: Cells, style: Style) -> Iterator[str]:
    names = [literal(name) for name in cells.names]
    rows = _literals(cells)
    return _joined(itertools.chain([names], rows) if style.header else rows, style.separator or ",", style.newline)


def _insert(cells: Cells, style: Style) -> Iterator[str]:
    columns = f"({','.join(map(identifier, cells.names))})" if style.header else ""
    return (f"INSERT INTO {identifier(style.table)}{columns} VALUES({','.join(row)});\n" for row in _literals(cells))


def _literals(cells: Cells) -> Iterator[list[str]]:
    """Return the rows as SQL writes them."""
    return (
        [v if plain and v is not None else literal(v) for v, plain in zip(row, cells.plain, strict=True)]
        for row in cells.rows
    )


def _line(cells: Cells, style: Style) -> Iterator[str]:
    width = max(5, *map(_width, cells.names))
    for place, row in enumerate(cells.rows):
        yield "\n" if place else ""
        for name, value in zip(cells.names, row, strict=True):
            yield f"{_pad(name, width, right=True)} = {style.null if value is None else value}{style.newline}"


def _html(cells: Cells, style: Style) -> Iterator[str]:
    if style.header:
        yield _html_row("th", cells.names)
    for row in _shown(cells, style):
        yield _html_row("td", row)


def _html_row(tag: str, values: Iterable[str]) -> str:
    return (
        "<tr>"
        + "\n".join(f"<{tag}>{html.escape(value, quote=True).replace('&#x27;', '&#39;')}</{tag}>" for value in values)
        + "\n</tr>\n"
    )


def _trash(cells: Cells, _style: Style) -> Iterator[str]:
    for _ in cells.rows:
        pass
    yield ""


def _column(cells: Cells, style: Style) -> Iterator[str]:
    rows, widths = _measured(cells, style)
    if style.header:
        yield "  ".join(_pad(name, width) for name, width in zip(cells.names, widths, strict=True)).rstrip() + "\n"
        yield "  ".join("-" * width for width in widths) + "\n"
    for row in rows:
        yield "  ".join(_pad(value, width) for value, width in zip(row, widths, strict=True)).rstrip() + "\n"


def _markdown(cells: Cells, style: Style) -> Iterator[str]:
    rows, widths = _measured(cells, style, lambda text: text.replace("|", r"\|").replace("\n", "<br>"))
    names = [name.replace("|", r"\|") for name in cells.names]
    if style.header:
        yield _framed(names, widths, "|", centre=True)
        marks = (
            "-" * (w + 1) + ":" if number else "-" * (w + 2) for w, number in zip(widths, cells.numbers, strict=True)
        )
        yield "|" + "|".join(marks) + "|\n"
    for row in rows:
        yield _framed(row, widths, "|", cells.numbers)


def _table(cells: Cells, style: Style) -> Iterator[str]:
    return _bordered(cells, style, ("+++", "+++", "+++", "|"))


def _box(cells: Cells, style: Style) -> Iterator[str]:
    return _bordered(cells, style, ("┌┬┐", "├┼┤", "└┴┘", "│"))


def _bordered(cells: Cells, style: Style, borders: tuple[str, str, str, str]) -> Iterator[str]:
    top, middle, bottom, bar = borders
    dash = "-" if bar == "|" else "─"
    rows, widths = _measured(cells, style, lambda text: text.replace("\n", "\\n"))

    def rule(corners: str) -> str:
        return corners[0] + corners[1].join(dash * (width + 2) for width in widths) + corners[2] + "\n"

    yield rule(top)
    if style.header:
        yield _framed(cells.names, widths, bar, centre=True)
        yield rule(middle)
    for row in rows:
        yield _framed(row, widths, bar, cells.numbers)
    yield rule(bottom)


def _framed(
    row: Sequence[str], widths: Sequence[int], bar: str, numbers: Sequence[bool] = (), *, centre: bool = False
) -> str:
    right = numbers or [False] * len(row)
    cells = (
        _centred(value, width) if centre else _pad(value, width, right=number)
        for value, width, number in zip(row, widths, right, strict=True)
    )
    return f"{bar} " + f" {bar} ".join(cells) + f" {bar}\n"


def _measured(cells: Cells, style: Style, escape: Callable[[str], str] = str) -> tuple[list[list[str]], list[int]]:
    rows = [[escape(value) for value in row] for row in _shown(cells, style)]
    heads = [escape(name) for name in cells.names] if style.header else [""] * len(cells.names)
    return rows, [max(map(_width, column)) for column in zip(heads, *rows, strict=True)]


def _with_header(cells: Cells, style: Style) -> Iterator[Iterable[str]]:
    if style.header:
        yield cells.names
    yield from _shown(cells, style)


def _shown(cells: Cells, style: Style) -> Iterator[list[str]]:
    return ([style.null if value is None else value for value in row] for row in cells.rows)


def _joined(rows: Iterable[Iterable[str]], separator: str, newline: str) -> Iterator[str]:
    return (separator.join(row) + newline for row in rows)


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    width: int = wcswidth(text)
    return width if width >= 0 else len(text)


def _pad(text: str, width: int, *, right: bool = False) -> str:
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank


def _centred(text: str, width: int) -> str:
    left = (width - _width(text)) // 2
    return _pad(" " * left + text, width)


LAYOUTS: Mapping[str, Callable[[Cells, Style], Iterator[str]]] = MappingProxyType(
    {
        "ascii": _ascii,
        "box": _box,
        "column": _column,
        "csv": _csv,
        "html": _html,
        "insert": _insert,
        "line": _line,
        "list": _list,
        "markdown": _markdown,
        "quote": _quote,
        "table": _table,
        "tabs": _tabs,
        "trash": _trash,
    }
)
NAMES = tuple(sorted({*LAYOUTS, "duckbox", "json", "jsonlines"}))
