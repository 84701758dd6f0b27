"""`ddb-aiquery native shell|install|uninstall|status`: the real `duckdb` shell with ai_query."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ddb_aiquery._shell.native import bridge
from ddb_aiquery._shell.native.build import NativeError, compiler
from ddb_aiquery._shell.native.duckdb_program import find


def shell(arguments: Sequence[str] = (), config: str | None = None) -> int:
    """Become the user's `duckdb` with ai_query loaded; every argument is passed on to it."""
    if config:
        os.environ["DDB_AIQUERY_CONFIG"] = str(Path(config).resolve())
    command = bridge.usual(find()).command(arguments)
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted: the words are passed as they are)


def install() -> int:
    """Build the bridge for the user's `duckdb`, try it, and say how to use it."""
    program = find()
    made = bridge.usual(program)
    file = made.prepare(again=True)
    made.check()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"ai_query works in {program.path} ({program.version}).", markup=False)
    console.print("Start it with: ddb-aiquery native shell", markup=False)
    if program.has_repositories:
        console.print(f"Or, in any session of this duckdb: .read {shlex.quote(str(file))}", markup=False)
    return 0


def uninstall() -> int:
    """Remove all that `install` and `shell` made; nothing of the user's was ever touched."""
    try:
        program = find()
    except NativeError:
        program = None
    bridge.remove(program)
    Console(highlight=False, markup=False).print("The native bridge is removed; cached answers stay.")
    return 0


def status() -> int:
    """Print what the bridge needs and whether it works; 0 when it does."""
    console = Console(highlight=False, markup=False, soft_wrap=True)

    def say(name: str, text: object) -> None:
        console.print(f"{name:<10} {text}", markup=False)

    say("compiler", compiler() or "none")
    try:
        program = find()
        say("duckdb", f"{program.path} ({program.version}, {program.platform})")
        made = bridge.usual(program)
        built = made.recipe.path.is_file()
        say("bridge", f"{made.recipe.path} ({'built' if built else 'not built'})")
        say("trusted by", "a repository of its own" if program.has_repositories else "-unsigned, for one session")
        if built:
            made.check()
    except NativeError as error:
        say("works", f"no: {error}")
        return 1
    say("works", "yes" if built else "not tried yet: run ddb-aiquery native install")
    return 0 if built else 1
