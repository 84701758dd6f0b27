"""Every value arrives in the child as DuckDB holds it."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), st.text(st.characters(exclude_categories=["Cs"]), max_size=40)),
    "blob": (pa.binary(), st.binary(max_size=40)),
    "flag": (pa.bool_(), st.booleans()),
    "small": (pa.int8(), st.integers(-128, 127)),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "money": (pa.decimal128(9, 2), st.decimals(-9999999, 9999999, places=2)),
    "large": (pa.decimal128(38, 0), st.integers(-(10**37), 10**37)),
    "real": (pa.float64(), st.floats(allow_nan=False)),
    "day": (pa.date32(), st.dates()),
}


def nullable(kind: tuple[pa.DataType, st.SearchStrategy[Any]]) -> tuple[pa.DataType, st.SearchStrategy[Any]]:
    return kind[0], st.none() | kind[1]


def list_of(kind: tuple[pa.DataType, st.SearchStrategy[Any]]) -> tuple[pa.DataType, st.SearchStrategy[Any]]:
    return pa.list_(kind[0]), st.lists(nullable(kind)[1], max_size=4)


def struct_of(
    one: tuple[pa.DataType, st.SearchStrategy[Any]], other: tuple[pa.DataType, st.SearchStrategy[Any]]
) -> tuple[pa.DataType, st.SearchStrategy[Any]]:
    fields = {"a": nullable(one)[1], "b": nullable(other)[1]}
    return pa.struct([("a", one[0]), ("b", other[0])]), st.fixed_dictionaries(fields)


def map_of(kind: tuple[pa.DataType, st.SearchStrategy[Any]]) -> tuple[pa.DataType, st.SearchStrategy[Any]]:
    pairs = st.dictionaries(KINDS["text"][1], nullable(kind)[1], max_size=3).map(lambda pairs: list(pairs.items()))
    return pa.map_(pa.string(), kind[0]), pairs


flat = st.sampled_from(sorted(KINDS)).map(KINDS.__getitem__)
kinds = st.recursive(
    flat,
    lambda inner: st.one_of(
        inner.map(list_of), st.tuples(inner, inner).map(lambda two: struct_of(*two)), inner.map(map_of)
    ),
    max_leaves=4,
)


@st.composite
def columns(draw: st.DrawFn) -> pa.Array:
    kind, values = draw(kinds)
    rows = draw(st.lists(st.none() | values, min_size=1, max_size=6))
    return pa.array(rows * draw(st.sampled_from([1, 1, 30])), kind)


@given(columns())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_arrives_as_it_is(wheel, column):
    """Rows of any nested type come out of the child's Arrow arrays as they went into DuckDB, NULLs included."""
    data = pa.table({"place": range(len(column)), "value": column})
    rows = wheel.execute("SELECT __ai_query('e', value) FROM data ORDER BY place").fetchall()
    assert data.num_rows == len(rows)
    assert [row[0] for row in rows] == [None if value is None else repr(value) for value in column.to_pylist()]


EXPRESSIONS = {
    "NULL": None,
    "'text'": "'text'",
    "'a text of more than twelve bytes'": "'a text of more than twelve bytes'",
    "'\U0001f986 duck'": "'\U0001f986 duck'",
    "''": "''",
    "'b'::ENUM('a', 'b')": "'b'",
    "true": "True",
    "0.25": "Decimal('0.25')",
    "5::HUGEINT": "Decimal('5')",
    "'\\xAA\\x00b'::BLOB": "b'\\xaa\\x00b'",
    "TIMESTAMP '2024-01-02 03:04:05'": "datetime.datetime(2024, 1, 2, 3, 4, 5)",
    "TIME '03:04:05'": "datetime.time(3, 4, 5)",
    "MAP {'a': 1, 'b': NULL}": "[('a', 1), ('b', None)]",
    "[]": "[]",
    "[1, NULL, 3]": "[1, None, 3]",
    "[{'role': 'user', 'content': 'hi'}]": "[{'role': 'user', 'content': 'hi'}]",
    "list_sort(['b', 'a', 'c'])": "['a', 'b', 'c']",
    "list_transform([1, 2], lambda x: {'n': x, 't': 'x' || x})": "[{'n': 1, 't': 'x1'}, {'n': 2, 't': 'x2'}]",
    "list_filter([{'a': 1}, {'a': 2}], lambda x: x.a > 1)": "[{'a': 2}]",
    "[[], [NULL], ['x']][2:]": "[[None], ['x']]",
    "{'a': NULL, 'b': {'c': ['x']}}": "{'a': None, 'b': {'c': ['x']}}",
}


def test_values_of_the_real_shell_arrive_as_they_are(echo, run):
    """Constants and columns of each type come through the real shell's own vectors, constant, filtered or sliced."""
    columns = ", ".join(f"__ai_query('e', {expression}) AS c{i}" for i, expression in enumerate(EXPRESSIONS))
    rows = ", ".join(f"__ai_query('e', CASE WHEN i % 3 = 1 THEN {e} END) AS c{i}" for i, e in enumerate(EXPRESSIONS))
    done = run(
        echo, "-json", "-c", f"SELECT {columns};", "-c", f"SELECT {rows} FROM range(3000) t(i) WHERE i IN (1, 2999);"
    )
    constants, varied = (json.loads(part) for part in done.stdout.replace("]\n[", "]\0[").split("\0"))
    expected = {f"c{i}": text for i, text in enumerate(EXPRESSIONS.values())}
    assert constants == [expected]
    assert varied == [expected, dict.fromkeys(expected)]


@pytest.mark.parametrize("expression", ["uuid()", "[uuid()]", "{'a': INTERVAL 1 DAY}", "[1, 2]::INT[2]"])
def test_a_type_that_is_not_carried_says_so(wheel, expression):
    """A value that the bridge cannot carry is an error with the remedy, also inside a list or a struct."""
    with pytest.raises(Exception, match="type is not passed on: cast it"):
        wheel.execute(f"SELECT __ai_query('e', {expression})").fetchall()


def test_large_answers_and_many_threads(wheel):
    """Answers of megabytes and chunks from several threads at once come back whole, each to its own rows."""
    assert wheel.execute("SELECT length(__ai_query('e', 'long'))").fetchall() == [(5_000_000,)]
    wheel.execute("SET threads = 4")
    wheel.execute("CREATE OR REPLACE TABLE many AS SELECT 'row number ' || i AS t FROM range(1000000) r(i)")
    wrong = "SELECT count(*) FROM many WHERE __ai_query('e', t) IS DISTINCT FROM '''' || t || ''''"
    assert wheel.execute(wrong).fetchall() == [(0,)]
