"""What a ScriptedEndpoint may do instead of answering: one value per fault, and policies that choose among them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at the moment it has come in whole: its number (from 1), the server's clock, and who else is there.

    `in_flight` counts the requests that are being answered, this one included.
    """

    number: int
    prompt: str
    request: Mapping[str, Any]
    time: float
    in_flight: int


@dataclass(frozen=True, slots=True)
class Status:
    """An error status with OpenAI's error object; `retry_after` is sent as the header of that name, as it stands."""

    status: int
    retry_after: float | str | None = None
    code: str = ""
    message: str = "scripted"
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Slow:
    """`seconds` more than the endpoint's latency, then `then` (None: the usual answer)."""

    seconds: float
    then: Step | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The usual response, head included, broken off after `after_bytes`; with `reset`, by RST instead of FIN."""

    after_bytes: int
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Malformed:
    """Exactly this body under exactly this status and these headers; content-length is added where none is given."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"}, hash=False)


@dataclass(frozen=True, slots=True)
class Reset:
    """RST after the request was read, before one byte of response."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """An answer that max_tokens cut off: `finish_reason` is `length`."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that declines: `message.refusal` is set and there is no content."""

    text: str = "I cannot help with that."


@dataclass(frozen=True, slots=True)
class Headers:
    """The usual answer with these response headers besides."""

    headers: Mapping[str, str] = field(hash=False)


Step = Status | Slow | Cut | Malformed | Reset | Truncated | Refusal | Headers
Script = Callable[[Arrival], Step | None] | Sequence[Step | None]


class RateLimited:
    """Answers `per_second` requests a second (at most `burst` at once) and gives the others a 429.

    With `headers`, every response carries `x-ratelimit-limit-requests`, `-remaining-requests` and
    `-reset-requests` the way OpenAI sends them (limit per minute, reset as a duration).
    """

    def __init__(self, per_second: float, *, headers: bool = False, burst: float | None = None) -> None:
        self.per_second = per_second
        self.headers = headers
        self.burst = burst if burst is not None else max(1.0, per_second / 2)
        self._level = self.burst
        self._at: float | None = None

    def __call__(self, arrival: Arrival) -> Step | None:
        since = 0.0 if self._at is None else arrival.time - self._at
        self._at = arrival.time
        self._level = min(self.burst, self._level + since * self.per_second)
        accepted = self._level >= 1.0
        self._level -= accepted
        wait = max(0.0, 1.0 - self._level) / self.per_second
        told = self._told(wait) if self.headers else {}
        if not accepted:
            return Status(429, retry_after=round(wait, 3), code="rate_limit_exceeded", headers=told)
        return Headers(told) if told else None

    def _told(self, wait: float) -> dict[str, str]:
        return {
            "x-ratelimit-limit-requests": str(round(self.per_second * 60)),
            "x-ratelimit-remaining-requests": str(int(self._level)),
            "x-ratelimit-reset-requests": f"{round(wait * 1000)}ms",
        }


@dataclass(frozen=True, slots=True)
class Collapse:
    """A server that breaks down while more than `above` requests are in flight: each of those gets `step`."""

    above: int
    step: Step = field(default_factory=lambda: Status(503, message="overloaded"))

    def __call__(self, arrival: Arrival) -> Step | None:
        return self.step if arrival.in_flight > self.above else None


class Mixture:
    """Each step with its probability, decided by `seed` and the request's number alone, else the usual answer.

    `Mixture({Status(500): 0.1, Reset(): 0.05}, seed=7)`; the probabilities add up to at most 1.
    """

    def __init__(self, chances: Mapping[Step, float], *, seed: int = 0) -> None:
        if sum(chances.values()) > 1 + 1e-9:
            raise ValueError("the probabilities of a Mixture add up to more than 1")
        self._chances = tuple(chances.items())
        self._seed = seed

    def __call__(self, arrival: Arrival) -> Step | None:
        point = random.Random(f"{self._seed}:{arrival.number}").random()  # noqa: S311 (a script, not a secret)
        for step, chance in self._chances:
            point -= chance
            if point < 0:
                return step
        return None


class FirstOf:
    """Several scripts over one endpoint: the first that has something to say decides."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = tuple(as_function(script) for script in scripts)

    def __call__(self, arrival: Arrival) -> Step | None:
        said = (script(arrival) for script in self._scripts)
        return next((step for step in said if step is not None), None)


@dataclass(frozen=True, slots=True)
class InTurn:
    """The n-th request gets the n-th step (None: the usual answer); after the last, all are answered as usual."""

    steps: tuple[Step | None, ...]

    def __call__(self, arrival: Arrival) -> Step | None:
        return self.steps[arrival.number - 1] if arrival.number <= len(self.steps) else None


def as_function(script: Script | None) -> Callable[[Arrival], Step | None]:
    """Return the script as a function of an Arrival, whichever way it was given."""
    if script is None:
        return InTurn(())
    return script if callable(script) else InTurn(tuple(script))
