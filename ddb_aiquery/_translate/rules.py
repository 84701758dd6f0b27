"""The rules of the translation: each takes a node of one kind, and gives the node that DuckDB understands."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import NoReturn

import sqlglot
from sqlglot import exp

from ddb_aiquery._results.ddl import parse
from ddb_aiquery._results.types import Type, duckdb_text, structure
from ddb_aiquery.errors import CallError

ABSENT = MappingProxyType(
    {
        "ai_parse_document": "send the file itself: ai_query(endpoint, prompt, files => content)",
        "ai_prep_search": "split the text in SQL, and embed the pieces with ai_query",
        "ai_forecast": "it asks no language model; forecast outside of SQL",
        "ai_top_drivers": "it asks no language model; group and compare in SQL",
        "vector_search": "embed with ai_query and order by list_cosine_similarity",
    }
)
"""Databricks' AI functions without a counterpart here, and what to do instead."""

_SILENT = (
    exp.FileFormatProperty,
    exp.LanguageProperty,
    exp.PartitionedByProperty,
    exp.SchemaCommentProperty,
    exp.SqlReadWriteProperty,
    exp.StabilityProperty,
)
"""What CREATE says in Databricks and DuckDB has no word for, since it changes no result."""

_READERS = MappingProxyType({"csv": "read_csv", "json": "read_json", "parquet": "read_parquet"})
_BINARY = "SELECT filename AS path, last_modified AS modificationTime, size AS length, content FROM read_blob('')"


def ruled(node: exp.Expr) -> exp.Expr:
    """Return what every rule for this kind of node makes of it, the node itself where there is none."""
    for kind, rule in _RULES:
        if isinstance(node, kind):
            node = rule(node)
    return node


def _call(node: exp.Expr) -> exp.Expr:
    """Keep AI functions as they are written: sqlglot knows some of them and would spell them its own way."""
    name = (
        node.sql_name() if isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous) else node.name
    ).lower()
    if name in ABSENT:
        _refuse(node, f"{name} does not exist here", ABSENT[name])
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](node)
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


def _renamed(name: str) -> Callable[[exp.Expr], exp.Expr]:
    return lambda node: exp.Anonymous(this=name, expressions=[one.copy() for one in node.expressions])


def _get(node: exp.Expr) -> exp.Expr:
    """`get` counts from 0."""
    values, place = node.expressions
    from_one = exp.Literal.number(int(place.name) + 1) if place.is_int else exp.paren(place) + 1
    return exp.Anonymous(this="list_extract", expressions=[values.copy(), from_one])


_FUNCTIONS: MappingProxyType[str, Callable[[exp.Expr], exp.Expr]] = MappingProxyType(
    {
        "variant_get": _variant_get,
        "schema_of_json": _renamed("json_structure"),
        "to_variant_object": _renamed("to_json"),
        "try_parse_json": lambda node: exp.TryCast(this=node.expressions[0].copy(), to=exp.DataType.build("JSON")),
        "get": _get,
    }
)
"""Functions that sqlglot leaves as they are."""


def _format_string(node: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="printf", expressions=[node.this.copy(), *(one.copy() for one in node.expressions)])


def _exists(node: exp.Expr) -> exp.Expr:
    """`exists` over an array, not over a query."""
    if node.expression is None:
        return node
    kept = exp.Anonymous(this="list_filter", expressions=[node.this.copy(), node.expression.copy()])
    return exp.paren(exp.GT(this=exp.Anonymous(this="len", expressions=[kept]), expression=exp.Literal.number(0)))


def _inline(node: exp.Expr) -> exp.Expr:
    depth = exp.PropertyEQ(this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2))
    return exp.Anonymous(this="unnest", expressions=[node.this.copy(), depth])


def _struct(node: exp.Expr) -> exp.Expr:
    """`struct(*)` is the row of the one table that is read, which DuckDB knows by the table's name."""
    if len(node.expressions) != 1 or not node.expressions[0].is_star:
        return node
    query = node.find_ancestor(exp.Select)
    sources = [] if query is None else query.find_all(exp.From, exp.Join, exp.Lateral, bfs=True)
    mine = [one for one in sources if one.parent is query]
    name = mine[0].this.alias_or_name if len(mine) == 1 else ""
    if not name:
        _refuse(
            node, "struct(*) needs one table or a subquery with a name", "write named_struct('column', column, ...)"
        )
    return exp.column(name)


def _explode_outer(node: exp.Expr) -> exp.Expr:
    return exp.Explode(this=_or_null(node.this))


def _or_null(values: exp.Expr) -> exp.Expr:
    """Return a list that has a NULL where it would have nothing, so that its row is not lost."""
    filled = exp.GT(this=exp.Anonymous(this="len", expressions=[values.copy()]), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=filled, true=values.copy())], default=exp.Array(expressions=[exp.null()]))


def _lateral(node: exp.Expr) -> exp.Expr:
    """LATERAL VIEW OUTER keeps rows without values; a LATERAL in FROM is an UNNEST."""
    call = node.this
    if isinstance(call, exp.Posexplode) and node.args.get("outer"):
        _refuse(node, "LATERAL VIEW OUTER posexplode has no counterpart in DuckDB", "write it without OUTER")
    if isinstance(call, exp.Explode):
        if node.args.get("outer"):
            call.set("this", _or_null(call.this))
        if not node.args.get("view"):
            return exp.Unnest(expressions=[call.this.copy()], alias=node.args["alias"])
    return node


def _values(node: exp.Expr) -> exp.Expr:
    """Columns without names are col1, col2, ..."""
    if node.args.get("alias") is None and isinstance(node.parent, exp.From | exp.Join):
        first = node.expressions[0]
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        names = [exp.to_identifier(f"col{i}") for i in range(1, width + 1)]
        node.set("alias", exp.TableAlias(this=exp.to_identifier("rows_"), columns=names))
    return node


def _create(node: exp.Expr) -> exp.Expr:
    """Leave out what changes no result: the file format, comments, the language of a function."""
    for constraint in list(node.find_all(exp.ColumnConstraint)):
        if isinstance(constraint.kind, exp.CommentColumnConstraint):
            constraint.pop()
    for one in list(node.find_all(*_SILENT)):
        one.pop()
    properties = node.args.get("properties")
    for one in properties.expressions if properties else ():
        if type(one) is exp.Property:  # TBLPROPERTIES
            one.pop()
    if isinstance(node.this, exp.UserDefinedFunction):
        for parameter in node.this.expressions:
            default = parameter.find(exp.DefaultColumnConstraint)
            if default is not None:
                parameter.replace(exp.PropertyEQ(this=parameter.this.copy(), expression=default.this.copy()))
    return node


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
    (exp.Create, _create),
    (exp.Format, _format_string),
    (exp.Exists, _exists),
    (exp.Inline, _inline),
    (exp.Struct, _struct),
    (exp.ExplodeOuter, _explode_outer),
    (exp.Lateral, _lateral),
    (exp.Values, _values),
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
