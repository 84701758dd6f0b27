"""One Endpoint's pool: keeps it exactly as busy as it can bear. Everything here runs on the event loop's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from ddb_aiquery._engine.budget import cost_nano, micro_up
from ddb_aiquery._engine.flight import Batch, Flight, InFlight
from ddb_aiquery._engine.forecast import estimate_nano, roomier
from ddb_aiquery._engine.luck import Luck, Lucks
from ddb_aiquery._engine.pace import FULL, Pace
from ddb_aiquery._engine.retry import GiveUp, Stamina, decide
from ddb_aiquery._engine.scribe import Scribe
from ddb_aiquery._engine.shared import Shared
from ddb_aiquery._engine.waiting import Waiting, affordable
from ddb_aiquery._values import Endpoint, Envelope, Failure, Kind, Outcome, Question
from ddb_aiquery.errors import AiQueryError

WRITING = 256
"""A kill loses what is not on disk: max_concurrency calls, and the replies being written, of which there are so many
at most. Fewer would hold a fast endpoint back; without a bound a slow disk would lose more."""

LONG = 10.0
"""Seconds of waiting that want a reason."""


class Transport(Protocol):
    """What the engine needs from below: a Question's wire form, and one exchange."""

    def seal(self, endpoint: Endpoint, question: Question) -> Envelope:
        """Return the wire form. Raises RowError where the Question cannot be sent."""

    async def send(
        self, endpoint: Endpoint, envelope: Envelope, run: str, lessons: dict[str, str]
    ) -> tuple[Outcome, Mapping[str, str]]:
        """Exchange one Envelope for its outcome and the reply's headers; `run` is the paying Run's id.

        `lessons` say what the endpoint refuses, and how it is asked instead; new ones are added.
        """


class Pool:
    """The queue of one Endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        transport: Transport,
        pace: Pace,
        stamina: Stamina,
        in_flight: InFlight,
        scribe: Scribe,
        shared: Shared,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self.endpoint = endpoint
        self.pace = pace
        self.shared = shared
        self._transport = transport
        self._stamina = stamina
        self._in_flight = in_flight
        self._scribe = scribe
        self._clock = clock
        self._chance = chance
        self._waiting = Waiting(self._estimate)
        self._parked: dict[Flight, asyncio.TimerHandle] = {}
        """What waits before it is asked again."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._unwritten = 0
        """Outcomes that are not on disk yet."""
        self._room = pace.max_concurrency + WRITING
        self._broken: tuple[float, Failure] | None = None
        """When the endpoint was found unusable, and why."""
        self._lucks = Lucks(stamina.connect)
        self._told = ""
        """What the endpoint said last when it rejected a call."""

    def add(self, flights: Iterable[Flight]) -> None:
        """Queue Flights and start as many as the pace allows."""
        self._waiting.line.extend(flights)
        self._pump()

    def written(self, count: int) -> None:
        """Make room for so many calls: their outcomes are on disk."""
        self._unwritten -= count
        self._pump()

    def held(self, now: float) -> str:
        """Say for how long the endpoint wants no call, and why, where that is long."""
        left = self.pace.cooldown_until - now
        return "" if left < LONG else f"endpoint '{self.endpoint.name}' wants no call for {left:,.0f} s{self._told}"

    def sweep(self) -> None:
        """Take off what nobody waits for any more."""
        self._waiting.sweep(self._unwanted)
        for flight, timer in list(self._parked.items()):
            if self._unwanted(flight):
                timer.cancel()
                del self._parked[flight]

    def _unwanted(self, flight: Flight) -> bool:
        if not self._in_flight.unwanted(flight):
            return False
        self._scribe.give_up(flight)
        return True

    def _pump(self) -> None:
        while (flight := self._next()) is not None:
            task = asyncio.get_running_loop().create_task(self._work(flight))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> Flight | None:
        """Take the next Flight that may go now, already counted in flight; None when none may."""
        while True:
            try:
                return self._take()
            except Exception as error:  # noqa: BLE001 (a defect met at one Flight must not hang all who wait)
                self._crash(self._waiting.line.popleft(), error)

    def _take(self) -> Flight | None:
        waiting = self._waiting
        while waiting.line:
            flight = waiting.line[0]
            batch = flight.batch
            if (batch.over and self._unwanted(flight)) or self._refused(flight, batch):
                waiting.line.popleft()
                continue
            if self.pace.in_flight + self._unwritten >= self._room:
                return None
            estimate = self._estimate(flight)
            if not affordable(batch, estimate):
                waiting.set_aside(batch.purse)
                self._pump_in(FULL)
                continue
            now = self._clock()
            self.shared.tick(now)
            wait = self.pace.admit(now, flight.tokens)
            if wait > 0:
                self._pump_in(wait)
                return None
            if not self._pay(flight, batch, estimate):
                self.pace.not_sent(reserved=flight.tokens)
                continue
            waiting.line.popleft()
            if waiting.aside:
                waiting.call_up(batch.purse)
            if flight.ready is not None:
                flight.attempts, flight.ready = flight.attempts.held(now - flight.ready), None
            return flight
        return None

    def _crash(self, flight: Flight, error: Exception) -> None:
        """End what waits for a Flight with an error that nobody foresaw."""
        self._in_flight.crash(flight, error)
        self._scribe.give_up(flight)

    def _estimate(self, flight: Flight) -> int:
        return 1000 * micro_up(estimate_nano(self.endpoint, flight.question.parameters, flight.tokens))

    def _pump_in(self, wait: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._waiting.call_all_up()
        self._pump()
        if self._waiting.aside:
            self._pump_in(FULL)

    def _refused(self, flight: Flight, batch: Batch) -> bool:
        """Fail a Flight without a call where the endpoint broke during the very Run that wants it."""
        if self._broken is None or batch.tally.started > self._broken[0]:
            return False
        self._put(flight, self._broken[1])
        return True

    def _pay(self, flight: Flight, batch: Batch, estimate: int) -> bool:
        """Reserve the call's cost from the Run that pays; one without money ends here, and the next that waits pays."""
        try:
            batch.purse.reserve(estimate)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is this Run's, and must not hang the others)
            batch.fail(error)
            batch.abandoned = True
            return False
        flight.payer, flight.reserved = batch, estimate
        return True

    async def _work(self, flight: Flight | None) -> None:
        while flight is not None:
            outcome, headers = await self._exchange(flight)
            try:
                self._settle(flight, outcome, headers)
            except Exception as error:  # noqa: BLE001 (as in `_next`)
                self._crash(flight, error)
            flight = self._next()
            if flight is not None and self.pace.in_flight < self.pace.limit:
                self._pump()  # the limit has grown

    async def _exchange(self, flight: Flight) -> tuple[Outcome, Mapping[str, str]]:
        tally = flight.payer.tally
        tally.sent += 1  # only this thread counts calls
        self._lucks.sent(tally.id, flight, self._clock())
        flight.learnt = len(self.shared.lessons)
        try:
            return await self._transport.send(self.endpoint, flight.envelope, tally.id, self.shared.lessons)
        except AiQueryError as error:
            return Failure(Kind.ENDPOINT, str(error)), {}
        except Exception as error:  # noqa: BLE001 (a defect in one exchange must not hang all who wait)
            return Failure(Kind.ROW, f"{type(error).__name__} while calling: {error}"), {}

    def _settle(self, flight: Flight, outcome: Outcome, headers: Mapping[str, str]) -> None:
        """Book what the exchange cost and decide: finished, or once more."""
        now = self._clock()
        usage = outcome.usage
        failure = outcome if isinstance(outcome, Failure) else None
        self.pace.done(now, failure, usage.input_tokens + usage.output_tokens, headers, reserved=flight.tokens)
        if failure is not None:
            if failure.kind is Kind.REJECTED:
                self._told = f": {failure.message}"
            self.shared.tick(now)  # others may have to hear of it, though nothing waits here
        batch = flight.payer
        cost = cost_nano(usage, self.endpoint)
        try:
            batch.purse.settle(flight.reserved, flight.reserved if _has_no_bill(failure) else cost)
        except AiQueryError as error:  # the day's limit can be kept no longer, the answer can
            batch.fail(error)
        if self._waiting.aside:
            self._waiting.call_up(batch.purse)
        tally = batch.tally
        tally.input_tokens += usage.input_tokens
        tally.output_tokens += usage.output_tokens
        tally.cost_nano += cost
        luck = self._lucks.heard(tally.id, flight, failure, now)
        if failure is None:
            self._put(flight, outcome)
        elif not self._differently(flight, failure):
            self._again(flight, failure, now, luck)

    def _put(self, flight: Flight, outcome: Outcome) -> None:
        self._unwritten += 1
        self._scribe.put(flight, outcome)

    def _differently(self, flight: Flight, failure: Failure) -> bool:
        """Ask at once in another way where that may bring the answer: without what is refused, or with more room."""
        taught = failure.lesson is not None and len(self.shared.lessons) > flight.learnt
        if not taught and not self._extended(flight, failure):
            return False
        flight.batch.tally.retried += 1
        self._requeue(flight)
        return True

    def _extended(self, flight: Flight, failure: Failure) -> bool:
        """Give a Flight more room for its answer, once, where it was cut off and the settings allow more."""
        cut = failure.kind is Kind.TRUNCATED and not flight.extended
        question = roomier(self.endpoint, flight.question) if cut else None
        if question is None:
            return False
        self._scribe.jot(flight, failure)
        # The key stays that of the question as it was asked.
        flight.envelope = replace(self._transport.seal(self.endpoint, question), key=flight.envelope.key)
        flight.question, flight.extended = question, True
        return True

    def _again(self, flight: Flight, failure: Failure, now: float, luck: Luck) -> None:
        verdict = decide(self._stamina, flight.attempts, failure, luck, now, self._chance)
        if isinstance(verdict, GiveUp):
            failure = replace(failure, message=verdict.reason)
            if verdict.endpoint:
                failure = replace(failure, kind=Kind.ENDPOINT)
                self._broken = (now, failure)
            self._put(flight, failure)
            return
        flight.attempts = verdict.attempts
        for batch, _ in flight.waiters:
            batch.trouble = failure
        flight.batch.tally.retried += 1
        self._parked[flight] = asyncio.get_running_loop().call_later(verdict.wait, self._requeue, flight)

    def _requeue(self, flight: Flight) -> None:
        self._parked.pop(flight, None)
        flight.ready = self._clock()
        self._waiting.line.appendleft(flight)
        self._pump()


def _has_no_bill(failure: Failure | None) -> bool:
    """Tell whether a call may have been billed in full though nothing came back that says so: cut off, or too large."""
    if failure is None:
        return False
    return failure.kind is Kind.AMBIGUOUS or (failure.kind is Kind.ROW and failure.status is None)
