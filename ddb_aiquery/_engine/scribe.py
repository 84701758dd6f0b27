"""The writer: an outcome is on disk before anybody is told of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence

from ddb_aiquery._engine.budget import cost_micro
from ddb_aiquery._engine.flight import Flight, InFlight
from ddb_aiquery._engine.store import Store
from ddb_aiquery._values import Answer, Failure, Kind, Outcome, Record
from ddb_aiquery.errors import AiQueryError

POLL = 0.05
"""Seconds between looks at Questions that another process is asking."""

Landing = tuple[Flight, Outcome]


class Scribe:
    """One thread that writes outcomes in groups: whatever arrived during the last write goes into the next."""

    def __init__(
        self,
        store: Store,
        in_flight: InFlight,
        take_over: Callable[[Sequence[Flight]], None],
        wall_clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._in_flight = in_flight
        self._take_over = take_over
        self._wall_clock = wall_clock
        self._queue: queue.SimpleQueue[Landing | Sequence[Flight] | None] = queue.SimpleQueue()
        self._elsewhere: dict[bytes, Flight] = {}
        self._thread = threading.Thread(target=self._run, name="ddb_aiquery-scribe", daemon=True)
        self._thread.start()

    def put(self, flight: Flight, outcome: Outcome) -> None:
        """Write an outcome down, then hand it to all who wait."""
        self._queue.put((flight, outcome))

    def watch(self, flights: Sequence[Flight]) -> None:
        """Wait for Questions that another process is asking: its answer, or its end."""
        self._queue.put(flights)

    def close(self) -> None:
        """Write what has arrived, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            items, closing = self._gather()
            landings = [item for item in items if isinstance(item, tuple)]
            for item in items:
                if not isinstance(item, tuple):
                    self._elsewhere.update((flight.envelope.key, flight) for flight in item)
            if landings:
                self._write(landings)
            if self._elsewhere:
                self._look_elsewhere()
            if closing:
                return

    def _gather(self) -> tuple[list[Landing | Sequence[Flight]], bool]:
        """Take all that has arrived; wait for the first."""
        items: list[Landing | Sequence[Flight]] = []
        try:
            item = self._queue.get(timeout=POLL if self._elsewhere else None)
            while item is not None:
                items.append(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return items, False
        return items, True

    def _write(self, landings: Iterable[Landing]) -> None:
        now = self._wall_clock()
        landings = list(landings)
        records = [_record(flight, outcome, now) for flight, outcome in landings if _worth_writing(outcome)]
        try:
            self._store.put_many(records)
            self._store.release_many([f.envelope.key for f, o in landings if not isinstance(o, Answer)])
        except AiQueryError as error:
            for flight, _ in landings:
                self._in_flight.crash(flight, error)
            return
        for flight, outcome in landings:
            if isinstance(outcome, Failure):
                flight.batch.tally.add(failed=1)
            self._in_flight.land(flight, outcome)

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


def _record(flight: Flight, outcome: Outcome, now: float) -> Record:
    endpoint = flight.endpoint
    cost = cost_micro(outcome.usage, endpoint.input_price, endpoint.output_price)
    return Record(flight.envelope.key, endpoint.name, flight.envelope.body, outcome, cost, now)
