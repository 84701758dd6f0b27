"""One Endpoint's pool: keeps it exactly as busy as it can bear. Everything here runs on the event loop's thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

import orjson

from ddb_aiquery._engine.budget import cost_micro
from ddb_aiquery._engine.flight import Flight, InFlight
from ddb_aiquery._engine.pace import Pace
from ddb_aiquery._engine.retry import GiveUp, Luck, Patience, decide
from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._values import Endpoint, Envelope, Failure, Kind, Outcome, Question, Usage
from ddb_aiquery.errors import AiQueryError

BYTES_PER_TOKEN = 4
"""A usual guess for English text; settled by the Reply's own usage."""
DEFAULT_OUTPUT_TOKENS = 1024
"""Reserved where neither the call nor the settings say `max_tokens`."""

KEPT_RUNS = 256
"""Runs whose luck is remembered at once; forgetting one only makes it more patient."""


class Transport(Protocol):
    """What the engine needs from below: a Question's wire form, and one exchange."""

    def seal(self, endpoint: Endpoint, question: Question) -> Envelope:
        """Return the wire form. Raises RowError where the Question cannot be sent."""

    async def send(self, endpoint: Endpoint, envelope: Envelope, run: str) -> tuple[Outcome, Mapping[str, str]]:
        """Exchange one Envelope for its outcome and the reply's headers; `run` is the paying Run's id."""


class Pool:
    """The queue of one Endpoint. `finish` takes each Flight with its last outcome."""

    def __init__(
        self,
        endpoint: Endpoint,
        transport: Transport,
        pace: Pace,
        patience: Patience,
        in_flight: InFlight,
        finish: Callable[[Flight, Outcome], None],
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self.endpoint = endpoint
        self.pace = pace
        self._transport = transport
        self._patience = patience
        self._in_flight = in_flight
        self._finish = finish
        self._clock = clock
        self._chance = chance
        self._queue: deque[Flight] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._broken: tuple[float, Failure] | None = None
        """When the endpoint was found unusable, and why."""
        self._lucks: dict[str, Luck] = {}
        """By Run: what one statement has seen of this endpoint."""

    def add(self, flights: Iterable[Flight]) -> None:
        """Queue Flights and start as many as the pace allows."""
        self._queue.extend(flights)
        self._pump()

    def _pump(self) -> None:
        while (flight := self._next()) is not None:
            task = asyncio.get_running_loop().create_task(self._work(flight))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> Flight | None:
        """Take the next Flight that may go now, already counted in flight; None when none may."""
        while self._queue:
            flight = self._queue[0]
            if self._in_flight.unwanted(flight) or self._refused(flight):
                self._queue.popleft()
                continue
            wait = self.pace.admit(self._clock(), tokens_in(flight))
            if wait > 0:
                self._pump_in(wait)
                return None
            self._queue.popleft()
            if self._pay(flight):
                return flight
            self.pace.abandoned(reserved=tokens_in(flight))
        return None

    def _pump_in(self, wait: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._pump()

    def _refused(self, flight: Flight) -> bool:
        """Fail a Flight without a call where the endpoint broke during the very Run that wants it."""
        if self._broken is None or flight.batch.tally.started > self._broken[0]:
            return False
        self._finish(flight, self._broken[1])
        return True

    def _pay(self, flight: Flight) -> bool:
        """Reserve the call's cost from the Run that pays; a Run without money ends here."""
        batch = flight.batch
        endpoint = self.endpoint
        try:
            flight.reserved = estimate_micro(endpoint, flight)
            batch.purse.reserve(flight.reserved)
        except AiQueryError as error:
            self._in_flight.crash(flight, error)
            return False
        return True

    async def _work(self, flight: Flight | None) -> None:
        while flight is not None:
            outcome, headers = await self._exchange(flight)
            self._settle(flight, outcome, headers)
            flight = self._next()
            if flight is not None and self.pace.in_flight < self.pace.limit:
                self._pump()  # the limit has grown

    async def _exchange(self, flight: Flight) -> tuple[Outcome, Mapping[str, str]]:
        tally = flight.batch.tally
        tally.sent += 1  # only this thread counts calls
        self._luck(tally).sent()
        try:
            return await self._transport.send(self.endpoint, flight.envelope, tally.id)
        except AiQueryError as error:
            return Failure(Kind.ENDPOINT, str(error)), {}
        except Exception as error:  # noqa: BLE001 (a defect in one exchange must not hang all who wait)
            return Failure(Kind.ROW, f"{type(error).__name__} while calling: {error}"), {}

    def _luck(self, tally: Tally) -> Luck:
        found = self._lucks.get(tally.id)
        if found is None:
            if len(self._lucks) >= KEPT_RUNS:
                self._lucks.clear()
            found = self._lucks[tally.id] = Luck(heard=self._clock())
        return found

    def _settle(self, flight: Flight, outcome: Outcome, headers: Mapping[str, str]) -> None:
        """Book what the exchange cost and decide: finished, or once more."""
        now = self._clock()
        usage = outcome.usage
        failure = outcome if isinstance(outcome, Failure) else None
        reserved, used = tokens_in(flight), usage.input_tokens + usage.output_tokens
        self.pace.done(now, failure, used, headers, reserved=reserved)
        batch = flight.batch
        cost = cost_micro(usage, self.endpoint.input_price, self.endpoint.output_price)
        batch.purse.settle(flight.reserved, cost)
        tally = batch.tally
        tally.input_tokens += usage.input_tokens
        tally.output_tokens += usage.output_tokens
        tally.cost_micro += cost
        luck = self._luck(tally)
        if failure is None:
            luck.answered(now)
            self._finish(flight, outcome)
            return
        luck.failed(failure.kind)
        self._again(flight, failure, now, luck)

    def _again(self, flight: Flight, failure: Failure, now: float, luck: Luck) -> None:
        verdict = decide(self._patience, flight.attempts, failure, luck, now, self._chance)
        if isinstance(verdict, GiveUp):
            failure = replace(failure, message=verdict.reason)
            if verdict.endpoint:
                failure = replace(failure, kind=Kind.ENDPOINT)
                self._broken = (now, failure)
            self._finish(flight, failure)
            return
        flight.attempts = verdict.attempts
        flight.batch.trouble = failure
        flight.batch.tally.retried += 1
        asyncio.get_running_loop().call_later(verdict.wait, self._requeue, flight)

    def _requeue(self, flight: Flight) -> None:
        self._queue.appendleft(flight)
        self._pump()


def tokens_in(flight: Flight) -> int:
    """Guess the tokens that the call puts in."""
    return len(flight.envelope.body) // BYTES_PER_TOKEN


def estimate_micro(endpoint: Endpoint, flight: Flight) -> int:
    """Return the most that the call can be billed, in micro-dollars; 0 where no price is known."""
    if endpoint.input_price is None and endpoint.output_price is None:
        return 0
    limit = _output_limit(flight.question.parameters) or _limit_of(endpoint.parameters) or DEFAULT_OUTPUT_TOKENS
    return cost_micro(Usage(tokens_in(flight), limit), endpoint.input_price, endpoint.output_price)


@lru_cache(maxsize=256)
def _output_limit(parameters: str) -> int:
    return _limit_of(orjson.loads(parameters))


def _limit_of(parameters: Mapping[str, Any]) -> int:
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        if isinstance(parameters.get(name), int):
            return int(parameters[name])
    return 0
