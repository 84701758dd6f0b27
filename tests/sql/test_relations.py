"""Relations write and step as DuckDB's own do."""

from __future__ import annotations

from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

TABLES = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL"
NAMES = [
    "plain",
    "my table",
    "group",
    '"x y"',
    "sch.a",
    'sch."a.b"',
    '"sch"."q"',
    '"a""b"',
    'a "b" c',
    "z1 AS SELECT 1; DROP TABLE kept; CREATE TABLE z2",
    "'q'",
    "memory.sch.c",
    'a"b',
    'main.a"b',
    "nosuch.x",
    "",
    "sch.",
]


def tried(action: Any) -> Any:
    try:
        return action()
    except duckdb.Error as error:
        return type(error)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["create", "to_table"])
def test_a_table_is_named_as_duckdb_names_it(name: str, method: str) -> None:
    """Whatever the name holds, it is a name: the same tables are there, or the same kind of error is raised."""
    outcomes = []
    with ddb_aiquery.connect(config={}) as ours, duckdb.connect() as theirs:
        for con in (ours, theirs):
            con.execute("CREATE TABLE kept (a INT); CREATE SCHEMA sch")
            raised = tried(lambda: getattr(con.sql("SELECT 1 AS a"), method)(name))  # noqa: B023 (called at once)
            outcomes.append((raised, con.execute(TABLES).fetchall()))
    assert outcomes[0] == outcomes[1]


def test_rows_go_into_a_table_whatever_it_is_called(con: Any, served: Any) -> None:
    """`insert_into` takes the names that `create` takes; answers are written with the rows."""
    served.says("yes")
    con.execute('CREATE TABLE "my ""own"" table" (said VARCHAR)')
    con.sql("SELECT ai_query('chat', 'q')").insert_into('"my ""own"" table"')
    assert con.execute('FROM "my ""own"" table"').fetchall() == [("yes",)]


def test_to_fetch_no_rows_leaves_them_all(con: Any, served: Any) -> None:
    """fetchmany(0) and an empty chunk take nothing from an open result."""
    served.says("yes")
    con.execute("SELECT i, ai_query('chat', 'q' || i) FROM range(3) AS s(i) ORDER BY i")
    assert (con.fetchmany(0), con.fetchmany(size=0), len(con.fetch_df_chunk(0))) == ([], [], 0)
    assert con.fetchmany(1) == [(0, "yes")]
    assert con.fetchall() == [(1, "yes"), (2, "yes")]
    assert con.fetchmany(1) == []


def test_a_relation_steps_over_nothing(scripted: Any) -> None:
    """fetchmany(0) on a relation does not run it anew."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        relation = con.sql("SELECT i FROM range(2) AS s(i)")
        assert relation.fetchone() == (0,)
        assert relation.fetchmany(0) == []
        assert relation.fetchone() == (1,)


def test_a_relation_is_read_by_other_libraries(scripted: ScriptedEndpoint) -> None:
    """Arrow's C stream, polars and a notebook's display read answered rows."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        relation = con.sql("SELECT ai_query('test', 'p' || i) AS a FROM range(2) t(i) ORDER BY i")
        answers = {"a": ["echo: p0", "echo: p1"]}
        assert pa.table(relation).to_pydict() == answers
        assert pl.DataFrame(relation).to_dict(as_series=False) == answers
        assert relation.pl().to_dict(as_series=False) == answers
        assert "echo: p1" in relation._repr_mimebundle_()["text/plain"]
        assert scripted.requests == 2


def test_a_pivot_over_answers_is_a_relation(scripted: ScriptedEndpoint) -> None:
    """PIVOT, which DuckDB runs as two statements, is answered at once and read like any relation."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        pivot = con.sql("PIVOT (SELECT i, ai_query('test', 'p' || i % 2) a FROM range(3) t(i)) ON a USING count(*)")
        assert sorted(pivot.filter("i > 0").fetchall()) == [(1, 0, 1), (2, 1, 0)]


def test_a_relation_has_its_columns(scripted: ScriptedEndpoint) -> None:
    """One column by its name, whether there is one, and rows as a stream of Arrow: as DuckDB's relations give them."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        relation = con.sql("SELECT i, ai_query('test', 'p' || i) AS a FROM range(2) t(i) ORDER BY i")
        assert relation["a"].fetchall() == [("echo: p0",), ("echo: p1",)]
        assert "a" in relation
        assert "b" not in relation
        assert relation.arrow().read_all()["a"].to_pylist() == ["echo: p0", "echo: p1"]


@pytest.mark.parametrize(("call", "said"), [("p.word", ""), ("ai_query('test', p.word)", "echo: ")])
def test_a_variable_is_joined_by_using(scripted: ScriptedEndpoint, call: str, said: str) -> None:
    """A relation and a DataFrame are tables in a join whose columns only the database knows."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        con.execute("CREATE TABLE t AS SELECT i FROM range(3) s(i)")
        p = con.sql("SELECT i, 'w' || i AS word FROM range(2) s(i)")
        query = f"SELECT i, {call} AS said FROM p JOIN t USING (i) ORDER BY i"
        expected = [(i, said + f"w{i}") for i in range(2)]
        assert con.sql(query).fetchall() == expected
        assert con.execute(query).fetchall() == expected
        p = p.df()
        assert con.execute(query).fetchall() == expected


def test_duckdbs_own_relation_with_a_call_is_registered(scripted: ScriptedEndpoint) -> None:
    """It is there before and after a statement that reads it, in and outside of a transaction."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        con.register("asked", con.raw.sql("SELECT i FROM range(2) t(i)").project("ai_query('test', 'p' || i) AS a"))
        for begin, end in (("BEGIN", "ROLLBACK"), ("SELECT 1", "SELECT 1")):
            con.execute(begin)
            con.execute("CREATE TABLE kept AS FROM asked")
            assert con.execute("FROM kept ORDER BY a").fetchall() == [("echo: p0",), ("echo: p1",)]
            con.execute(end)
        assert con.execute("SELECT count(*) FROM asked").fetchall() == [(2,)]


def test_an_answered_relation_is_registered(scripted: ScriptedEndpoint) -> None:
    """A relation of ours can be registered; it is read once."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        con.register("asked", con.sql("SELECT ai_query('test', 'p') AS a"))
        assert con.execute("FROM asked").fetchall() == [("echo: p",)]
        assert con.execute("SELECT ai_query('test', a) FROM asked").fetchall() == [("echo: echo: p",)]


@pytest.mark.parametrize("name", ["text", "query", "frame", "parameters", "self", "tokens"])
@pytest.mark.parametrize("call", ["", ", ai_query('test', 'x')"])
def test_a_variable_may_be_called_as_one_of_ours(scripted: ScriptedEndpoint, name: str, call: str) -> None:
    """A DataFrame of the caller is found whatever it is called: our own variables are no tables."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        seen = {"con": con, name: pa.table({"a": [7]})}
        for method in ("execute", "sql"):
            assert eval(f'con.{method}("SELECT a{call} FROM {name}").fetchall()[0][0]', seen) == 7  # noqa: S307


@pytest.mark.parametrize("of_both", [({"low": 1}, {"high": 4}), ({"low": 1}, None), ({"x": 1}, {"x": 4}), ([1], [4])])
def test_a_query_over_a_relation_keeps_its_parameters(scripted: ScriptedEndpoint, of_both: Any) -> None:
    """Named, by position, or of one name with another value: each query has its own."""
    inner, outer = of_both
    low, high = (f"${next(iter(of))}" if isinstance(of, dict) else "?" if of else "4" for of in of_both)
    with ddb_aiquery.connect(config=scripted.settings("test")) as con:
        asked = con.sql(f"SELECT i, ai_query('test', 'p' || i) AS a FROM range(6) t(i) WHERE i > {low}", params=inner)
        found = con.sql(f"SELECT a FROM asked WHERE i < {high} ORDER BY i", params=outer)
        assert found.fetchall() == [("echo: p2",), ("echo: p3",)]
        assert asked.filter("i < 3").fetchall() == [(2, "echo: p2")]
