"""Opens the shell as the command line says: a prompt, a script, or statements."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import duckdb

from ddb_aiquery._shell.commands import Quit
from ddb_aiquery._shell.grammar import Given, parse
from ddb_aiquery._shell.shell import Shell
from ddb_aiquery.errors import AiQueryError


def run(arguments: Sequence[str]) -> int:
    """Run the shell; the exit status is 0 only when every statement went well."""
    given = parse(arguments)
    shell = Shell(config=given.config, style=given.style, bail=given.bail, agreed=given.yes)
    try:
        shell.open(given.database, read_only=given.readonly)
        return _run(shell, given)
    except Quit as leaving:
        return leaving.status
    except (AiQueryError, duckdb.Error) as error:
        shell.say(f"Error: {error}")
        return 1
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        shell.close()


def _run(shell: Shell, given: Given) -> int:
    first = [each for each in given.work if each[0] in {"first", "init"}]
    rest = [each for each in given.work if each not in first]
    for kind, text in [*first, *rest]:
        well = shell.file(text) if kind in {"file", "init"} else shell.script(text.splitlines(keepends=True))
        if not well:
            return 1
    if rest or not given.stdin:
        return 0
    if given.interactive or sys.stdin.isatty():
        from ddb_aiquery._shell.prompt import interact  # noqa: PLC0415 (a script needs no prompt)

        return interact(shell)
    return 0 if shell.script(sys.stdin, "stdin", bail=given.bail) else 1
