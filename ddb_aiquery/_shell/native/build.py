"""Compiles `bridge.c` with the system's compiler, once for each source, command and DuckDB platform."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

import ddb_aiquery
from ddb_aiquery.errors import AiQueryError

NAME = "ddb_aiquery"
C_API = "v1.2.0"
"""The version of DuckDB's C extension API that the bridge needs; every DuckDB since 1.2 has it."""
SOURCE = Path(__file__).with_name("bridge.c")
FLAGS = ("-std=gnu11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread")


class NativeError(AiQueryError):
    """The native bridge cannot be built or used here; the message says what is missing."""


def directory() -> Path:
    """Return where built files are kept: the user's cache directory, since they can be made again at any time."""
    return Path(platformdirs.user_cache_dir("ddb_aiquery", appauthor=False)) / "native"


def child_command() -> tuple[str, ...]:
    """Return the words that start the child process from any working directory; -P keeps that off the module path."""
    root = str(Path(ddb_aiquery.__file__).parent.parent)
    code = f"import sys; sys.path.append({root!r}); from ddb_aiquery._shell.native.child import main; main()"
    return sys.executable, "-P", "-c", code


def compiler() -> str | None:
    """Return the C compiler to use, the one in the environment variable CC first."""
    return next(
        (found for name in (os.environ.get("CC"), "cc", "gcc", "clang") if name and (found := shutil.which(name))), None
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a built file depends on."""

    platform: str
    """As DuckDB names it: `PRAGMA platform`."""
    command: Sequence[str]
    flags: Sequence[str] = ()

    @property
    def path(self) -> Path:
        """The built file's place; DuckDB wants its name to be the extension's."""
        parts = (SOURCE.read_text("utf-8"), C_API, self.platform, *self.command, *FLAGS, *self.flags)
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        return directory() / key / f"{NAME}.duckdb_extension"

    def build(self) -> Path:
        """Compile unless that was done before, and return the file.

        Raises:
            NativeError: there is no compiler, or it fails.
        """
        path = self.path
        if path.is_file():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / "bridge.so"
            self._compile(made)
            signed = Path(folder) / path.name
            signed.write_bytes(made.read_bytes() + footer(self.platform))
            signed.replace(path)  # whole or not at all: another shell may be starting
        return path

    def _compile(self, made: Path) -> None:
        cc = compiler()
        if cc is None:
            raise NativeError(
                "the native bridge is compiled on this machine and there is no C compiler: install one (Debian: "
                "apt-get install gcc; macOS: xcode-select --install), or use the shell `ddb-aiquery`, which needs none"
            )
        words = ", ".join(map(c_string, self.command))
        command = [cc, *FLAGS, *self.flags, f"-DCOMMAND={words}", "-o", str(made), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (the user's compiler)
        if done.returncode:
            raise NativeError(f"{cc} cannot compile the native bridge: {done.stderr.strip()[:500]}")


def c_string(text: str) -> str:
    """Return a text as a C literal: every byte that is no plain letter as three octal digits."""
    return '"' + "".join(chr(b) if chr(b).isascii() and chr(b).isalnum() else f"\\{b:03o}" for b in text.encode()) + '"'


def footer(platform: str) -> bytes:
    """Return what makes a shared library an extension of DuckDB: a section head, eight fields, no signature."""
    fields = ("", "", "", "C_STRUCT", "v" + ddb_aiquery.__version__, C_API, platform, "4")
    head = b"\0" + bytes([147, 4, 16]) + b"duckdb_signature" + bytes([128, 4])
    return head + b"".join(field.encode().ljust(32, b"\0") for field in fields) + b"\0" * 256
