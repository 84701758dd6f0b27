"""The figures of one Run while it is under way."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from ddb_aiquery._engine.budget import NANO
from ddb_aiquery._figures import Run


@dataclass(slots=True)
class Tally:
    """Counts one statement's work; `add` may be called from any thread, `run` takes the figures so far."""

    clock: Callable[[], float]
    sql: str = ""
    label: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float = 0.0
    rows: int = 0
    questions: int = 0
    cached: int = 0
    sent: int = 0
    retried: int = 0
    failed: int = 0
    done: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    saved_nano: int = 0
    endpoints: set[str] = field(default_factory=set)
    held: str = ""
    """Why nothing is sent at the moment, where an endpoint asked to wait for long."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def add(self, **figures: int) -> None:
        """Add to the figures named."""
        with self._lock:
            for name, amount in figures.items():
                setattr(self, name, getattr(self, name) + amount)

    def run(self) -> Run:
        """Return the figures so far as a value."""
        with self._lock:
            return Run(
                id=self.id,
                sql=self.sql,
                label=self.label,
                endpoints=tuple(sorted(self.endpoints)),
                rows=self.rows,
                questions=self.questions,
                cached=self.cached,
                sent=self.sent,
                retried=self.retried,
                failed=self.failed,
                input_tokens=self.input_tokens,
                output_tokens=self.output_tokens,
                cost_usd=self.cost_nano / NANO,
                saved_usd=self.saved_nano / NANO,
                seconds=self.clock() - self.started,
            )
