"""One statement's Run while it is under way: its figures, its money, its memory, and what is written down of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ddb_aiquery._engine.budget import MICRO, Purse
from ddb_aiquery._engine.engine import Asking
from ddb_aiquery._engine.store import Store
from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._figures import Run
from ddb_aiquery._memo import Memo
from ddb_aiquery._money import purse
from ddb_aiquery._progress import Progress
from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._settings import Limits
from ddb_aiquery.errors import CacheError

IDLE = 1.0
"""Seconds without a call after which a connection without planner is taken to have begun a new statement."""
IDLE_FAILED = 0.1
"""The same after a call that failed: only DuckDB's own repeats come sooner."""
SHOWN_SQL = 500


def usage_row(run: Run) -> dict[str, Any]:
    """Return a Run as the store writes it down."""
    row = {name: getattr(run, name) for name in Run.__dataclass_fields__ if not name.endswith("_usd")}
    return {
        **row,
        "at": time.time() - run.seconds,
        "endpoint": ", ".join(run.endpoints),
        "cost_micro": round(run.cost_usd * MICRO),
        "saved_micro": round(run.saved_usd * MICRO),
    }


def write_down(store: Store, run: Run, purses: Iterable[Purse]) -> None:
    """Settle a Run's money and record its row; a full disk hides no result, and ends no gateway."""
    for paying in purses:
        with contextlib.suppress(CacheError):  # the reservation stands then, which errs towards spending less
            paying.close()
    if run.questions:
        with contextlib.suppress(CacheError):
            store.record_run(usage_row(run))
            store.forget()


class Running:
    """One statement's Run while it is under way."""

    def __init__(self, store: Store, limits: Limits, sql: str = "", label: str = "", own: Purse | None = None) -> None:
        self.tally = Tally(time.monotonic, sql=REDACTOR.clean(sql, limit=SHOWN_SQL), label=label)
        self.memo = Memo()
        self.progress = Progress(self.tally)
        self.touched = time.monotonic()
        self.idle = IDLE
        self.cancelled = threading.Event()
        self.calls = 0
        """Calls of the function that are under way."""
        self._store = store
        self._purse = own or purse(limits, store)

    def is_waiting(self) -> bool:
        """Tell whether no call is under way."""
        return not self.calls

    def is_idle(self) -> bool:
        """Tell whether no call was under way for so long that the next one belongs to another statement."""
        return self.is_waiting() and time.monotonic() - self.touched > self.idle

    @property
    def asking(self) -> Asking:
        """On whose account Questions go, and what ends the wait for them."""
        return Asking(self.tally, self._purse, self.cancelled)

    def close_past(self) -> Run:
        """Write down what it came to; the last call was its end, not the moment when that is noticed."""
        return self.close(self.touched - self.tally.started)

    def close(self, seconds: float | None = None) -> Run:
        """Write down what it came to, after `seconds` or by now."""
        run = self.tally.run()
        if seconds is not None:
            run = replace(run, seconds=seconds)
        self.progress.close(run)
        write_down(self._store, run, [self._purse])
        return run
