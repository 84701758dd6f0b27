"""Failover: a Question that its endpoint could not answer is asked at the next of its fallbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ddb_aiquery._engine.flight import Flight
from ddb_aiquery._engine.retry import Stamina
from ddb_aiquery._values import Endpoint, Envelope, Failure, Kind, Question
from ddb_aiquery.errors import AiQueryError

HASTY = Stamina(
    row_deadline=30.0,
    cold_start=30.0,
    down_after=5.0,
    failed=3,
    ambiguous=2,
    max_wait=30.0,
    ambiguous_floor=10,
)
"""The stamina with an endpoint that has fallbacks: to wait for it is worth less than to ask the next."""


def stamina_for(endpoint: Endpoint) -> Stamina:
    """Return how long to go on with an endpoint, by its fallbacks, `deadline_seconds` and `connect_seconds`."""
    usual = HASTY if endpoint.fallbacks else Stamina()
    deadline = float(endpoint.options.get("deadline_seconds", usual.row_deadline))
    return replace(usual, row_deadline=deadline, connect=float(endpoint.options.get("connect_seconds", usual.connect)))


_ELSEWHERE = {Kind.ENDPOINT, Kind.NOT_SENT, Kind.REJECTED, Kind.FAILED, Kind.AMBIGUOUS, Kind.INVALID}
"""What another endpoint may do better. A wrong request, a refusal or a spent budget is the same everywhere."""


def next_flight(flight: Flight, failure: Failure, seal: Callable[[Endpoint, Question], Envelope]) -> Flight | None:
    """Return the Flight to the next fallback, under a key of its own; None where no fallback can be asked."""
    if failure.kind not in _ELSEWHERE:
        return None
    for place, endpoint in enumerate(flight.fallbacks, 1):
        question = replace(flight.question, endpoint=endpoint.name)
        try:
            envelope = seal(endpoint, question)
        except AiQueryError:  # this one cannot be asked such a question at all
            continue
        return Flight(endpoint, question, envelope, [], fallbacks=flight.fallbacks[place:])
    return None
