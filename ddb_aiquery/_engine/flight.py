"""One asker per key: whoever else wants the same Question waits for the Flight that is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ddb_aiquery._engine.budget import Purse
from ddb_aiquery._engine.forecast import tokens_in
from ddb_aiquery._engine.retry import FRESH, Attempts
from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._values import Endpoint, Envelope, Failure, Outcome, Question


@dataclass(frozen=True, slots=True)
class Diversion:
    """A Question that its endpoint could not answer (`why`) is being asked at the fallback `at`."""

    at: str
    why: str

    def mark(self, outcome: Outcome) -> Outcome:
        """Say in the outcome that a fallback gave it."""
        if isinstance(outcome, Failure):
            return replace(outcome, message=f"{self.why}; then at the fallback '{self.at}': {outcome.message}")
        return replace(outcome, note="; ".join(part for part in (self.sign(self.at), outcome.note) if part))

    @staticmethod
    def sign(at: str) -> str:
        """Return what stands first in the note of an Answer that a fallback gave."""
        return f"fallback: {at}"


@dataclass(slots=True, eq=False)
class Batch:
    """The Questions that one thread waits for together, and their outcomes by position.

    With `fail_fast` the first Failure ends the wait: the statement fails, whatever else is still under way.
    Once `cancelled` is set nothing more is sent for it, even before the waiting thread has noticed.
    """

    tally: Tally
    purse: Purse
    outcomes: list[Outcome | None]
    fail_fast: bool
    cancelled: threading.Event
    arrived: threading.Event = field(default_factory=threading.Event)
    missing: int = 0
    abandoned: bool = False
    failure: Failure | None = None
    failed_at: int = -1
    error: Exception | None = None
    trouble: Failure | None = None
    """The latest failure after which a Question is asked again."""
    diverted: dict[int, Diversion] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Tell whether nobody waits for it any more."""
        return self.abandoned or self.cancelled.is_set()

    def deliver(self, index: int, outcome: Outcome) -> None:
        """Put one outcome in its place and wake the waiting thread when it was the last or ends the wait."""
        self.missing -= 1
        if index in self.diverted:
            outcome = self.diverted.pop(index).mark(outcome)
        self.place(index, outcome)
        if self.missing <= 0:
            self.arrived.set()

    def place(self, index: int, outcome: Outcome) -> None:
        """Put in its place an outcome that was not waited for: a stored answer, a Question that cannot be sent."""
        self.outcomes[index] = outcome
        self.tally.done += 1
        if not isinstance(outcome, Failure):
            return
        self.tally.add(failed=1)
        if self.fail_fast and self.failure is None:
            self.failure, self.failed_at = outcome, index
            self.arrived.set()

    def fail(self, error: Exception) -> None:
        """End the wait with an error that concerns the statement, not a row."""
        if self.error is None:
            self.error = error
        self.arrived.set()


@dataclass(slots=True, eq=False)
class Flight:
    """One Question under way."""

    endpoint: Endpoint
    question: Question
    envelope: Envelope
    waiters: list[tuple[Batch, int]]
    tokens: int = field(init=False)
    """A guess of the tokens that its call puts in."""
    payer: Batch = field(init=False, repr=False)
    """Whose money the call under way is made with, even if that one waits no more."""
    reserved: int = 0
    """Nano-dollars that the payer has set aside for it."""
    attempts: Attempts = FRESH
    ready: float | None = None
    """Since when it may be asked again and waits for its turn."""
    learnt: int = 0
    """Lessons of the endpoint that the last request heeded."""
    extended: bool = False
    """True once it was asked again with more room for its answer."""
    fallbacks: tuple[Endpoint, ...] = ()
    """Where to ask next if this endpoint cannot answer."""

    def __post_init__(self) -> None:
        self.tokens = tokens_in(self.question, self.envelope)

    @property
    def batch(self) -> Batch:
        """The batch that pays for the next call: the first that still waits."""
        first = self.waiters[0][0]
        if not first.over:
            return first
        return next((batch for batch, _ in self.waiters if not batch.over), first)


class InFlight:
    """The Flights of the process by key."""

    __slots__ = ("_flights", "_lock", "claiming")

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight] = {}
        self._lock = threading.Lock()
        self.claiming = threading.Lock()
        """Held from joining to claiming, and while claims are given up: a claim has a Flight, or is on its way out."""

    def join(
        self,
        batch: Batch,
        wanted: Sequence[tuple[int, Envelope]],
        depart: Callable[[int, Envelope], Flight],
        new: list[Flight],
    ) -> None:
        """Let `batch` wait for every Envelope; Flights to be seen to are in `new` before anybody can join them."""
        with self._lock:
            for index, envelope in wanted:
                flight = self._flights.get(envelope.key)
                if flight is None:
                    flight = depart(index, envelope)
                    new.append(flight)
                    self._flights[envelope.key] = flight
                flight.waiters.append((batch, index))
            batch.missing += len(wanted)

    def land(self, flight: Flight, outcome: Outcome) -> None:
        """Hand the outcome to all who wait."""
        with self._lock:
            self._flights.pop(flight.envelope.key, None)
            for batch, index in flight.waiters:
                batch.deliver(index, outcome)

    def divert(self, flight: Flight, why: str, other: Flight) -> bool:
        """Let all who wait for `flight` wait for `other`, or its like under way; True if `other` must be seen to."""
        with self._lock:
            self._flights.pop(flight.envelope.key, None)
            under_way = self._flights.setdefault(other.envelope.key, other)
            for batch, index in flight.waiters:
                batch.diverted[index] = Diversion(other.endpoint.name, why)
                batch.tally.endpoints.add(other.endpoint.name)
            under_way.waiters.extend(flight.waiters)
            return under_way is other

    def unwanted(self, flight: Flight) -> bool:
        """Take the Flight off where nobody waits for it any more; True if so."""
        if not flight.waiters[0][0].over:
            return False
        with self._lock:
            if any(not batch.over for batch, _ in flight.waiters):
                return False
            self._flights.pop(flight.envelope.key, None)
            return True

    def absent(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return the keys that have no Flight."""
        with self._lock:
            return [key for key in keys if key not in self._flights]

    def crash(self, flight: Flight, error: Exception) -> None:
        """End the wait of all who want this Flight with `error`."""
        with self._lock:
            self._flights.pop(flight.envelope.key, None)
            for batch, _ in flight.waiters:
                batch.fail(error)
