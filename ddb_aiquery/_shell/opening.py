"""Opens the shell as the command line says: a prompt, a script, or statements."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._shell.grammar import Given, parse
from ddb_aiquery._shell.leaving import INTERRUPTED, Quit
from ddb_aiquery.errors import AiQueryError

if TYPE_CHECKING:
    from ddb_aiquery._shell.shell import Shell


def run(arguments: Sequence[str]) -> int:
    """Run the shell; the exit status is 0 only when every statement went well.

    Raises:
        AiQueryError: the database or the settings cannot be opened.
    """
    given = parse(arguments)
    first = [each for each in given.work if each[0] in {"first", "init"}]
    rest = [each for each in given.work if each not in first]
    if not rest and given.stdin and (given.interactive or (sys.stdin.isatty() and not given.batch)):
        from ddb_aiquery._shell.prompt import interact  # noqa: PLC0415 (a script needs no prompt)

        opened = _open(given) if first else None
        if opened is not None:
            _do(opened, first)
        return interact(lambda: opened or _open(given), given.database)
    shell = _open(given)
    try:
        well = _do(shell, [*first, *rest])
        if well and not rest and given.stdin:
            well = shell.script(sys.stdin, "stdin", bail=given.bail)
    except Quit as leaving:
        return leaving.status
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        shell.close()
    return 0 if well else INTERRUPTED if shell.cancelled else 1


def _open(given: Given) -> Shell:
    import duckdb  # noqa: PLC0415 (the prompt is there before DuckDB and the engine)

    from ddb_aiquery._shell.shell import Shell  # noqa: PLC0415

    shell = Shell(config=given.config, style=given.style, bail=given.bail, agreed=given.yes, echo=given.echo)
    try:
        shell.open(given.database, read_only=given.readonly)
    except duckdb.Error as error:
        raise AiQueryError(str(error)) from None
    return shell


def _do(shell: Shell, work: Iterable[tuple[str, str]]) -> bool:
    """Run statements and files in turn; False as soon as one failed."""
    return all(
        shell.file(text) if kind in {"file", "init"} else shell.script(text.splitlines(keepends=True))
        for kind, text in work
    )
