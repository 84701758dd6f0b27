"""read_files: DuckDB's reader for the format, its options, and a pattern for the files of a directory."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

import sqlglot
from sqlglot import exp

from ddb_aiquery._results.ddl import parse
from ddb_aiquery._results.types import Struct, duckdb_text
from ddb_aiquery._translate.refusal import refuse

_READERS = MappingProxyType({"csv": "read_csv", "json": "read_json", "parquet": "read_parquet"})
_BINARY = "SELECT filename AS path, last_modified AS modificationTime, size AS length, content FROM read_blob('')"

_OPTIONS = MappingProxyType(
    {
        "csv": {
            "sep": "delim",
            "delimiter": "delim",
            "header": "header",
            "quote": "quote",
            "escape": "escape",
            "comment": "comment",
            "nullvalue": "nullstr",
            "encoding": "encoding",
            "charset": "encoding",
            "skiprows": "skip",
            "mergeschema": "union_by_name",
            "schema": "columns",
            "multiline": "",
        },
        "json": {"mergeschema": "union_by_name", "schema": "columns", "multiline": ""},
        "parquet": {"mergeschema": "union_by_name"},
        "binaryfile": {},
    }
)
"""What DuckDB's readers call the options; "" is what they do anyway."""

_UNREAD = ("avro", "delta", "orc", "text", "xml")
_PLACES = ("format", "path", "filenamepattern", "pathglobfilter", "recursivefilelookup")
_VISIBLE = "[!_.]*"
"""Databricks passes over files whose names begin with _ or a dot."""


def named_file(node: exp.Expr) -> exp.Expr:
    """A table of the form csv.`/path` is a file."""
    format_, path = node.text("db").lower(), node.name
    if "/" not in path or format_ not in (*_OPTIONS, *_UNREAD):
        return node
    arguments = [exp.Literal.string(path), exp.Kwarg(this=exp.var("format"), expression=exp.Literal.string(format_))]
    call = exp.Anonymous(this="read_files", expressions=arguments)
    return exp.Table(this=call, **_rest(node))


def read_files(node: exp.Expr) -> exp.Expr:
    """read_files becomes DuckDB's reader for the format, with the columns of Databricks for binary files."""
    call = node.this
    if not isinstance(call, exp.Anonymous) or call.name.lower() != "read_files":
        return node
    given = {one.name.lower(): one for one in call.expressions if isinstance(one, exp.Kwarg)}
    format_ = given["format"].expression.name.lower() if "format" in given else ""
    if format_ not in _OPTIONS:
        refuse(call, f"read_files has the format {format_!r}", f"take binaryFile, {', '.join(_READERS)}")
    options = [_option(one, format_) for name, one in given.items() if name not in _PLACES]
    path = next((one for one in call.expressions if not isinstance(one, exp.Kwarg)), None)
    if path is None:
        if "path" not in given:
            refuse(call, "read_files has no path", "give one")
        path = given["path"].expression
    files = _files(call, path, {name: one.expression for name, one in given.items()})
    if format_ == "binaryfile":
        query = sqlglot.parse_one(_BINARY, read="duckdb")
        for empty in list(query.find_all(exp.Literal)):
            empty.replace(files.copy())
        return exp.Subquery(this=query, **_rest(node))
    reader = exp.Anonymous(this=_READERS[format_], expressions=[files, *(one for one in options if one is not None)])
    return exp.Table(this=reader, **_rest(node))


def _rest(node: exp.Expr) -> dict[str, Any]:
    """Return what stands behind the table's name."""
    return {name: node.args.get(name) for name in ("alias", "joins", "pivots", "sample")}


def _option(given: exp.Expr, format_: str) -> exp.Expr | None:
    name, value = given.name, given.expression
    known = _OPTIONS[format_].get(name.lower())
    if known is None:
        takes = [one for one in _OPTIONS[format_] if one != "multiline"]
        refuse(
            value,
            f"read_files of {format_} has no counterpart for {name}",
            f"leave it out; it takes {', '.join(['fileNamePattern', 'recursiveFileLookup', *takes])}",
        )
    if not known:
        return None
    value = _columns(value) if known == "columns" else value.copy()
    return exp.Kwarg(this=exp.var(known), expression=value)


def _columns(schema: exp.Expr) -> exp.Expr:
    kind = parse(schema.name) if schema.is_string else None
    if not isinstance(kind, Struct):
        refuse(schema, "read_files' schema is no list of columns in quotes", "write schema => 'a INT, b STRING'")
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(
                this=exp.to_identifier(one.name, quoted=True), expression=exp.Literal.string(duckdb_text(one.type))
            )
            for one in kind.fields
        ]
    )


def _files(call: exp.Expr, path: exp.Expr, given: dict[str, exp.Expr]) -> exp.Expr:
    """Return the path, or the patterns of the files in a directory and, unless said otherwise, below it."""
    pattern = given.get("filenamepattern", given.get("pathglobfilter"))
    deep = given.get("recursivefilelookup")
    whole = path.name
    if pattern is not None or deep is not None or _is_directory(path):
        if not path.is_string or not (pattern is None or pattern.is_string):
            refuse(call, "read_files' path or pattern is no text in quotes", "write path || '/**/*.png' as the path")
        below = "" if deep is not None and deep.sql().lower() in ("false", "'false'") else "**/"
        whole = f"{path.name.rstrip('/')}/{below}{'*' if pattern is None else pattern.name}"
    if not path.is_string:
        return path.copy()
    found = [exp.Literal.string(re.sub(r"(^|/)\*([^/*]*)$", rf"\1{_VISIBLE}\2", one)) for one in _alternatives(whole)]
    return found[0] if len(found) == 1 else exp.Array(expressions=list(found))


def _is_directory(path: exp.Expr) -> bool:
    """A text that ends in a slash, or whose last part has neither a dot nor a wildcard."""
    return path.is_string and re.search(r"(?:/|(?:^|/)[^/.*?\[{]+)$", path.name) is not None


def _alternatives(pattern: str) -> list[str]:
    """Write `*.{jpg,png}` as two patterns: DuckDB knows no braces."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    return [
        one
        for part in found[1].split(",")
        for one in _alternatives(f"{pattern[: found.start()]}{part}{pattern[found.end() :]}")
    ]
