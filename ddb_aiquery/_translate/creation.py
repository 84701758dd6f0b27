"""CREATE: tables and views without what changes no result, functions with the types that they declare."""

from __future__ import annotations

from sqlglot import exp

from ddb_aiquery._translate.refusal import refuse

_SILENT = (
    exp.ClusteredByProperty,
    exp.ClusterProperty,
    exp.FileFormatProperty,
    exp.LanguageProperty,
    exp.PartitionedByProperty,
    exp.SchemaCommentProperty,
    exp.SqlReadWriteProperty,
    exp.StabilityProperty,
)
"""What CREATE says in Databricks and DuckDB has no word for, since it changes no result."""
REFRESHED = "write CREATE OR REPLACE TABLE t AS SELECT ... and run it anew; what was asked before is not asked again"
"""What to do instead of a table that refreshes itself."""


def create(node: exp.Expr) -> exp.Expr:
    """Leave out the file format, comments, TBLPROPERTIES; give a function's body its types."""
    properties = node.args["properties"].expressions if node.args.get("properties") else []
    for one in properties:
        if isinstance(one, exp.LanguageProperty) and one.name.upper() != "SQL":
            refuse(one, f"A function in {one.name.upper()} has no counterpart in DuckDB's SQL", "write it in SQL")
        if isinstance(one, exp.MaterializedProperty | exp.StreamingTableProperty):
            refuse(node, "A materialized view or streaming table has no counterpart in DuckDB", REFRESHED)
    if node.args.get("clone"):
        refuse(node, "CLONE has no counterpart in DuckDB", "write CREATE TABLE t AS SELECT * FROM the other table")
    if isinstance(node.this, exp.UserDefinedFunction):
        _function(node, next((one for one in properties if isinstance(one, exp.ReturnsProperty)), None))
    # A new list: sqlglot does not tell a property that comes after TEMP its place, so it cannot be taken out.
    kept = [one.copy() for one in properties if not isinstance(one, _SILENT) and type(one) is not exp.Property]
    node.set("properties", exp.Properties(expressions=kept) if kept else None)
    for column in node.find_all(exp.ColumnDef):
        if column.find(exp.GeneratedAsIdentityColumnConstraint):
            remedy = "CREATE SEQUENCE s, and give the column DEFAULT nextval('s')"
            refuse(column, "GENERATED AS IDENTITY has no counterpart in DuckDB", remedy)
        uncommented(column)
    return node


def uncommented(column: exp.ColumnDef) -> None:
    """Take the comment from a column's definition."""
    kept = [one for one in column.constraints if not isinstance(one.kind, exp.CommentColumnConstraint)]
    column.set("constraints", kept)


def _function(node: exp.Expr, returns: exp.Expr | None) -> None:
    """DuckDB's macros have parameters without casts and no type: the body says both."""
    body = node.expression.this if isinstance(node.expression, exp.Return) else node.expression
    types = {one.name.lower(): one.args.get("kind") for one in node.this.expressions}
    body = _typed(body.copy(), types, node.this.this.name)
    node.this.set("expressions", [_parameter(one) for one in node.this.expressions])
    if returns is not None and returns.args.get("is_table"):
        body = _table(body, returns.this)
        returns.set("this", exp.Schema(this=exp.var("TABLE")))  # what makes sqlglot write AS TABLE
    else:
        if isinstance(body, exp.Query) and not isinstance(body, exp.Subquery):
            body = body.subquery()
        if returns is not None:
            body = exp.cast(body, returns.this)
    node.set("expression", exp.Return(this=body))


def _typed(body: exp.Expr, types: dict[str, exp.DataType | None], function: str) -> exp.Expr:
    """Cast each parameter where it is used."""
    holder = exp.Paren(this=body)
    for column in list(body.find_all(exp.Column)):
        kind = types.get(column.name.lower())
        if kind is None or column.table.lower() not in ("", function.lower()):
            continue
        column.replace(exp.cast(exp.column(column.this.copy()), kind.copy()))
    typed: exp.Expr = holder.this
    return typed


def _parameter(one: exp.Expr) -> exp.Expr:
    default = one.find(exp.DefaultColumnConstraint)
    name = one.this.copy()
    return name if default is None else exp.PropertyEQ(this=name, expression=default.this.copy())


def _table(body: exp.Expr, returned: exp.Expr) -> exp.Expr:
    """Name and cast the columns that RETURNS TABLE declares."""
    columns = returned.expressions
    if not columns:
        return body
    rows = exp.TableAlias(this=exp.to_identifier("rows_"), columns=[one.this.copy() for one in columns])
    casts = [
        exp.alias_(exp.cast(exp.column(one.this.copy(), "rows_"), one.args["kind"].copy()), one.this.copy())
        for one in columns
    ]
    return exp.select(*casts).from_(exp.Subquery(this=body, alias=rows))
