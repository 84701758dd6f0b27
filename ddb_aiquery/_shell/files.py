"""The dot commands that reach files, databases and other programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ddb_aiquery._shell.leaving import Reported
from ddb_aiquery.errors import AiQueryError

if TYPE_CHECKING:
    from ddb_aiquery._shell.shell import Shell

_READERS = {
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "read_json"),
    **dict.fromkeys((".parquet", ".pq"), "read_parquet"),
}
"""How a file is read by its suffix; any other is CSV."""


def open_(shell: Shell, words: Sequence[str]) -> None:
    """Open another database."""
    names = [word for word in words if not word.startswith("-")]
    options = {word.lstrip("-") for word in words} - set(names)
    if len(names) > 1 or not options <= {"readonly"}:
        raise AiQueryError("usage: .open [-readonly] [FILE]")
    shell.open(names[0] if names else ":memory:", read_only=bool(options))


def read(shell: Shell, words: Sequence[str]) -> None:
    """Run a script; its first error ends it."""
    if not shell.file(words[0]):
        raise Reported


def import_(shell: Shell, words: Sequence[str]) -> None:
    """Read a file into a table, which is made where it is not there."""
    import duckdb  # noqa: PLC0415 (completion reads the list of commands before DuckDB is there)

    name, table = words
    path = Path(name).expanduser()
    reader = _READERS.get(path.suffix.lower(), "read_csv")
    rows = getattr(shell.con.raw, reader)(str(path))
    try:
        shell.con.raw.table(table)
    except duckdb.CatalogException:
        rows.create(table)
    else:
        rows.insert_into(table)


def output(shell: Shell, words: Sequence[str]) -> None:
    """Let results go to a file or a command from now on, or to stdout again."""
    shell.send(words[0] if words else "")


def once(shell: Shell, words: Sequence[str]) -> None:
    """Let the next statement's result go to a file or a command."""
    shell.send(words[0], once=True)


def cd(_shell: Shell, words: Sequence[str]) -> None:
    """Change the working directory."""
    try:
        os.chdir(Path(words[0]).expanduser())
    except OSError as error:
        raise AiQueryError(f"cannot go to {words[0]}: {error.strerror}") from None


def shell(shell: Shell, words: Sequence[str]) -> None:
    """Run a command of the system's shell."""
    shell.out.flush()
    status = subprocess.run(words[0], shell=True, check=False).returncode  # noqa: S602 (the user's own command)
    if status:
        raise AiQueryError(f"the command ended with status {status}")
