"""The sequence: seal, known?, being asked?, asked elsewhere?, pool, written down, handed on."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ddb_aiquery._engine.budget import Purse, cost_nano
from ddb_aiquery._engine.failover import next_flight, stamina_for
from ddb_aiquery._engine.flight import Batch, Flight, InFlight
from ddb_aiquery._engine.forecast import tokens_in
from ddb_aiquery._engine.loop import Loop
from ddb_aiquery._engine.noting import Finding, kept
from ddb_aiquery._engine.pace import Pace
from ddb_aiquery._engine.pool import Pool, Transport
from ddb_aiquery._engine.scribe import Landing, Scribe
from ddb_aiquery._engine.shared import Shared
from ddb_aiquery._engine.store import Store
from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._values import Answer, Endpoint, Envelope, Failure, Kind, Outcome, Question
from ddb_aiquery.errors import AiQueryError, CacheError, Cancelled, RowError

SLICE = 0.05
"""Seconds between looks at the cancel flag: well under the 0.2 s in which a query must end."""


@dataclass(frozen=True, slots=True)
class Asking:
    """On whose account Questions are asked: the Run's figures, its money, and how to stop it."""

    tally: Tally
    purse: Purse
    cancelled: threading.Event
    fail_fast: bool = True
    arrival: Callable[[], threading.Event] = threading.Event
    """Makes the event that is set when a Batch has arrived, for whoever waits other than in a thread."""

    def check(self) -> None:
        """Raise Cancelled where the Run is to stop."""
        if self.cancelled.is_set():
            held = f" ({self.tally.held})" if self.tally.held else ""
            raise Cancelled(
                f"cancelled: {self.tally.sent:,} calls were made, and every answer that arrived is kept{held}; "
                "run the statement again to ask only the rest"
            )


class Engine:
    """Answers Questions once each. One for a cache directory and process; callers are threads of any kind."""

    def __init__(
        self,
        store: Store,
        transport: Transport,
        loop: Loop,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self._transport = transport
        self._loop = loop
        self._clock = clock
        self._wall_clock = wall_clock
        self._chance = chance
        self._in_flight = InFlight()
        self._scribe = Scribe(store, self._in_flight, self._queue, self._divert, self._written, wall_clock)
        self._pools: list[Pool] = []
        self._pools_lock = threading.Lock()
        self._told = 0

    def submit(self, endpoint: Endpoint, questions: Sequence[Question], asking: Asking) -> Batch:
        """Set distinct Questions going and return at once; pass the Batch to `wait`.

        Raises:
            Cancelled: the Run was cancelled before.
        """
        asking.check()
        empty: list[Outcome | None] = [None] * len(questions)
        batch = Batch(asking.tally, asking.purse, empty, asking.fail_fast, asking.cancelled, asking.arrival())
        envelopes = self._seal(endpoint, questions, batch)
        known = self.store.get_many([envelope.key for _, envelope in envelopes])
        for index, envelope in envelopes:
            if envelope.key in known:
                self._serve(batch, index, endpoint, known[envelope.key])
        unknown = [(index, envelope) for index, envelope in envelopes if envelope.key not in known]
        asking.tally.add(questions=len(questions), cached=len(envelopes) - len(unknown))
        if unknown and batch.failure is None:  # one that fails as it is asks nothing
            self._ask(endpoint, questions, batch, unknown)
        elif batch.missing <= 0:
            batch.arrived.set()
        return batch

    def wait(self, batch: Batch, asking: Asking, tick: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Wait for every outcome of a Batch, in its order; `tick` is called about twenty times a second.

        Raises:
            Cancelled: within a slice of the cancel flag; answers that have arrived are kept.
            AiQueryError: what ends the whole statement (budget, cache).
        """
        try:
            while not batch.arrived.wait(SLICE):
                asking.tally.held = self._held(asking.tally.endpoints)
                asking.check()
                tick()
        except BaseException:
            self.abandon([batch])
            raise
        if batch.error is not None or batch.failure is not None:
            self.abandon([batch])
        if batch.error is not None:
            raise batch.error
        return [
            outcome or Failure(Kind.CANCELLED, "not asked: the statement failed before") for outcome in batch.outcomes
        ]

    def abandon(self, batches: Iterable[Batch]) -> None:
        """Send nothing more for these Batches, and let others ask; calls under way go on, and are kept."""
        for batch in batches:
            batch.abandoned = True
        for pool in self.pools():
            self._loop.call(pool.sweep)

    def known(self, endpoint: Endpoint, questions: Sequence[Question]) -> list[tuple[int, Answer | None]]:
        """Return how many tokens each Question would put in, about, and its stored answer, without a call."""
        sealed = []
        for question in questions:
            try:
                sealed.append(self._transport.seal(endpoint, question))
            except RowError:
                sealed.append(Envelope(b"", "", b""))
        found = self.store.get_many([envelope.key for envelope in sealed])
        return [
            (tokens_in(question, envelope), found.get(envelope.key))
            for question, envelope in zip(questions, sealed, strict=True)
        ]

    def note(self, endpoint: Endpoint, found: Sequence[Finding]) -> None:
        """Write beside stored answers what reading them showed; a cache that cannot be written stays as it is."""
        with contextlib.suppress(CacheError):
            self.store.note_many([kept(endpoint, one, self._transport.seal) for one in found])

    def news(self) -> list[str]:
        """Return what the store has to say to the user and has not said yet."""
        if len(self.store.notices) == self._told:
            return []
        with self._pools_lock:
            new = self.store.notices[self._told :]
            self._told += len(new)
            return new

    def pools(self) -> list[Pool]:
        """Return the pools, for what `ai_endpoints()` shows of limits learnt."""
        return list(self._pools)

    def close(self) -> None:
        """Write what has arrived, stop the writer and leave every Question to others."""
        self._scribe.close()
        self.store.leave()

    def _held(self, names: Collection[str]) -> str:
        """Say which of the endpoints asked everybody to wait, where that is for long."""
        said = (pool.held(self._clock()) for pool in self.pools() if pool.endpoint.name in names)
        return "; ".join(filter(None, said))

    def _seal(self, endpoint: Endpoint, questions: Sequence[Question], batch: Batch) -> list[tuple[int, Envelope]]:
        sealed = []
        for index, question in enumerate(questions):
            try:
                sealed.append((index, self._transport.seal(endpoint, question)))
            except RowError as error:
                batch.place(index, Failure(Kind.ROW, str(error)))
        return sealed

    def _serve(self, batch: Batch, index: int, endpoint: Endpoint, answer: Answer) -> None:
        batch.place(index, answer)
        saved = cost_nano(answer.usage, endpoint)
        if saved:
            batch.tally.add(saved_nano=saved)

    def _ask(
        self, endpoint: Endpoint, questions: Sequence[Question], batch: Batch, unknown: list[tuple[int, Envelope]]
    ) -> None:
        def depart(index: int, envelope: Envelope) -> Flight:
            return Flight(endpoint, questions[index], envelope, [], fallbacks=endpoint.fallbacks)

        new: list[Flight] = []
        with self._in_flight.claiming, self._crashing(new):
            self._in_flight.join(batch, unknown, depart, new)
            self._see_to(new)

    @contextlib.contextmanager
    def _crashing(self, new: Sequence[Flight]) -> Iterator[None]:
        """Let new Flights end with whatever is raised, Ctrl-C at any moment included: nobody may wait for them then."""
        try:
            yield
        except BaseException as error:
            for flight in new:
                self._in_flight.crash(flight, error if isinstance(error, Exception) else Cancelled("cancelled"))
                self._scribe.give_up(flight)
            raise

    def _see_to(self, new: Sequence[Flight]) -> None:
        """Claim new Flights and see that each is answered: by the store, by another process, by its Endpoint's pool."""
        flights = {flight.envelope.key: flight for flight in new}
        if not flights:
            return
        claims = self.store.claim_many(list(flights))
        for key, answer in claims.answered.items():
            flights[key].batch.tally.add(cached=1)
            self._in_flight.land(flights[key], answer)
        if claims.theirs:
            self._scribe.watch([flights[key] for key in claims.theirs])
        if claims.ours:
            self._queue([flight for key, flight in flights.items() if key in claims.ours])

    def _divert(self, landings: Sequence[Landing]) -> list[Landing]:
        """Ask at a fallback what an endpoint could not answer, and return the outcomes that stand."""
        standing: list[Landing] = []
        new: list[Flight] = []
        for flight, outcome in landings:
            other = next_flight(flight, outcome, self._transport.seal) if isinstance(outcome, Failure) else None
            if other is None or isinstance(outcome, Answer):
                standing.append((flight, outcome))
            elif self._in_flight.divert(flight, outcome.message, other):
                new.append(other)
        with contextlib.suppress(AiQueryError), self._crashing(new):  # whoever waits has been told
            self._see_to(new)
        return standing

    def _queue(self, flights: Sequence[Flight]) -> None:
        """Give Flights to their Endpoint's pool."""
        for pool, mine in self._by_pool(flights):
            self._loop.call(pool.add, mine)

    def _written(self, flights: Sequence[Flight]) -> None:
        """Tell the pools whose outcomes are on disk."""
        for pool, mine in self._by_pool(flights):
            self._loop.call(pool.written, len(mine))

    def _by_pool(self, flights: Sequence[Flight]) -> list[tuple[Pool, list[Flight]]]:
        def place(flight: Flight) -> int:
            return id(flight.endpoint)

        parts = [list(part) for _, part in groupby(sorted(flights, key=place), place)]
        return [(self._pool(part[0].endpoint), part) for part in parts]

    def _pool(self, endpoint: Endpoint) -> Pool:
        with self._pools_lock:
            for pool in self._pools:
                if pool.endpoint is endpoint or pool.endpoint == endpoint:
                    return pool
            pace = Pace(endpoint.max_concurrency, endpoint.requests_per_minute, endpoint.tokens_per_minute)
            pool = Pool(
                endpoint,
                self._transport,
                pace,
                stamina_for(endpoint),
                self._in_flight,
                self._scribe,
                self._share(endpoint, pace),
                self._clock,
                self._chance,
            )
            self._pools.append(pool)
            return pool

    def _share(self, endpoint: Endpoint, pace: Pace) -> Shared:
        scribe, loop = self._scribe, self._loop
        return Shared(self.store, endpoint, pace, scribe.errand, loop.call, self._clock, self._wall_clock)
