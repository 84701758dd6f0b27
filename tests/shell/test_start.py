"""What starts quickly: the package itself, which the shell imports before its prompt is there."""

import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint


def in_a_new_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_package_loads_nothing_until_a_name_is_used() -> None:
    """The prompt needs neither DuckDB nor Arrow nor the engine."""
    heavy = ["duckdb", "pyarrow", "numpy", "ddb_aiquery._connection", "ddb_aiquery._engine"]
    assert in_a_new_process(f"import ddb_aiquery, sys; print([n for n in {heavy} if n in sys.modules])") == "[]"


def test_a_first_answer_imports_nothing_that_it_does_not_need(scripted: ScriptedEndpoint) -> None:
    """pandas alone takes longer to import than all that a first answer needs, through `connect` or `register`."""
    settings = scripted.settings("test")
    ask = "SELECT ai_query('test', p), ai_query('test', upper(p)) FROM (VALUES ('a'), (NULL)) t(p)"
    assert (
        in_a_new_process(f"""
import duckdb, sys, ddb_aiquery
for con in (ddb_aiquery.connect(config={settings!r}), ddb_aiquery.register(duckdb.connect(), config={settings!r})):
    print(con.execute({ask!r}).fetchall(), "pandas" in sys.modules)
""").splitlines()
        == ["[('echo: a', 'echo: A'), (None, None)] False"] * 2
    )


@pytest.mark.parametrize("name", ddb_aiquery.__all__)
def test_each_name_can_be_imported_first(name: str) -> None:
    """`from ddb_aiquery import name` works in a new process, and the name is listed."""
    code = f"from ddb_aiquery import {name}; import ddb_aiquery; print({name!r} in dir(ddb_aiquery))"
    assert in_a_new_process(code) == "True"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """A wrong name fails as it does in any module."""
    with pytest.raises(AttributeError, match="module 'ddb_aiquery' has no attribute 'conect'"):
        ddb_aiquery.conect  # noqa: B018


def test_cursors_and_interrupts_reach_the_functions_from_the_first_connection_on() -> None:
    """Whichever name is used first, a connection with the functions has cursors with them, made before or after."""
    code = """
import duckdb
con = duckdb.connect()
from ddb_aiquery import register
register(con, config={})
print(con.cursor().execute("SELECT count(*) FROM ai_endpoints()").fetchall(), con.interrupt.__qualname__)
"""
    assert in_a_new_process(code) == "[(0,)] _reach_interrupt.<locals>.interrupt"


def test_threads_may_register_connections_to_one_database_at_once(tmp_path: Path) -> None:
    """Each connection has the functions, whoever was first to create them."""
    found: list[int] = []
    with duckdb.connect(str(tmp_path / "shared.duckdb")) as first:
        gate = threading.Barrier(8)

        def enter(con: duckdb.DuckDBPyConnection) -> None:
            gate.wait()
            ddb_aiquery.register(con, config={})
            found.append(len(con.execute("SELECT * FROM ai_usage() LIMIT 0").description))

        threads = [threading.Thread(target=enter, args=(first.cursor(),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 8
