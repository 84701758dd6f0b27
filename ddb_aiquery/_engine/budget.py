"""Money: counted in whole nano-dollars, reserved before a call and settled after it.

No call begins whose estimate could pass a limit. A reply dearer than its estimate is booked in full, so a limit can be
passed by the excess of the calls under way, and nothing goes after them.

A limit of a Run is kept here, in memory. The day's limit is shared by processes, so it is kept by a ledger, from which
a process leases slices; a slice is money reserved, so leasing can only err towards spending less. Ledger and limits are
in micro-dollars, and so is every reservation, rounded up; what was spent is rounded once for many calls.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ddb_aiquery._settings import Limits
from ddb_aiquery._values import Endpoint, Usage
from ddb_aiquery.errors import BudgetExceeded

MICRO = 1_000_000
NANO = 1_000_000_000
_SLICES = 64
"""A lease takes at most this part of the day's limit, so that processes do not starve each other."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits, None where there is none: micro-dollars a Run, micro-dollars a day, calls a Run."""

    query_micro: int | None = None
    day_micro: int | None = None
    query_requests: int | None = None

    @classmethod
    def of(cls, limits: Limits) -> Budget:
        """Return the limits as the user set them in USD, rounded down to whole micro-dollars."""
        return cls(_micro(limits.query_usd), _micro(limits.day_usd), limits.query_requests)


def _micro(usd: float | None) -> int | None:
    return None if usd is None else int(Decimal(str(usd)) * MICRO)


class DayLedger(Protocol):
    """The day's account, shared by all processes. Each method is one transaction."""

    def reserve(self, amount: int) -> bool:
        """Reserve `amount` micro-dollars if that stays within the day's limit, else change nothing."""

    def settle(self, reserved: int, spent: int) -> None:
        """Take `reserved` off what is reserved and add `spent` to what is spent."""


def cost_nano(usage: Usage, endpoint: Endpoint) -> int:
    """Return the cost in nano-dollars, rounded up; an unknown price counts as nothing."""
    input_price, output_price = endpoint.input_price, endpoint.output_price
    if input_price is None and output_price is None:
        return 0
    # USD per million tokens are micro-dollars per token.
    cost = usage.input_tokens * (input_price or 0.0) + usage.output_tokens * (output_price or 0.0)
    return math.ceil(round(1000 * cost, 3))  # 0.1 * 3 is a little more than 0.3: no cent for that


def micro_up(nano: int) -> int:
    """Return nano-dollars as micro-dollars, rounded up."""
    return -(-nano // 1000)


class Lease:
    """The part of the day's money that one process has in hand, for any number of Runs; usable from any thread.

    In nano-dollars but for the limit. Reservations are whole micro-dollars, so unused and owed together are that too.
    """

    __slots__ = ("_day", "_limit", "_lock", "_open", "_owed", "_unused")

    def __init__(self, day: DayLedger, limit: int) -> None:
        self._day = day
        self._limit = limit
        self._lock = threading.Lock()
        self._unused = 0  # reserved in the ledger and not yet given to a call
        self._owed = 0  # spent, and not yet told to the ledger
        self._open = False  # whether somebody will close it; what ends after that is told to the ledger at once

    def take(self, estimate: int) -> bool:
        """Set money aside for one call; False where that could pass the day's limit."""
        with self._lock:
            if estimate > self._unused and not self._grow(estimate - self._unused):
                return False
            self._unused -= estimate
            return True

    def end(self, reserved: int, actual: int) -> None:
        """Replace a call's reservation by what it did cost."""
        with self._lock:
            if not self._open:
                if reserved or actual:
                    self._day.settle(micro_up(reserved), micro_up(actual))
                return
            left = self._unused + reserved - actual
            self._unused = max(0, left)
            self._owed += actual + min(0, left)
            if left < 0:  # dearer than all there is in hand: the truth is written down whatever the limit
                self._day.settle(0, micro_up(-left))

    def close(self) -> None:
        """Tell the ledger what was spent and give the rest back; the next call leases anew."""
        with self._lock:
            if self._unused or self._owed:
                self._day.settle(micro_up(self._unused + self._owed), micro_up(self._owed))
                self._unused = self._owed = 0
            self._open = False

    def _grow(self, missing: int) -> bool:
        """Lease a slice of the day's money, or at least what this call lacks."""
        owed = self._owed // 1000
        if owed:
            self._day.settle(owed, owed)
            self._owed -= 1000 * owed
        self._open = True
        least = micro_up(missing)
        for amount in (max(least, self._limit // _SLICES), least):
            if self._day.reserve(amount):
                self._unused += 1000 * amount
                return True
        return False


class Purse:
    """One Run's money. Every method may be called from any thread.

    `spent` and `reserved` are nano-dollars, `requests` the calls begun. A reservation that is never settled stays
    reserved: a call whose outcome is unknown may have been billed.
    """

    __slots__ = ("_budget", "_lease", "_lock", "requests", "reserved", "spent")

    def __init__(self, budget: Budget, lease: Lease | None = None) -> None:
        self._budget = budget
        self._lease = lease
        self._lock = threading.Lock()
        self.spent = self.reserved = self.requests = 0

    def reserve(self, estimate: int) -> None:
        """Set `estimate` nano-dollars (whole micro-dollars) aside for one call, 0 where its price is unknown.

        Raises BudgetExceeded where the call could pass a limit; nothing is set aside then.
        """
        with self._lock:
            budget = self._budget
            if budget.query_requests is not None and self.requests >= budget.query_requests:
                raise BudgetExceeded(
                    f"this query has made {self.requests:,} calls, which is its limit; raise budget.query_requests"
                )
            if not self.fits(estimate):
                raise BudgetExceeded(self._message("this query", "budget.query_usd", budget.query_micro, estimate))
            if self._lease is not None and not self._lease.take(estimate):
                raise BudgetExceeded(self._message("the day", "budget.day_usd", budget.day_micro, estimate))
            self.reserved += estimate
            self.requests += 1

    def fits(self, estimate: int) -> bool:
        """Tell whether the Run's own limit has room for one more call; the day's is asked when it is reserved."""
        limit = self._budget.query_micro
        return limit is None or self.spent + self.reserved + estimate <= 1000 * limit

    def settle(self, reserved: int, actual: int) -> None:
        """Replace a call's reservation by what it did cost, 0 where it was not billed."""
        with self._lock:
            self.reserved -= reserved
            self.spent += actual
            if self._lease is not None:
                self._lease.end(reserved, actual)

    def close(self) -> None:
        """Settle with the day; call it when the Run ends."""
        if self._lease is not None:
            self._lease.close()

    def _message(self, what: str, setting: str, limit: int | None, estimate: int) -> str:
        figures = (estimate, 1000 * (limit or 0), self.spent, self.reserved)
        call, most, spent, reserved = (f"${nano / NANO:.6f}" for nano in figures)
        return (
            f"the next call may cost {call} and pass the limit of {what}, {most}; "
            f"this query has spent {spent} and reserved {reserved}; raise {setting}"
        )
