"""Databricks' functions that DuckDB lacks or means another way; each gives what Databricks gives."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pytest

from ddb_aiquery._sql import named
from ddb_aiquery._translate import translate

DAY = dt.date
GIVEN = "SELECT * FROM (SELECT 'a.b.c' AS s, array(3, 1, NULL, 3, NULL) AS l, map('a', 1, 'b', 2) AS m, 10 AS n) AS t"
"""What the expressions are evaluated over."""
FUNCTIONS: list[tuple[str, Any]] = [
    ("substring_index(s, '.', 2)", "a.b"),
    ("substring_index(s, '.', -2)", "b.c"),
    ("substring_index(s, '.', -9)", "a.b.c"),
    ("substring_index(s, '.', 0)", ""),
    ("substring_index(NULL, '.', 2)", None),
    ("btrim('  x ')", "x"),
    ("btrim('xxaxx', 'x')", "a"),
    ("replace(s, '.')", "abc"),
    ("octet_length('é')", 2),
    ("find_in_set('b', 'a,b')", 2),
    ("find_in_set('z', 'a,b')", 0),
    ("regexp_substr('abc123', '[0-9]+')", "123"),
    ("regexp_substr('abc', '[0-9]+')", None),
    ("regexp_replace('a-b', '(a)-(b)', '$2+$1')", "b+a"),
    ("regexp_replace('abc', 'b', '\\\\$1')", "a$1c"),
    ("format_number(12345.678, 2)", "12,345.68"),
    ("mask('AbC1-é')", "XxXn-x"),
    ("url_encode('a b/c')", "a+b%2Fc"),
    ("url_decode('a+b%2Fc')", "a b/c"),
    ("str_to_map('a:1,b:2:3,c')", {"a": "1", "b": "2:3", "c": None}),
    ("str_to_map('a=1;b=2', ';', '=')", {"a": "1", "b": "2"}),
    ("array_distinct(l)", [3, 1, None]),
    ("array_union(l, array(2, 1))", [3, 1, None, 2]),
    ("arrays_overlap(array(1, 2), array(2, 3))", True),
    ("array_repeat(s, 2)", ["a.b.c", "a.b.c"]),
    ("reverse(array(1, 2))", [2, 1]),
    ("reverse('ab')", "ba"),
    ("forall(array(1, 2), x -> x < n)", True),
    ("forall(array(1, 20), x -> x < n)", False),
    ("forall(array(), x -> x < n)", True),
    ("transform(array(5, 6), (x, i) -> x * i + n)", [10, 16]),
    ("transform(array(5, 6), x -> x + n)", [15, 16]),
    ("filter(array(5, 6, 7), (x, i) -> i > 0)", [6, 7]),
    ("zip_with(array(1, 2), array(3, 4), (x, y) -> (x - y) * n)", [-20, -20]),
    ("aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x, acc -> acc * n)", 60),
    ("map_contains_key(m, 'a')", True),
    ("map_filter(m, (k, v) -> v > 1 AND k <> s)", {"b": 2}),
    ("transform_keys(m, (k, v) -> concat(k, v))", {"a1": 1, "b2": 2}),
    ("transform_values(m, (k, v) -> v * n)", {"a": 10, "b": 20}),
    ("isnull(s) OR isnotnull(s)", True),
    ("nanvl(double('NaN'), 2)", 2.0),
    ("zeroifnull(NULL) + nullifzero(n)", 10),
    ("double(bround(2.5) + bround(2.45, 1))", 4.4),
    ("pmod(0 - n, 3) * 2", 4),
    ("hypot(3, 4)", 5.0),
    ("e() > 2.7", True),
    ("n - negative(n - 1) * positive(2)", 28),
    ("try_add(2147483647, 1)", None),
    ("try_subtract(n, 1) + try_multiply(n, 2)", 29),
    ("dayofweek(date'2024-01-07') * 2", 2),
    ("dayofweek('2024-01-06')", 7),
    ("extract(DOW FROM date'2024-01-07')", 1),
    ("date_part('dayofweek', date'2024-01-07')", 1),
    ("date_part('year', date'2024-01-07')", 2024),
    ("weekday('2024-01-07')", 6),
    ("trunc(date'2024-02-15', 'MM')", DAY(2024, 2, 1)),
    ("date(date_trunc('YYYY', date'2024-02-15'))", DAY(2024, 1, 1)),
    ("string(timestamp_seconds(1.5))", "1970-01-01 00:00:01.5"),
    ("string(timestamp_millis(1500))", "1970-01-01 00:00:01.5"),
    ("string(timestamp_micros(1500000))", "1970-01-01 00:00:01.5"),
    ("every(n > 5) AND some(n > 5)", True),
    ("try_sum(n) + try_avg(n)", 20.0),
    ("first_value(s)", "a.b.c"),
    ("last_value(s) OVER (ORDER BY n)", "a.b.c"),
]


@pytest.mark.parametrize(("expression", "wanted"), FUNCTIONS, ids=[one for one, _ in FUNCTIONS])
def test_a_function_gives_what_databricks_gives(expression: str, wanted: Any) -> None:
    """Translated, the expression has Databricks' value in DuckDB."""
    translated = translate(GIVEN.replace("*", f"{expression} AS x", 1))
    with duckdb.connect() as con:
        ((found,),) = con.execute(translated).fetchall()
    assert found == pytest.approx(wanted) if isinstance(wanted, float) else found == wanted


def test_every_function_of_the_file_is_tested() -> None:
    """A function that is added to sql/databricks.sql is held against Databricks' value."""
    said = " ".join(expression for expression, _ in FUNCTIONS).replace("aggregate(", "reduce(")
    names = {statement.split("CREATE MACRO ")[1].split("(")[0] for statement in named("databricks.sql").values()}
    assert {name for name in names if f"{name}(" not in said} == set()


@pytest.mark.parametrize(
    "written",
    [
        "transform(array(1), x -> x)",
        "aggregate(array(1), 0, (acc, x) -> acc + x)",
        "replace(s, 'a', 'b')",
        "filter(l, f)",
    ],
)
def test_what_duckdb_has_stays_as_it_is(written: str) -> None:
    """A function with other arguments than those of the file keeps its short form."""
    assert "__" not in translate(f"SELECT {written}")
