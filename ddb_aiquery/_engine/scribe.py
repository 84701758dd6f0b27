"""The writer: an outcome is on disk before anybody is told of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from ddb_aiquery._engine.budget import cost_nano
from ddb_aiquery._engine.flight import Flight, InFlight
from ddb_aiquery._engine.store import Store
from ddb_aiquery._values import Answer, Failure, Kind, Outcome, Record
from ddb_aiquery.errors import AiQueryError

LINGER = 0.003
"""Seconds in which outcomes gather before they are written: a thread woken for each one costs more than its write."""
LINGERS, MANY, ENOUGH = 8, 5, 160
"""So many times at most, as long as so many come each time, until there are so many."""
POLL = 0.05
"""Seconds between looks at Questions that another process is asking, and of quiet before claims are tidied away."""
TIDY = 2048
"""Claims on answered Questions stop nobody, so they end so many at once: one by one they would touch a page each."""

Landing = tuple[Flight, Outcome]


class Scribe:
    """One thread that writes outcomes in groups: whatever arrived during the last write goes into the next."""

    def __init__(
        self,
        store: Store,
        in_flight: InFlight,
        take_over: Callable[[Sequence[Flight]], None],
        divert: Callable[[Sequence[Landing]], Sequence[Landing]],
        written: Callable[[Sequence[Flight]], None],
        wall_clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._in_flight = in_flight
        self._take_over = take_over
        self._divert = divert
        self._written = written
        self._wall_clock = wall_clock
        self._landings: deque[Landing] = deque()
        self._arrivals: deque[Sequence[Flight]] = deque()
        self._errands: deque[Callable[[], None]] = deque()
        self._unasked: deque[bytes] = deque()
        self._answered: list[bytes] = []
        self._elsewhere: dict[bytes, Flight] = {}
        self._unbooked = 0  # nano-dollars, less than a micro-dollar
        self._awake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ddb_aiquery-scribe", daemon=True)
        self._thread.start()

    def put(self, flight: Flight, outcome: Outcome) -> None:
        """Write an outcome down, then hand it to all who wait."""
        self._landings.append((flight, outcome))
        if not self._awake.is_set():
            self._awake.set()

    def jot(self, flight: Flight, failure: Failure) -> None:
        """Write a Failure down that nobody is to be told of: the Question is asked again in another way."""
        self.errand(lambda: self._store.put_many([self._record(flight, failure, self._wall_clock())]))

    def errand(self, work: Callable[[], None]) -> None:
        """Do something else that needs the store, soon; its errors are its own affair."""
        self._errands.append(work)
        self._awake.set()

    def give_up(self, flight: Flight) -> None:
        """End the claim on a Question that is not asked after all, so that another process may ask it."""
        self._unasked.append(flight.envelope.key)
        if not self._awake.is_set():
            self._awake.set()

    def watch(self, flights: Sequence[Flight]) -> None:
        """Wait for Questions that another process is asking: its answer, or its end."""
        self._arrivals.append(flights)
        self._awake.set()

    def close(self) -> None:
        """Write what has arrived, then end."""
        self._closing = True
        self._awake.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self._closing and not self._landings and not self._errands):
            came = self._awake.wait(POLL if self._elsewhere or self._answered else None)
            if came and not self._closing:
                self._gather()
            self._awake.clear()  # before the look, so that what comes after it wakes us again
            while self._errands:
                with contextlib.suppress(AiQueryError):
                    self._errands.popleft()()
            if self._landings:
                self._write([self._landings.popleft() for _ in range(len(self._landings))])
            if self._unasked or self._closing or not came or len(self._answered) >= TIDY:
                self._release()
            while self._arrivals:
                self._elsewhere.update((flight.envelope.key, flight) for flight in self._arrivals.popleft())
            if self._elsewhere:
                self._look_elsewhere()

    def _gather(self) -> None:
        """Let outcomes gather, the longer the faster they come: a write costs nearly the same for many as for one."""
        for _ in range(LINGERS):
            before = len(self._landings)
            time.sleep(LINGER)
            if len(self._landings) - before < MANY or len(self._landings) >= ENOUGH:
                return

    def _write(self, landings: Sequence[Landing]) -> None:
        now = self._wall_clock()
        records = [self._record(flight, outcome, now) for flight, outcome in landings if _worth_writing(outcome)]
        try:
            self._store.put_many(records)
            self._answered += [record.key for record in records if isinstance(record.outcome, Answer)]
            self._store.release_many(
                [flight.envelope.key for flight, outcome in landings if not isinstance(outcome, Answer)]
            )
        except AiQueryError as error:
            for flight, _ in landings:
                self._in_flight.crash(flight, error)
                self.give_up(flight)
            return
        finally:
            self._written([flight for flight, _ in landings])
        for flight, outcome in self._divert(landings):
            self._in_flight.land(flight, outcome)

    def _record(self, flight: Flight, outcome: Outcome, now: float) -> Record:
        """Return what is written of an outcome. Fractions of a micro-dollar go to the next, so that sums are right."""
        micro, self._unbooked = divmod(self._unbooked + cost_nano(outcome.usage, flight.endpoint), 1000)
        return Record(flight.envelope.key, flight.endpoint.name, flight.envelope.body, outcome, micro, now)

    def _release(self) -> None:
        """End the claims on Questions that are answered, or not asked after all; one asked anew is claimed anew."""
        keys, self._answered = self._answered, []
        while self._unasked:
            keys.append(self._unasked.popleft())
        with contextlib.suppress(AiQueryError), self._in_flight.claiming:
            self._store.release_many(self._in_flight.absent(keys))

    def _look_elsewhere(self) -> None:
        """Land what other processes have answered, and take over what their end left unasked."""
        for key in [key for key, flight in self._elsewhere.items() if self._in_flight.unwanted(flight)]:
            del self._elsewhere[key]
        try:
            claims = self._store.claim_many(list(self._elsewhere))
        except AiQueryError as error:
            for flight in self._elsewhere.values():
                self._in_flight.crash(flight, error)
            self._elsewhere.clear()
            return
        for key, answer in claims.answered.items():
            flight = self._elsewhere.pop(key)
            flight.batch.tally.add(cached=1)
            self._in_flight.land(flight, answer)
        if claims.ours:
            self._take_over([self._elsewhere.pop(key) for key in claims.ours])


def _worth_writing(outcome: Outcome) -> bool:
    return isinstance(outcome, Answer) or outcome.kind not in {Kind.CANCELLED, Kind.BUDGET, Kind.ENDPOINT}
