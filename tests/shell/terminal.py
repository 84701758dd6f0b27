"""A real terminal for a program: a pty, and pyte as the screen. Waits for what is on the screen, never for a time."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyte

DEADLINE = 60.0
"""Seconds after which a wait has failed."""
PROMPT = 24
"""In which columns a prompt stands."""
CTRL_C, CTRL_D, TAB, ENTER, UP = "\x03", "\x04", "\t", "\r", "\x1b[A"


class Terminal:
    """A program that thinks a person sits in front of it."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], cwd: Path, rows: int = 500, columns: int = 160
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lines = [""] * rows
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.program = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=dict(environ),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 (no other way makes Ctrl-C a signal; no thread holds a lock)
        )
        os.close(theirs)

    @property
    def text(self) -> str:
        """Everything on the screen, lines without the blanks at their end."""
        for row in self.screen.dirty:
            cells = self.screen.buffer[row]
            self._lines[row] = "".join(cells[column].data for column in range(self.screen.columns)).rstrip()
        self.screen.dirty.clear()
        return "\n".join(self._lines).rstrip()

    def type(self, text: str) -> None:
        """Type a text; Enter is a carriage return."""
        data = text.encode()
        while data:
            data = data[os.write(self._ours, data[:512]) :]
            self._read(0)

    def enter(self, text: str, end: str = ENTER) -> str:
        """Enter a whole statement or command, and return what the screen shows when the prompt is back."""
        self.wait(_is_idle, "prompt")
        prompts, before = self._prompts(), len(self.text)
        self.type(text + end)
        self.wait(lambda _: self._prompts() > prompts, f"prompt after {text!r}")
        return self.text[before:]

    def _prompts(self) -> int:
        return sum(map(_is_prompt, self.text.splitlines()))

    def paste(self, text: str) -> None:
        """Paste a text as terminals do: between marks, its lines ended by carriage returns."""
        self.type("\x1b[200~" + text.replace("\n", "\r") + "\x1b[201~")

    def wait(self, condition: Callable[[str], bool], what: str) -> str:
        """Read until the screen satisfies a condition, and return it."""
        end = time.monotonic() + DEADLINE
        while not condition(self.text):
            if time.monotonic() > end:
                raise AssertionError(f"no {what} on the screen:\n{self.text}")
            if not self._read(0.5) and self.program.poll() is not None and not condition(self.text):
                raise AssertionError(f"the program ended without {what}:\n{self.text}")
        return self.text

    def press_until(self, key: str, text: str) -> None:
        """Press a key, again where it came between two pieces of work and nobody heard it, until a text is shown."""
        end = time.monotonic() + DEADLINE
        while text not in self.text:
            assert time.monotonic() < end, f"no {text!r} on the screen:\n{self.text}"
            self.type(key)
            heard = time.monotonic() + 3
            while text not in self.text and time.monotonic() < heard:
                self._read(0.2)

    def wait_for(self, text: str, times: int = 1) -> str:
        """Read until a text stands on the screen."""
        return self.wait(lambda screen: screen.count(text) >= times, repr(text))

    def wait_end(self) -> int:
        """Read until the program has ended, and return its exit status."""
        end = time.monotonic() + DEADLINE
        while self.program.poll() is None:
            self._read(0.05)
            assert time.monotonic() < end, f"the program goes on:\n{self.text}"
        while self._read(0):
            pass
        return self.program.returncode

    def close(self) -> None:
        """End the program and let go of the terminal."""
        if self.program.poll() is None:
            os.killpg(self.program.pid, signal.SIGKILL)
            self.program.wait()
        os.close(self._ours)

    def _read(self, patience: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], patience)
        if not ready:
            return False
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # the other side is closed
            return False
        self._stream.feed(data)
        return bool(data)


def _is_idle(screen: str) -> bool:
    """Return whether the program waits for the user: at its prompt, or for a yes or no."""
    last = screen.rpartition("\n")[2]
    return _is_prompt(last) or last.endswith("[y/N]")


def _is_prompt(line: str) -> bool:
    return " D " in (line + " ")[:PROMPT]


def _take_terminal() -> None:
    """Make stdin the controlling terminal, so that Ctrl-C reaches the program as a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


PROGRAM = (sys.executable, "-m", "ddb_aiquery")
ROOT = Path(__file__).parents[2]


def write_settings(path: Path, settings: dict[str, Any]) -> Path:
    """Write a `config` dictionary as the TOML file that a user would have."""
    lines = []
    for table, keys in settings.items():
        tables = (
            [(f"{table}.{name}", entry) for name, entry in keys.items()] if table == "endpoints" else [(table, keys)]
        )
        for name, entry in tables:
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
