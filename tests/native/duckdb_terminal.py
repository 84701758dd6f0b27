"""A program in a pseudo terminal of its own, as a person sits before it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Sequence
from typing import Self

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")
_BECOME = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
PATIENCE = 30.0


class Terminal:
    """Types into a program and waits for what it shows; its Ctrl-C is the terminal's, to the whole foreground."""

    def __init__(self, command: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 40, 200, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BECOME, *command], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.shown = ""
        self._read_to = 0
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)  # a program that nobody reads from stands still
        self._reader.start()

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def enter(self, line: str) -> None:
        """Type a line."""
        self.type(line + "\r")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def expect(self, text: str, patience: float = PATIENCE) -> str:
        """Wait until the text is shown after what was expected last, and return everything up to it."""
        with self._news:
            if not self._news.wait_for(lambda: self.shown.find(text, self._read_to) >= 0, patience):
                raise AssertionError(f"{text!r} was not shown; the rest is:\n{self.shown[self._read_to :]}")
            at = self.shown.find(text, self._read_to)
            before, self._read_to = self.shown[self._read_to : at], at + len(text)
            return before

    def wait(self) -> int:
        """Wait for the program's end and return its status."""
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """Kill the program as nothing can be caught."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux says EIO at the end
            while data := os.read(self._master, 65536):
                with self._news:
                    self.shown = _ESCAPES.sub("", self.shown + data.decode(errors="replace"))
                    self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
        self._reader.join(PATIENCE)
        os.close(self._master)
