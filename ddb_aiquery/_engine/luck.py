"""How calls to one endpoint have fared: whether to ask again is decided by more than one question's own failures."""

from __future__ import annotations

from dataclasses import dataclass, field

from ddb_aiquery._values import Failure, Kind

MARGIN = 2.0
"""Seconds beyond a connection's time after which a call under way has met somebody: it would have failed otherwise."""
KEPT_RUNS = 256
"""Runs whose luck is remembered at once; forgetting one only makes it more patient."""


@dataclass(slots=True)
class Luck:
    """How one Run has fared with one Endpoint; whoever sends calls `sent`, then `answered` or `failed`."""

    heard: float
    """When the last answer came; at first, when the statement began to send (monotonic seconds)."""
    met: bool = True
    """Whether there was a sign that somebody is at the endpoint's address."""
    calls: int = 0
    streak: int = 0
    resent: int = 0
    """Calls that may have been billed and were asked again."""
    failures: dict[Kind, int] = field(default_factory=dict)

    def sent(self) -> None:
        """Count a call as it is sent."""
        self.calls += 1

    def answered(self, now: float) -> None:
        """Count an answer: the endpoint is alive."""
        self.heard = now
        self.streak = 0

    def failed(self, kind: Kind) -> None:
        """Count a failure, before `decide` is asked about it."""
        self.streak += 1
        self.failures[kind] = self.failures.get(kind, 0) + 1


class Lucks:
    """The Luck of every Run with one Endpoint, and whether anybody was ever met there; `connect` in seconds."""

    __slots__ = ("_by_run", "_connect", "_met", "_under_way")

    def __init__(self, connect: float) -> None:
        self._connect = connect
        self._by_run: dict[str, Luck] = {}
        self._met = False
        self._under_way: dict[object, float] = {}
        """Calls and when they were sent, as long as nobody was met."""

    def sent(self, run: str, call: object, now: float) -> None:
        """Count a call of a Run as it is sent."""
        if not self._met:
            self._under_way[call] = now
        self._of(run, now).sent()

    def heard(self, run: str, call: object, failure: Failure | None, now: float) -> Luck:
        """Count how a call ended, None for an answer, and return the Run's luck."""
        if not self._met:
            self._meet(call, failure, now)
        luck = self._of(run, now)
        luck.met = self._met
        if failure is None:
            luck.answered(now)
        else:
            luck.failed(failure.kind)
        return luck

    def _meet(self, call: object, failure: Failure | None, now: float) -> None:
        self._under_way.pop(call, None)
        oldest = min(self._under_way.values(), default=now)
        self._met = failure is None or failure.kind is not Kind.NOT_SENT or now - oldest >= self._connect + MARGIN
        if self._met:
            self._under_way.clear()

    def _of(self, run: str, now: float) -> Luck:
        found = self._by_run.get(run)
        if found is None:
            if len(self._by_run) >= KEPT_RUNS:
                self._by_run.clear()
            found = self._by_run[run] = Luck(now, self._met)
        return found
