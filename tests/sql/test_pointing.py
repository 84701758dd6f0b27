"""An error of DuckDB's on Databricks SQL says what translates it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

import ddb_aiquery

HINT = "This looks like Databricks SQL"
WAYS: dict[str, Callable[[Any, str], Any]] = {
    "execute": lambda con, sql: con.execute(sql),
    "sql": lambda con, sql: con.sql(sql),
    "described": lambda con, sql: con.execute("DESCRIBE " + sql),
}


@pytest.fixture
def con() -> Iterator[ddb_aiquery.AiConnection]:
    """Return a connection with a table; nothing is asked here."""
    with ddb_aiquery.connect(config={}) as made:
        made.execute("CREATE TABLE t AS SELECT 'x' AS a, [1] AS l")
        yield made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT ARRAY('a', 'b')", duckdb.ParserException),
        ("SELECT ai_query('e', a, files => ARRAY('a')) FROM t", duckdb.ParserException),
        ("SELECT ai_query('e', a:field) FROM t", duckdb.ParserException),
        ("SELECT `a` FROM t WHERE FROM", duckdb.ParserException),
        ("SELECT * FROM t LATERAL VIEW explode(l) AS y", duckdb.ParserException),
        ("SELECT named_struct('a')", duckdb.BinderException),
        ("SELECT map('a', 1)", duckdb.BinderException),
        ('SELECT ai_query("e", "Say hi")', duckdb.BinderException),
        ("SELECT schema_of_json('{}')", duckdb.CatalogException),
        ("SELECT parse_json(ai_query('e', a)) FROM t", duckdb.CatalogException),
    ],
)
def test_databricks_sql_is_pointed_to_translate(con: Any, way: str, sql: str, kind: type[duckdb.Error]) -> None:
    """DuckDB's own error, of its own kind, has one line more, once."""
    with pytest.raises(kind) as raised:
        WAYS[way](con, sql)
    assert type(raised.value) is kind
    assert str(raised.value).count(HINT) == 1
    assert str(raised.value).startswith(kind.__name__.removesuffix("Exception"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "sql",
    ["SELECT FROM FROM", "SELECT nosuch FROM t", "SELECT nosuch(1)", "SELECT 1 FROM nosuch", "SELECT abs('a', 1)"],
)
def test_other_errors_stay_as_they_are(con: Any, way: str, sql: str) -> None:
    """A plain mistake says what DuckDB says, and nothing of Databricks."""
    with pytest.raises(duckdb.Error) as raised:
        WAYS[way](con, sql)
    assert HINT not in str(raised.value)


def test_an_estimate_points_to_translate_too(con: Any) -> None:
    """What is only counted is read as what is run."""
    with pytest.raises(duckdb.ParserException, match=HINT):
        con.estimate("SELECT ai_query('e', a, files => ARRAY('a')) FROM t")
