"""The bridge for one `duckdb`: built, trusted where that can be, and the SQL that loads it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddb_aiquery._functions import FILES
from ddb_aiquery._shell.native.build import NAME, Recipe, child_command, directory
from ddb_aiquery._shell.native.duckdb_program import Program
from ddb_aiquery._shell.native.signing import sign
from ddb_aiquery._sql import literal, named
from ddb_aiquery._tables import TABLES, list_type

SETUP = named("native_setup.sql")


@dataclass(frozen=True, slots=True)
class Bridge:
    """What a `duckdb` needs to have `ai_query`."""

    program: Program
    recipe: Recipe

    def prepare(self, *, again: bool = False) -> Path:
        """Build and trust what is not yet, or trust it `again`, and return the SQL file that loads it into a session.

        Raises:
            NativeError: it cannot be built, or the program refuses it.
        """
        built = self.recipe.build()
        if not self.program.has_repositories:
            return _written(built.parent, SETUP["load_file"].format(file=literal(str(built))))
        if again or not self._trusted(built).exists():
            self._trust(built)
        return _written(built.parent, SETUP["load_installed"])

    def command(self, arguments: Sequence[str] = ()) -> list[str]:
        """Return the words that start the program with `ai_query`; its own arguments follow.

        Raises:
            NativeError: as `prepare`.
        """
        file = str(self.prepare()).replace("\\", "\\\\").replace('"', '\\"')
        unsigned = [] if self.program.has_repositories else ["-unsigned"]
        return [str(self.program.path), *unsigned, "-cmd", f'.read "{file}"', *arguments]

    def check(self) -> str:
        """Ask the engine something through the program, and return the answer.

        Raises:
            NativeError: any part of the way does not work; the message is the part's own.
        """
        _, *options = self.command()
        return self.program.run(SETUP["check"], *options)

    def _trust(self, built: Path) -> None:
        """Have the program install the file from a repository of one."""
        signed, key = sign(built.read_bytes())
        place = built.parent / "repository" / self.program.version / self.program.platform
        place.mkdir(parents=True, exist_ok=True)
        (place / built.name).write_bytes(signed)
        prefix = built.parent / "repository"
        self.program.run(SETUP["trust"].format(prefix=literal(str(prefix)), key=literal(key)))
        for mark in directory().glob(f"*/{self._trusted(built).name}"):
            mark.unlink()  # the program has one repository of the name
        self._trusted(built).touch()

    def _trusted(self, built: Path) -> Path:
        return built.with_name(f"trusted-by-{self.program.version}")


def usual(program: Program) -> Bridge:
    """Return the bridge from a program to this very package."""
    return Bridge(program, Recipe(program.platform, child_command()))


def remove(program: Program | None) -> None:
    """Remove all that `prepare` ever made, for every program that shares this one's home.

    Raises:
        NativeError: the program does not let go of it.
    """
    if program is not None and program.has_repositories:
        program.run(SETUP["distrust"])
        for installed in program.extensions.glob(f"*/*/repositories/{NAME}"):
            shutil.rmtree(installed)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory())


def _written(folder: Path, load: str) -> Path:
    text = "\n".join([*_macros(), load]) + "\n"
    path = folder / f"{NAME}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.sql"
    if not path.exists():
        path.write_text(text, "utf-8")
    return path


def _macros() -> list[str]:
    """Return the statements that make every macro, with stand-ins for the functions while they are made."""
    ours = dict(named("native.sql"))
    last = [ours.pop(name) for name in list(ours) if name.startswith("drop_")]
    return [
        *ours.values(),
        *(_listing(name) for name in TABLES),
        *(statement for file in FILES for statement in named(file).values()),
        *last,
    ]


def _listing(name: str) -> str:
    """Return the macro that the table macro of this name stands on: the child's JSON with its type."""
    structure = literal(json.dumps(str(list_type(TABLES[name][1]))))
    return f"CREATE OR REPLACE TEMP MACRO {name}(session) AS from_json(__ai_listing({literal(name)}), {structure});"
