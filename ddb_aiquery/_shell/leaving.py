"""How a session ends, and how a script in it does."""

from __future__ import annotations

from ddb_aiquery.errors import AiQueryError

CANCELLED = "Cancelled; answers that arrived are kept."
INTERRUPTED = 130
"""The exit status of a script that Ctrl-C ended, as shells have it."""


class Quit(Exception):
    """The user wants to leave, with this exit status."""

    def __init__(self, status: int = 0) -> None:
        super().__init__(status)
        self.status = status


class Reported(AiQueryError):
    """Something failed inside a script that a command ran, and was said there."""
