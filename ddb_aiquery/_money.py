"""The money of a Run: its own limits, and its share of the day's, which the store keeps for all processes."""

from __future__ import annotations

import time

from ddb_aiquery._engine.budget import Budget, Lease, Purse
from ddb_aiquery._engine.store import Store
from ddb_aiquery._settings import Limits


class DayAccount:
    """Today's money in the store, as a Lease needs it. A Run that passes midnight stays on its first day."""

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._day = time.strftime("%Y-%m-%d")

    def reserve(self, amount: int) -> bool:
        """Reserve micro-dollars if the day's limit allows."""
        return self._store.reserve(self._day, amount, self._limit)

    def settle(self, reserved: int, spent: int) -> None:
        """Turn a reservation into what was spent."""
        self._store.settle(self._day, reserved, spent)


def lease(limits: Limits, store: Store) -> Lease | None:
    """Return a share of today's money in the store, None where the day has no limit."""
    limit = Budget.of(limits).day_micro
    return None if limit is None else Lease(DayAccount(store, limit), limit)


def purse(limits: Limits, store: Store) -> Purse:
    """Return the money of one Run under these limits."""
    return Purse(Budget.of(limits), lease(limits, store))
