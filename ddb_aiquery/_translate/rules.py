"""The rules of the translation: which takes a node of which kind, and gives the node that DuckDB understands."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from sqlglot import exp

from ddb_aiquery._translate import creation, dates, documents, files, functions, indexes, rows, statements, text
from ddb_aiquery._translate.refusal import refuse

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
        refuse(node, f"{name} does not exist here", ABSENT[name])
    if isinstance(node, exp.Anonymous):
        if name in _FUNCTIONS and len(node.expressions) < 1 + name.endswith("get"):
            refuse(node, f"{name} has too few arguments", "give them all")
        return _FUNCTIONS[name](node) if name in _FUNCTIONS else functions.expanded(node)
    if not name.startswith("ai_"):
        return functions.expanded(node)
    return exp.Anonymous(this=name, expressions=functions.arguments(node))


def _cast(node: exp.Expr) -> exp.Expr:
    """Types are functions too; sqlglot does not know them all."""
    return exp.cast(node.expressions[0].copy(), node.name)


def _field(node: exp.Expr) -> exp.Expr:
    """`errorStatus`, as some of Databricks' pages name it, is errorMessage."""
    if node.name.lower() == "errorstatus":
        return exp.to_identifier("errorMessage")
    return node


_FUNCTIONS: MappingProxyType[str, Callable[[exp.Expr], exp.Expr]] = MappingProxyType(
    {
        **dict.fromkeys(("bigint", "smallint", "tinyint"), _cast),
        "date_part": dates.date_part,
        "get": indexes.get,
        "identifier": statements.identifier,
        "printf": text.format_string,
        "schema_of_json": documents.schema_of_json,
        "to_variant_object": lambda node: exp.Anonymous(this="to_json", expressions=[node.expressions[0].copy()]),
        "try_parse_json": lambda node: documents.as_json(node.expressions[0]),
        "try_variant_get": documents.variant_get,
        "variant_get": documents.variant_get,
    }
)
"""Functions that sqlglot leaves as they are."""

_RULES: tuple[tuple[type[exp.Expr], Callable[[exp.Expr], exp.Expr]], ...] = (
    (exp.Create, creation.create),
    (exp.Insert, statements.insert),
    (exp.Update, statements.update),
    (exp.Set, statements.setting),
    (exp.Alter, statements.alter),
    (exp.Use, statements.use),
    (exp.Select, statements.select),
    (exp.Select, rows.named),
    (exp.Exists, rows.exists),
    (exp.Explode, rows.explode),
    (exp.Inline, rows.inline),
    (exp.Struct, rows.struct),
    (exp.Lateral, rows.lateral),
    (exp.Values, rows.values),
    (exp.ConcatWs, text.concat_ws),
    (exp.Format, text.format_string),
    (exp.Substring, text.substring),
    (exp.RegexpReplace, text.regexp_replace),
    (exp.FirstValue, rows.first),
    (exp.LastValue, rows.first),
    (exp.Extract, dates.extract),
    (exp.DateTrunc, dates.truncated),
    (exp.TimestampTrunc, dates.truncated),
    (exp.TsOrDsAdd, lambda node: exp.cast(node.copy(), "DATE")),
    (exp.Func, _call),
    (exp.JSONExtract, documents.path),
    (exp.JSONExtractScalar, documents.extracted),
    (exp.FromJson, documents.from_json),
    (exp.Bracket, indexes.element),
    (exp.Reverse, indexes.reverse),
    (exp.Table, statements.table),
    (exp.Table, statements.named),
    (exp.Stream, statements.stream),
    (exp.Table, files.named_file),
    (exp.Table, files.read_files),
    (exp.Identifier, _field),
)
