"""The house has walls: rooms never import each other, and imports only go down."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ddb_aiquery

PACKAGE = Path(ddb_aiquery.__file__).parent
GROUND = {
    "errors",
    "_databricks_login",
    "_values",
    "_figures",
    "_settings",
    "_setting_keys",
    "_providers",
    "_media",
    "_redact",
    "_address",
    "_sql",
    "_duckdb_errors",
    "_entries",
    "_failures",
    "_arrow",
}
ROOMS = {"_planner", "_engine", "_cache", "_transport", "_results"}
JOINS = [
    "_process",
    "_bar",
    "_progress",
    "_terms",
    "_memo",
    "_ask",
    "_money",
    "_running",
    "_session",
    "_tables",
    "_functions",
    "_complete",
    "_relation",
    "_python_tables",
    "_statements",
    "_connection",
    "_connect",
]
"""From the lowest: each may import the rooms, the ground, and the joins before it."""
LIBRARIES = {
    "apsw": {"_cache"},
    "pyreqwest": {"_transport"},
    "httpx": {"_transport", "testing", "gateway"},
    "uvloop": {"_engine"},
    "sqlglot": {"_planner", "_results", "_translate"},
}


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }


def imports(path: Path) -> set[str]:
    """Return the full names that a file imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def tops(path: Path) -> set[str]:
    """Return the parts of our own package that a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("ddb_aiquery.")}


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_only_go_down(name: str) -> None:
    """A file imports nothing from a storey above its own, and no room imports another."""
    used = tops(modules()[name]) & (GROUND | ROOMS | set(JOINS))
    own = name.split(".", maxsplit=1)[0]
    if own in GROUND:
        assert used <= GROUND
    elif own in ROOMS:
        assert used <= GROUND | {own}
    elif own in JOINS:
        assert used <= GROUND | ROOMS | set(JOINS[: JOINS.index(own) + 1])


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_library_has_one_room(library: str) -> None:
    """Only its own room knows a library, so that it can be changed there."""
    users = {
        name.split(".")[0] for name, path in modules().items() if library in {i.split(".")[0] for i in imports(path)}
    }
    assert users <= LIBRARIES[library]


def test_importing_the_package_loads_no_optional_library() -> None:
    """`import ddb_aiquery` stays light: no dbt, no notebook, no web server, no pandas."""
    heavy = ["dbt", "IPython", "pandas", "starlette", "databricks", "pyspark"]
    code = f"import ddb_aiquery, sys; print([n for n in {heavy} if n in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
