"""Elements of arrays, counted from 0 in Databricks and from 1 in DuckDB, and of maps, found by key in both."""

from __future__ import annotations

from sqlglot import exp

from ddb_aiquery._results.ddl import parse
from ddb_aiquery._results.types import List, Map, Struct, Type
from ddb_aiquery.errors import CallError

_LISTS = (
    exp.Array,
    exp.ArrayAgg,
    exp.ArrayDistinct,
    exp.ArrayFilter,
    exp.ArraySlice,
    exp.ArraySort,
    exp.ArrayUniqueAgg,
    exp.Flatten,
    exp.GenerateSeries,
    exp.RegexpSplit,
    exp.Split,
    exp.Transform,
)
_MAPS = (exp.Map, exp.MapFromEntries, exp.StrToMap, exp.VarMap)
_WRITTEN = "written"
_TEXTS = (exp.Concat, exp.DPipe, exp.Lower, exp.Upper)


def element(node: exp.Expr) -> exp.Expr:
    """Rewrite `values[place]`; where the text does not show what `values` is, DuckDB decides when it binds."""
    if node.args.get("offset") or len(node.expressions) != 1:
        return node
    place = written = node.expressions[0]
    if not (place.is_string or isinstance(place, (*_TEXTS, exp.Null)) or is_map(node.this)):
        place = _from_one(place) if is_list(node.this) else _shifted(node.this, place)
    found = exp.Bracket(this=node.this.copy(), expressions=[place.copy()], offset=1)
    found.meta[_WRITTEN] = written
    return found


def get(node: exp.Expr) -> exp.Expr:
    """`get` takes an array, or a map in newer versions."""
    values, place = node.expressions
    return element(exp.Bracket(this=values.copy(), expressions=[place.copy()]))


def reverse(node: exp.Expr) -> exp.Expr:
    """`reverse` turns texts and arrays round; DuckDB has a name for each."""
    return exp.Anonymous(this="list_reverse", expressions=[node.this.copy()]) if is_list(node.this) else node


def is_list(values: exp.Expr) -> bool:
    """Tell whether the text itself shows an array."""
    return isinstance(values, _LISTS) or isinstance(_visible(values), List)


def is_map(values: exp.Expr) -> bool:
    """Tell whether the text itself shows a map."""
    return isinstance(values, _MAPS) or isinstance(_visible(values), Map)


def _visible(value: exp.Expr) -> Type | None:
    """Return the type that a literal returnType or schema, or a cast, gives; fields and elements of it too."""
    if isinstance(value, exp.Paren):
        return _visible(value.this)
    if isinstance(value, exp.Cast):
        return _read(value.to.sql("duckdb"))
    if isinstance(value, exp.Anonymous):
        return _declared(value)
    if isinstance(value, exp.Bracket):
        outer = _visible(value.this)
        return outer.item if isinstance(outer, List) else outer.value if isinstance(outer, Map) else None
    if isinstance(value, exp.Dot):
        outer = _visible(value.this)
        fields = outer.fields if isinstance(outer, Struct) else ()
        return next((one.type for one in fields if one.name.lower() == value.name.lower()), None)
    return None


def _declared(call: exp.Expr) -> Type | None:
    name = call.name.lower()
    if name == "try":
        return _visible(call.expressions[0])
    if name == "from_json":
        return _read(call.expressions[1].name) if call.expressions[1].is_string else None
    named = {one.name.lower(): one.expression for one in call.expressions if isinstance(one, exp.Kwarg)}
    kind = named.get("returntype")
    return _read(kind.name) if name == "ai_query" and kind is not None and "failonerror" not in named else None


def _read(text: str) -> Type | None:
    try:
        return parse(text)
    except CallError:
        return None


def _from_one(place: exp.Expr) -> exp.Expr:
    """A place before the first gives NULL; DuckDB would count it from the end."""
    if place.is_int and not place.find(exp.Neg):
        return exp.Literal.number(int(place.name) + 1)
    return _not_below_0(exp.Add(this=exp.paren(place), expression=exp.Literal.number(1)))


def _listed(values: exp.Expr) -> exp.Expr:
    """Return the test for a list. DuckDB folds it away: a type is a constant."""
    typed = values.copy()
    for inner in list(typed.find_all(exp.Bracket)):  # any element has the type: the text would double at each level
        if _WRITTEN in inner.meta:
            inner.set("expressions", [inner.meta[_WRITTEN].copy()])
    kind = exp.Anonymous(this="typeof", expressions=[typed])
    return exp.Anonymous(this="ends_with", expressions=[kind, exp.Literal.string("]")])


def _shifted(values: exp.Expr, place: exp.Expr) -> exp.Expr:
    """Count from 1 where the value is a list."""
    if place.is_int and not place.find(exp.Neg):
        return exp.Add(this=place.copy(), expression=exp.cast(_listed(values), "INT"))
    number = exp.TryCast(this=place.copy(), to=exp.DataType.build("BIGINT"))
    from_one = _not_below_0(exp.Add(this=number, expression=exp.Literal.number(1)))
    fitting = exp.Anonymous(this="cast_to_type", expressions=[from_one, place.copy()])
    return exp.Case(ifs=[exp.If(this=_listed(values), true=fitting)], default=place.copy())


def _not_below_0(place: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="greatest", expressions=[place, exp.Literal.number(0)])
