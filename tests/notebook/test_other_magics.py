"""SQL cells of other people: which take an AiConnection where they take a DuckDB connection.

Optional: in an environment with `pip install -e '.[test]' jupysql magic-duckdb marimo`, `pytest -m clients tests/notebook`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore"),  # theirs
]
SQL = "SELECT i, ai_query('test', 'p' || i % 2) AS said FROM t WHERE i < 4"
SAID = [(0, "echo: p0"), (1, "echo: p1"), (2, "echo: p0"), (3, "echo: p1")]


@pytest.fixture
def con(scripted: ScriptedEndpoint) -> Iterator[ddb_aiquery.AiConnection]:
    """A connection with a table whose other rows would be asked about without the planner."""
    with ddb_aiquery.connect(config=scripted.settings("test")) as made:
        made.execute("CREATE TABLE t AS SELECT i FROM range(100) r(i)")
        yield made


@pytest.fixture
def cell(con: ddb_aiquery.AiConnection) -> Any:
    """An IPython shell with the connections as variables."""
    shell = InteractiveShell.instance()
    shell.user_ns |= {"con": con, "raw": con.raw}
    return shell


def test_jupysql_takes_an_ai_connection(cell: Any, scripted: ScriptedEndpoint) -> None:
    """`%sql con` connects, and its cells are planned."""
    pytest.importorskip("sql.magic")
    cell.run_line_magic("load_ext", "sql")
    cell.run_line_magic("sql", "con --alias ours")
    assert [tuple(row) for row in cell.run_cell_magic("sql", "", SQL)] == SAID
    assert scripted.requests == 2


def test_marimo_takes_an_ai_connection(con: ddb_aiquery.AiConnection, scripted: ScriptedEndpoint) -> None:
    """A SQL cell is `mo.sql(..., engine=con)`."""
    marimo = pytest.importorskip("marimo")
    found = marimo.sql(SQL, engine=con, output=False)
    rows = found.rows() if hasattr(found, "rows") else found.itertuples(index=False, name=None)  # polars, or pandas
    assert list(rows) == SAID
    assert scripted.requests == 2


def test_magic_duckdb_takes_only_duckdbs_own(cell: Any, scripted: ScriptedEndpoint) -> None:
    """It refuses whatever is no DuckDBPyConnection; `con.raw` works, with the functions and without the planner."""
    pytest.importorskip("magic_duckdb")
    cell.run_line_magic("load_ext", "magic_duckdb")
    with pytest.raises(ValueError, match="con is not a DuckDBPyConnection"):
        cell.run_line_magic("dql", "-co con")
    cell.run_line_magic("dql", "-co raw")
    found = cell.run_line_magic("dql", SQL)
    assert list(found.itertuples(index=False, name=None)) == SAID
    assert scripted.requests == 2
