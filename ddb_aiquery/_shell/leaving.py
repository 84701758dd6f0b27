"""How a session ends."""

from __future__ import annotations

CANCELLED = "Cancelled; answers that arrived are kept."


class Quit(Exception):
    """The user wants to leave, with this exit status."""

    def __init__(self, status: int = 0) -> None:
        super().__init__(status)
        self.status = status
