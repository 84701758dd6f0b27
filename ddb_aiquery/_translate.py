"""Databricks SQL with AI functions to DuckDB SQL: sqlglot's translation, and rules for what it does not know.

Text is translated only when the user asks; queries run as they were written (research/surfaces.md 4.4).
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError, UnsupportedError

from ddb_aiquery._results.ddl import parse
from ddb_aiquery._results.types import Type, duckdb_text, structure
from ddb_aiquery.errors import CallError

_ABSENT = MappingProxyType(
    {
        "ai_parse_document": "send the file itself: ai_query(endpoint, prompt, files => content)",
        "ai_prep_search": "split the text in SQL, and embed the pieces with ai_query",
        "ai_forecast": "it asks no language model; forecast outside of SQL",
        "ai_top_drivers": "it asks no language model; group and compare in SQL",
        "vector_search": "embed with ai_query and order by list_cosine_similarity",
    }
)
"""Databricks' AI functions without a counterpart here, and what to do instead."""

_READERS = MappingProxyType({"csv": "read_csv", "json": "read_json", "parquet": "read_parquet"})
_BINARY = "SELECT filename AS path, last_modified AS modificationTime, size AS length, content FROM read_blob('')"


def translate(sql: str) -> str:
    """Return Databricks SQL, one statement or several, as DuckDB SQL that calls the same AI functions.

    Strings in double quotes, backticks, named_struct, DDL in from_json, collect_list, explode, LATERAL VIEW, `:` paths
    and read_files become what DuckDB has; arguments keep their names. Table names stay as they are.

    Raises:
        CallError: the text is no Databricks SQL, or has no counterpart in DuckDB; with line and column where known.
    """
    try:
        statements = [one for one in sqlglot.parse(sql, read="databricks") if one is not None]
        return ";\n".join(_statement(one) for one in statements)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        what = str(first.get("description", error)).split(" but got <")[0].rstrip(".")
        place = f"line {first.get('line', '?')}, column {first.get('col', '?')}, at {first.get('highlight', '')!r}"
        raise CallError(f"This is no Databricks SQL ({place}): {what}") from None
    except RecursionError:
        raise CallError("The statement is nested too deep to be translated: split it") from None
    except TokenError:
        raise CallError("This is no Databricks SQL: look for a quote or a comment left open") from None
    except UnsupportedError as error:
        raise CallError(f"DuckDB has no counterpart for a part of this: {error}; rewrite it by hand") from None


def _statement(statement: exp.Expr) -> str:
    if isinstance(statement, exp.Command):
        raise CallError(f"A statement {statement.name.upper()} has no counterpart in DuckDB: leave it out")
    changed = statement.transform(_rewritten, copy=False)
    return changed.sql("duckdb", normalize_functions=False, unsupported_level=sqlglot.ErrorLevel.RAISE)


def _rewritten(node: exp.Expr) -> exp.Expr:
    for kind, rule in _RULES:
        if isinstance(node, kind):
            node = rule(node)
    return node


def _call(node: exp.Expr) -> exp.Expr:
    """Keep AI functions as they are written: sqlglot knows some of them and would spell them its own way."""
    name = (
        node.sql_name() if isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous) else node.name
    ).lower()
    if name in _ABSENT:
        _refuse(node, f"{name} does not exist here", _ABSENT[name])
    if name == "variant_get":
        return _variant_get(node)
    if isinstance(node, exp.Anonymous) or not name.startswith("ai_"):
        return node
    arguments: list[exp.Expr] = []
    for key in node.arg_types:
        value = node.args.get(key)
        arguments += value if isinstance(value, list) else [] if value is None else [value]
    return exp.Anonymous(this=name, expressions=arguments)


def _variant_get(node: exp.Expr) -> exp.Expr:
    value, path, *kind = node.expressions
    text = exp.JSONExtractScalar(this=_as_json(value), expression=path.copy())
    return exp.Cast(this=text, to=exp.DataType.build(_type(kind[0]), dialect="duckdb")) if kind else text


def _path(node: exp.Expr) -> exp.Expr:
    """A `:` path gives text, as in Databricks; the value may be JSON text, JSON or a STRUCT."""
    if not node.args.get("variant_extract"):
        return node
    kind = exp.JSONExtract if isinstance(node.parent, exp.Explode | exp.Unnest) else exp.JSONExtractScalar
    return kind(this=_as_json(node.this), expression=node.expression.copy())


def _from_json(node: exp.Expr) -> exp.Expr:
    """DDL becomes the structure that DuckDB's from_json takes."""
    schema = node.expression
    if isinstance(schema, exp.Literal):
        schema = exp.Literal.string(structure(_parsed(schema)))
    elif isinstance(schema, exp.Anonymous) and schema.name.lower() == "schema_of_json":
        schema = exp.Anonymous(this="json_structure", expressions=schema.expressions)
    return exp.Anonymous(this="from_json", expressions=[node.this.copy(), schema.copy()])


def _files(node: exp.Expr) -> exp.Expr:
    """read_files becomes DuckDB's reader for the format, with the columns of Databricks for binary files."""
    call = node.this
    if not isinstance(call, exp.Anonymous) or call.name.lower() != "read_files":
        return node
    named = {one.name.lower(): one.expression for one in call.expressions if isinstance(one, exp.Kwarg)}
    format_ = named["format"].name.lower() if "format" in named else ""
    path = next((one for one in call.expressions if not isinstance(one, exp.Kwarg)), named.get("path"))
    if path is None:
        _refuse(call, "read_files has no path", "give one")
    alias = node.args.get("alias")
    if format_ == "binaryfile":
        query = sqlglot.parse_one(_BINARY, read="duckdb")
        for empty in list(query.find_all(exp.Literal)):
            empty.replace(path.copy())
        return exp.Subquery(this=query, alias=alias.copy() if alias else None)
    if format_ not in _READERS:
        _refuse(call, f"read_files has the format {format_!r}", f"take binaryFile, {', '.join(_READERS)}")
    reader = exp.Anonymous(this=_READERS[format_], expressions=[path.copy()])
    return exp.Table(this=reader, alias=alias.copy() if alias else None)


def _field(node: exp.Expr) -> exp.Expr:
    """`errorStatus`, as some of Databricks' pages name it, is errorMessage."""
    if node.name.lower() == "errorstatus":
        return exp.to_identifier("errorMessage")
    return node


_RULES: tuple[tuple[type[exp.Expr], Callable[[exp.Expr], exp.Expr]], ...] = (
    (exp.Func, _call),
    (exp.JSONExtract, _path),
    (exp.FromJson, _from_json),
    (exp.Table, _files),
    (exp.Identifier, _field),
)


def _as_json(value: exp.Expr) -> exp.Expr:
    return exp.Cast(this=value.copy(), to=exp.DataType.build("JSON", dialect="duckdb"))


def _type(literal: exp.Expr) -> str:
    return duckdb_text(_parsed(literal))


def _parsed(literal: exp.Expr) -> Type:
    return parse(literal.name)


def _refuse(node: exp.Expr, what: str, remedy: str) -> NoReturn:
    place = f" (line {node.meta['line']}, column {node.meta['col']})" if "line" in node.meta else ""
    raise CallError(f"{what}{place}: {remedy}")
