"""Money: counted in whole micro-dollars, reserved before a call and settled after it, so that no limit is ever passed.

A limit of a Run is kept here, in memory. The day's limit is shared by processes, so it is kept by a ledger, from which
a Purse leases slices; a slice is money reserved, so leasing can only err towards spending less.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ddb_aiquery._settings import Limits
from ddb_aiquery._values import Usage
from ddb_aiquery.errors import BudgetExceeded

MICRO = 1_000_000
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


def cost_micro(usage: Usage, input_price: float | None, output_price: float | None) -> int:
    """Return the cost in micro-dollars, rounded up; prices in USD per million tokens, which is micro-dollars per token.

    An unknown price counts as nothing.
    """
    if input_price is None and output_price is None:
        return 0
    cost = usage.input_tokens * (input_price or 0.0) + usage.output_tokens * (output_price or 0.0)
    return math.ceil(round(cost, 6))  # 0.1 * 3 is a little more than 0.3: no cent for that


class Purse:
    """One Run's money. Every method may be called from any thread.

    `spent` and `reserved` are micro-dollars, `requests` the calls begun. A reservation that is never settled or
    released stays reserved: a call whose outcome is unknown may have been billed.
    """

    __slots__ = ("_budget", "_day", "_lease", "_lock", "_open", "_owed", "requests", "reserved", "spent")

    def __init__(self, budget: Budget, day: DayLedger | None = None) -> None:
        self._budget = budget
        self._day = day if budget.day_micro is not None else None
        self._lock = threading.Lock()
        self._lease = 0  # reserved in the day's ledger and not yet given to a call
        self._owed = 0  # spent, and not yet told to the day's ledger
        self._open = False  # whether somebody will close it; what ends after that is told to the ledger at once
        self.spent = self.reserved = self.requests = 0

    def reserve(self, estimate: int) -> None:
        """Set `estimate` micro-dollars aside for one call, 0 where its price is unknown.

        Raises BudgetExceeded where the call could pass a limit; nothing is set aside then.
        """
        estimate = max(0, estimate)
        with self._lock:
            budget = self._budget
            if budget.query_requests is not None and self.requests >= budget.query_requests:
                raise BudgetExceeded(
                    f"this query has made {self.requests:,} calls, which is its limit; raise budget.query_requests"
                )
            if budget.query_micro is not None and self.spent + self.reserved + estimate > budget.query_micro:
                raise BudgetExceeded(self._message("this query", "budget.query_usd", budget.query_micro, estimate))
            if self._day is not None and estimate > self._lease:
                self._lease_more(self._day, estimate)
            if self._day is not None:
                self._lease -= estimate
            self.reserved += estimate
            self.requests += 1

    def fits(self, estimate: int) -> bool:
        """Tell whether the Run's own limit has room for one more call; the day's is asked when it is reserved."""
        limit = self._budget.query_micro
        return limit is None or self.spent + self.reserved + estimate <= limit

    def settle(self, reserved: int, actual: int) -> None:
        """Replace a call's reservation by what it did cost."""
        self._end(max(0, reserved), max(0, actual))

    def release(self, reserved: int) -> None:
        """Give a reservation back: the call was not billed."""
        self._end(max(0, reserved), 0)

    def close(self) -> None:
        """Tell the day's ledger what was spent and give the unused lease back; call it when the Run ends."""
        with self._lock:
            if self._day is not None and (self._lease or self._owed):
                self._day.settle(self._lease + self._owed, self._owed)
                self._lease = self._owed = 0
            self._open = False

    def _end(self, reserved: int, actual: int) -> None:
        with self._lock:
            self.reserved -= reserved
            self.spent += actual
            if self._day is None:
                return
            if not self._open:
                if reserved or actual:
                    self._day.settle(reserved, actual)
                return
            self._owed += min(actual, reserved)
            self._lease += max(0, reserved - actual)
            if actual > reserved:  # dearer than estimated: the truth is written down whatever the limit
                self._day.settle(0, actual - reserved)

    def _lease_more(self, day: DayLedger, estimate: int) -> None:
        """Lease a slice of the day's money, or at least what this call needs."""
        limit = self._budget.day_micro or 0
        missing = estimate - self._lease
        if self._owed:
            day.settle(self._owed, self._owed)
            self._owed = 0
        self._open = True
        for amount in (max(missing, limit // _SLICES), missing):
            if day.reserve(amount):
                self._lease += amount
                return
        raise BudgetExceeded(self._message("the day", "budget.day_usd", limit, estimate))

    def _message(self, what: str, setting: str, limit: int, estimate: int) -> str:
        return (
            f"the next call may cost ${estimate / MICRO:.6f} and pass the limit of {what}, ${limit / MICRO:.6f}; "
            f"this query has spent ${self.spent / MICRO:.6f} and reserved ${self.reserved / MICRO:.6f}; raise {setting}"
        )
