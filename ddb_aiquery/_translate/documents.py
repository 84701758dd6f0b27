"""JSON in text: paths, schemas and values. What is no JSON gives NULL in its row, as in Databricks."""

from __future__ import annotations

from sqlglot import exp

from ddb_aiquery._results.ddl import parse
from ddb_aiquery._results.types import duckdb_text, structure
from ddb_aiquery._translate.refusal import refuse

_UNSIGNED = r'(^|[:\[])"UBIGINT"'
"""DuckDB's type for whole numbers that are not negative, where it is no field's name."""


def as_json(value: exp.Expr) -> exp.Expr:
    """Return the value as JSON, NULL where it is none; text, JSON and a STRUCT are taken alike."""
    if isinstance(value, exp.TryCast) and value.to.is_type(exp.DType.JSON):
        return value.copy()
    return exp.TryCast(this=value.copy(), to=exp.DataType.build("JSON", dialect="duckdb"))


def path(node: exp.Expr) -> exp.Expr:
    """A `:` path gives text, as in Databricks."""
    if not node.args.get("variant_extract"):
        return node
    kind = exp.JSONExtract if isinstance(node.parent, exp.Explode | exp.Unnest) else exp.JSONExtractScalar
    return kind(this=as_json(node.this), expression=node.expression.copy())


def extracted(node: exp.Expr) -> exp.Expr:
    """get_json_object reads text that may be no JSON."""
    node.set("this", as_json(node.this))
    return node


def variant_get(node: exp.Expr) -> exp.Expr:
    """variant_get raises where the value has another type, try_variant_get gives NULL."""
    value, place, *kind = node.expressions
    text = exp.JSONExtractScalar(this=as_json(value), expression=place.copy())
    if not kind:
        return text
    cast = exp.TryCast if node.name.lower() == "try_variant_get" else exp.Cast
    return cast(this=text, to=exp.DataType.build(duckdb_text(parse(kind[0].name)), dialect="duckdb"))


def from_json(node: exp.Expr) -> exp.Expr:
    """DDL becomes the structure that DuckDB's from_json takes."""
    if node.args.get("options"):
        refuse(node, "from_json takes no options here", "leave them out")
    schema = node.expression
    if schema.is_string:
        schema = exp.Literal.string(structure(parse(schema.name)))
    elif isinstance(schema, exp.Anonymous) and schema.name.lower() == "schema_of_json":
        schema = schema_of_json(schema)
    if not isinstance(node.this, exp.Literal):
        return exp.Anonymous(this="from_json", expressions=[as_json(node.this), schema.copy()])
    # A literal that is no JSON would fold into a NULL without a type; TRY takes no call of a model.
    call = exp.Anonymous(this="from_json", expressions=[node.this.copy(), schema.copy()])
    return exp.Anonymous(this="try", expressions=[call])


def schema_of_json(node: exp.Expr) -> exp.Expr:
    """Whole numbers are signed, as in Databricks: the example shows one value, and others may be negative."""
    found = exp.Anonymous(this="json_structure", expressions=[one.copy() for one in node.expressions])
    texts = [exp.Literal.string(one) for one in (_UNSIGNED, r'\1"BIGINT"', "g")]
    return exp.Anonymous(this="regexp_replace", expressions=[exp.cast(found, "TEXT"), *texts])
