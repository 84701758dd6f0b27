"""What waits for its turn at one Endpoint: a line, and beside it what lacks money until calls have been settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import chain

from ddb_aiquery._engine.budget import Purse
from ddb_aiquery._engine.flight import Batch, Flight


class Waiting:
    """Flights in the order of their turns. `line` has those that may go, `aside` by their money those that others pass.

    Every Flight is put aside once, and called up again when its turn can be paid: the work is the same for each,
    however many wait.
    """

    __slots__ = ("_estimate", "aside", "line")

    def __init__(self, estimate: Callable[[Flight], int]) -> None:
        self._estimate = estimate
        self.line: deque[Flight] = deque()
        self.aside: dict[Purse, deque[Flight]] = {}

    def set_aside(self, purse: Purse) -> None:
        """Let others pass those at the head whose money is all reserved by calls under way."""
        aside = self.aside.setdefault(purse, deque())
        while self.line and self.line[0].batch.purse is purse:
            aside.append(self.line.popleft())

    def call_up(self, purse: Purse) -> None:
        """Put the next that was set aside back to the head if there is money for it now."""
        aside = self.aside.get(purse)
        while aside:
            batch = aside[0].batch
            if not batch.over and batch.purse is purse and not affordable(batch, self._estimate(aside[0])):
                return
            self.line.appendleft(aside.popleft())
            if not batch.over:
                break
        if not aside:
            self.aside.pop(purse, None)

    def call_all_up(self) -> None:
        """Do so for everybody's money: it may have been another pool's calls that were settled."""
        for purse in list(self.aside):
            self.call_up(purse)

    def sweep(self, unwanted: Callable[[Flight], bool]) -> None:
        """Take off what is unwanted."""
        self.line = deque([flight for flight in chain(*self.aside.values(), self.line) if not unwanted(flight)])
        self.aside.clear()


def affordable(batch: Batch, estimate: int) -> bool:
    """Tell whether to pay now; False where calls under way may leave enough of what they have reserved."""
    return batch.purse.reserved == 0 or batch.purse.fits(estimate)
