"""Rows from values and values from rows: explode, inline, LATERAL VIEW, VALUES, struct(*)."""

from __future__ import annotations

from sqlglot import exp

from ddb_aiquery._translate.indexes import is_map
from ddb_aiquery._translate.refusal import refuse

_KEY_AND_VALUE = 2
_UNVIEWED = {"json_tuple": "write j:field AS field for each", "stack": "read FROM VALUES (...), (...) AS t(a, b)"}


def exists(node: exp.Expr) -> exp.Expr:
    """`exists` over an array, not over a query."""
    if node.expression is None:
        return node
    kept = exp.Anonymous(this="list_filter", expressions=[node.this.copy(), node.expression.copy()])
    return exp.paren(exp.GT(this=exp.Anonymous(this="len", expressions=[kept]), expression=exp.Literal.number(0)))


def first(node: exp.Expr) -> exp.Expr:
    """`first_value` and `last_value` are aggregates too; in DuckDB they need a window."""
    around = node.parent
    if isinstance(around, exp.IgnoreNulls | exp.RespectNulls):
        around = around.parent
    if isinstance(around, exp.Window):
        return node
    name = "first" if isinstance(node, exp.FirstValue) else "last"
    return exp.Anonymous(this=name, expressions=[node.this.copy()])


def explode(node: exp.Expr) -> exp.Expr:
    """A map that the text shows gives the columns key and value; explode_outer keeps rows without values."""
    if isinstance(node, exp.Posexplode):
        if isinstance(node, exp.ExplodeOuter):
            refuse(node, "posexplode_outer has no counterpart in DuckDB", "write posexplode")
        return node
    values = _or_null(node.this) if isinstance(node, exp.ExplodeOuter) else node.this
    if is_map(node.this) and not isinstance(node.parent, exp.Lateral | exp.Aliases):
        return inline(exp.Inline(this=_entries(node.this)), node.parent)
    return exp.Explode(this=values.copy()) if isinstance(node, exp.ExplodeOuter) else node


def inline(node: exp.Expr, parent: exp.Expr | None = None) -> exp.Expr:
    """An array of STRUCTs becomes rows, the fields columns; LATERAL VIEW gives them names."""
    parent = parent or node.parent
    if isinstance(parent, exp.Lateral):
        return node
    rows = _columns(node.this)
    return exp.Subquery(this=exp.select(rows)) if isinstance(parent, exp.Table) else rows


def named(node: exp.Expr) -> exp.Expr:
    """`explode(m) AS (k, v)` in a SELECT list takes a map apart."""
    for one in node.expressions:
        if isinstance(one, exp.Aliases) and type(one.this) is exp.Explode and len(one.expressions) == _KEY_AND_VALUE:
            parts = zip(("map_keys", "map_values"), one.expressions, strict=True)
            calls = [(exp.Anonymous(this=part, expressions=[one.this.this.copy()]), name) for part, name in parts]
            one.replace([exp.alias_(exp.Explode(this=call), name.copy()) for call, name in calls])
        elif isinstance(one, exp.Aliases) and not isinstance(one.this, exp.Posexplode):
            refuse(one, "DuckDB cannot name several columns here", "write LATERAL VIEW inline(a) t AS b, c")
    return node


def lateral(node: exp.Expr) -> exp.Expr:
    """LATERAL VIEW OUTER keeps rows without values; two names for explode say that it takes a map apart."""
    call, outer = node.this, node.args.get("outer")
    if not isinstance(call, exp.Explode | exp.Inline):
        if isinstance(call, exp.Func):
            name = call.name.lower() if isinstance(call, exp.Anonymous) else call.sql_name().lower()
            refuse(node, f"LATERAL {name} has no counterpart in DuckDB", _UNVIEWED.get(name, "write a subquery"))
        return node
    if outer and isinstance(call, exp.Posexplode):
        refuse(node, "LATERAL VIEW OUTER posexplode has no counterpart in DuckDB", "write it without OUTER")
    alias = _alias(node, call)
    if not isinstance(call, exp.Posexplode | exp.Inline) and len(alias.columns) == _KEY_AND_VALUE:
        call = exp.Inline(this=_entries(call.this))
    values = _or_null(call.this) if outer else call.this.copy()
    if node.args.get("view"):
        call.set("this", values)
        node.set("this", call)
        node.set("alias", alias)
        return node
    if isinstance(call, exp.Inline):
        return exp.Lateral(this=exp.Subquery(this=exp.select(_columns(values))), alias=alias)
    if isinstance(call, exp.Posexplode):
        rows = exp.select(exp.Explode(this=_places(values)), exp.Explode(this=values))
        return exp.Lateral(this=exp.Subquery(this=rows), alias=alias)
    return exp.Unnest(expressions=[values], alias=alias)


def _alias(node: exp.Expr, call: exp.Expr) -> exp.TableAlias:
    """Return the names that are given, else those of Databricks."""
    given = node.args.get("alias")
    alias = exp.TableAlias() if given is None else given.copy()
    if not alias.columns and not isinstance(call, exp.Inline):
        names = (
            ["pos", "col"] if isinstance(call, exp.Posexplode) else ["key", "value"] if is_map(call.this) else ["col"]
        )
        alias.set("columns", [exp.to_identifier(name) for name in names])
    if alias.this is None and not node.args.get("view"):
        alias.set("this", exp.to_identifier("rows_"))
    return alias


def _places(values: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="range", expressions=[exp.Anonymous(this="len", expressions=[values.copy()])])


def values(node: exp.Expr) -> exp.Expr:
    """Columns without names are col1, col2, ..."""
    if node.args.get("alias") is None and isinstance(node.parent, exp.From | exp.Join):
        first = node.expressions[0]
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        names = [exp.to_identifier(f"col{i}") for i in range(1, width + 1)]
        node.set("alias", exp.TableAlias(this=exp.to_identifier("rows_"), columns=names))
    return node


def struct(node: exp.Expr) -> exp.Expr:
    """`struct(*)` is the row of the one table that is read, which DuckDB knows by the table's name."""
    if len(node.expressions) != 1 or not node.expressions[0].is_star:
        return node
    query = node.find_ancestor(exp.Select)
    sources = [] if query is None else query.find_all(exp.From, exp.Join, exp.Lateral, bfs=True)
    mine = [one for one in sources if one.parent is query]
    name = mine[0].this.alias_or_name if len(mine) == 1 else ""
    if not name:
        refuse(node, "struct(*) needs one table or a subquery with a name", "write named_struct('column', column, ...)")
    return exp.column(name)


def _entries(values: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="map_entries", expressions=[values.copy()])


def _columns(values: exp.Expr) -> exp.Expr:
    depth = exp.PropertyEQ(this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2))
    return exp.Anonymous(this="unnest", expressions=[values.copy(), depth])


def _or_null(values: exp.Expr) -> exp.Expr:
    """Return a list that has a NULL where it would have nothing, so that its row is not lost."""
    filled = exp.GT(this=exp.Anonymous(this="len", expressions=[values.copy()]), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=filled, true=values.copy())], default=exp.Array(expressions=[exp.null()]))
