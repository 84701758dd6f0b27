"""How far a statement is, on stderr: a bar in a terminal, nothing where the output is piped."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Protocol

from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._figures import Run

QUIET = 0.5
"""Seconds before anything is shown: a quick statement stays quiet."""


class Display(Protocol):
    """What shows a Run under way: a terminal's bar here, a notebook's in its door."""

    def show(self, tally: Tally) -> None:
        """Show the figures so far."""

    def close(self, run: Run) -> None:
        """Show the last figures and let go of the screen."""


def usual_display() -> Display | None:
    """Return a bar for a terminal, None for anything else."""
    if not sys.stderr.isatty():
        return None
    from ddb_aiquery._bar import TerminalBar  # noqa: PLC0415 (only a statement that takes its time pays for rich)

    return TerminalBar()


class Progress:
    """Shows one Run, from whichever thread waits at the moment."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._display: Display | None = None
        self._asked = False
        self._lock = threading.Lock()

    def tick(self) -> None:
        """Show the figures so far; safe to call often."""
        if self._tally.clock() - self._tally.started < QUIET:
            return
        if not self._lock.acquire(blocking=False):
            return
        try:
            if not self._asked:
                self._asked = True
                self._display = DISPLAY()
            if self._display is not None:
                self._display.show(self._tally)
        finally:
            self._lock.release()

    def close(self, run: Run) -> None:
        """Show the last figures."""
        with self._lock:
            self._asked = True
            if self._display is not None:
                self._display.close(run)
                self._display = None


DISPLAY: Callable[[], Display | None] = usual_display
"""Makes what shows a Run; a notebook, dbt and the native bridge put their own in its place."""
