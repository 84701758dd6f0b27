"""The user's `duckdb`: where it is, and what it needs of an extension."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ddb_aiquery._shell.native.build import NativeError
from ddb_aiquery._sql import named

VARIABLE = "DDB_AIQUERY_DUCKDB"
"""The environment variable that names a program to use in the place of the first `duckdb` on PATH."""
SECONDS = 20


@dataclass(frozen=True, slots=True)
class Program:
    """A `duckdb` that was asked about itself."""

    path: Path
    version: str
    """As `version()` gives it: v1.5.6."""
    platform: str
    extensions: Path
    """Where it keeps what it installs."""

    @property
    def has_repositories(self) -> bool:
        """Whether a file of ours can be trusted by name; before 2.0 only -unsigned helps."""
        first = self.version.lstrip("v").split(".")[0]
        return not first.isdigit() or int(first) >= 2  # noqa: PLR2004 (development versions have odd names)

    def run(self, sql: str, *options: str) -> str:
        """Run statements in this program, without the user's start file, and return what it prints.

        Raises:
            NativeError: it fails; the message is its own.
        """
        return _run(self.path, sql, *options)


def find(environ: Mapping[str, str] = os.environ) -> Program:
    """Return the user's `duckdb`.

    Raises:
        NativeError: there is none, or it does not answer, or this is Windows.
    """
    if sys.platform == "win32":
        raise NativeError(
            "the native bridge needs Unix sockets between processes: on Windows use `ddb-aiquery`, or WSL"
        )
    path = _locate(environ)
    (row,) = json.loads(_run(path, named("native_setup.sql")["program"], "-json"))
    return Program(path, row["version"], row["platform"], Path(row["extensions"]).expanduser())


def _locate(environ: Mapping[str, str]) -> Path:
    named_path = environ.get(VARIABLE)
    found = shutil.which(named_path or "duckdb", path=environ.get("PATH"))
    if found:
        return _behind_wrapper(Path(found))
    beside_us = importlib.util.find_spec("duckdb_cli")
    if not named_path and beside_us and beside_us.origin:
        return Path(beside_us.origin).with_name("duckdb")
    what = f"{VARIABLE} names {named_path}, which is no program" if named_path else "there is no `duckdb` on PATH"
    raise NativeError(f"{what}: install DuckDB's command line (pip install duckdb-cli, or duckdb.org)")


def _behind_wrapper(path: Path) -> Path:
    """Return the program that the index's Python script `duckdb` starts: Ctrl-C in that script would kill the shell."""
    with path.open("rb") as file:
        first, rest = file.readline(), file.read(400)
    if not first.startswith(b"#!") or b"duckdb_cli" not in rest:
        return path
    code = "import duckdb_cli; print(duckdb_cli.__file__)"
    done = subprocess.run(  # noqa: S603 (the interpreter that the script names)
        [*first[2:].decode().split(), "-c", code], capture_output=True, text=True, check=False
    )
    binary = Path(done.stdout.strip()).with_name("duckdb")
    return binary if done.returncode == 0 and binary.is_file() else path


def _run(path: Path, sql: str, *options: str) -> str:
    command = [str(path), *options, "-init", os.devnull, "-c", sql]
    try:
        done = subprocess.run(  # noqa: S603 (the user's duckdb)
            command, capture_output=True, text=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeError(f"{path} does not run: {error}") from None
    if done.returncode:
        raise NativeError(f"{path} says: {done.stderr.strip()[:500]}")
    return done.stdout
