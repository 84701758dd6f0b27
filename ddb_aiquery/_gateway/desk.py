"""The desk: asks the engine on a client's account, waits without a thread, and keeps the gateway's books."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from ddb_aiquery import _money
from ddb_aiquery._address import endpoint_name
from ddb_aiquery._engine.budget import Budget, Lease, Purse, cost_nano
from ddb_aiquery._engine.engine import Asking, Engine
from ddb_aiquery._engine.flight import Batch
from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._gateway.figures import Figures
from ddb_aiquery._gateway.refusal import Refusal, failed
from ddb_aiquery._process import PROCESS
from ddb_aiquery._running import write_down
from ddb_aiquery._settings import Settings
from ddb_aiquery._values import Answer, Endpoint, Failure, Kind, Outcome, Question
from ddb_aiquery.errors import (
    AiQueryError,
    BudgetExceeded,
    CacheError,
    CallError,
    Cancelled,
    RowError,
    SettingsError,
    UnknownEndpoint,
)

PERIOD = 60.0
"""Seconds of requests that make one row of the usage."""
_KEPT = 256
_FORGOTTEN_AFTER = 900.0
_LOOK = 1.0
"""Seconds between looks at what becomes of a Question, once a client's patience with rejections is over."""
_SETTLING = 0.05
_ADDED = (
    *("rows", "questions", "cached", "sent", "retried", "failed", "input_tokens", "output_tokens"),
    *("cost_nano", "saved_nano"),
)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a client is kept waiting: while the endpoint rejects, and at all."""

    rejected: float = 30.0
    total: float = 600.0


class _Arrival(threading.Event):
    """An event that a coroutine can wait for, set from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self.reached: asyncio.Future[None] = loop.create_future()

    def set(self) -> None:
        super().set()
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._reach)

    def _reach(self) -> None:
        if not self.reached.done():
            self.reached.set_result(None)


@dataclass(slots=True)
class _Account:
    """One request that had to ask: its figures and its money, booked when all of it has come in."""

    tally: Tally
    purse: Purse

    def is_settled(self, now: float) -> bool:
        return self.tally.done >= self.tally.questions or now - self.tally.started > _FORGOTTEN_AFTER


class Desk:
    """Answers Questions for clients of one gateway. Used from one event loop."""

    def __init__(self, settings: Settings, patience: Patience | None = None) -> None:
        self.settings = settings
        self.figures = Figures()
        self._patience = patience or Patience()
        self._endpoints: dict[str, Endpoint] = {}
        self._accounts: list[_Account] = []
        self._period = Tally(time.monotonic, label="gateway")
        self._lease: Lease | None = None
        """The day's money in hand for all requests of a period: with one each, few could be under way at once."""
        self._stopping = asyncio.Event()

    @property
    def engine(self) -> Engine:
        """The engine that SQL uses too."""
        return PROCESS.engine(self.settings.cache_directory)

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint that a client names.

        Raises:
            Refusal: 404 with the nearest names, or 400 where the settings do not let it be used.
        """
        found = self._endpoints.get(name)
        if found is not None:
            return found
        try:
            known = name in self.settings.entries
            found = self.settings.endpoint(name if known else endpoint_name(name))
        except (UnknownEndpoint, CallError) as error:
            raise Refusal(404, str(error)) from None
        except SettingsError as error:
            raise Refusal(400, str(error)) from None
        if len(self._endpoints) >= _KEPT:
            self._endpoints.clear()
        self._endpoints[name] = found
        return found

    def stored(self, endpoint: Endpoint, questions: Sequence[Question]) -> list[Answer] | None:
        """Return the stored answers if every Question has one: the fast way, without a task or a thread.

        Raises:
            Refusal: the Questions cannot be asked, or the cache cannot be read.
        """
        try:
            found = [answer for _, answer in self.engine.known(endpoint, questions) if answer is not None]
        except AiQueryError as error:
            raise _refusal(error) from None
        if len(found) < len(questions):
            return None
        saved = sum(cost_nano(answer.usage, endpoint) for answer in found)
        period = self._period
        period.rows += len(found)
        period.questions += len(found)
        period.cached += len(found)
        period.saved_nano += saved
        period.endpoints.add(endpoint.name)
        return found

    async def asked(self, endpoint: Endpoint, questions: Sequence[Question], gone: Awaitable[None]) -> list[Outcome]:
        """Return every Question's outcome, asking what is not stored.

        `gone` ends when the client has left: what is queued is dropped then, what was sent is still stored.

        Raises:
            Refusal: the wait was too long, or the budget or the cache said no.
            ClientGone: nobody waits for the answer.
        """
        distinct = list(dict.fromkeys(questions))
        tally = Tally(time.monotonic)
        account = _Account(tally, self._purse())
        tally.add(rows=len(questions))
        tally.endpoints.add(endpoint.name)
        self._accounts.append(account)
        arrival = _Arrival(asyncio.get_running_loop())
        asking = Asking(tally, account.purse, threading.Event(), fail_fast=False, arrival=lambda: arrival)
        try:
            batch = await asyncio.to_thread(self.engine.submit, endpoint, distinct, asking)
            await self._arrived(batch, arrival, endpoint, gone)
            found = dict(zip(distinct, self.engine.wait(batch, asking), strict=True))
        except AiQueryError as error:
            raise _refusal(error) from None
        return [found[question] for question in questions]

    def _purse(self) -> Purse:
        """Return one request's money."""
        limits = self.settings.limits
        if self._lease is None:
            self._lease = _money.lease(limits, self.engine.store)
        return Purse(Budget.of(limits), self._lease)

    async def _arrived(self, batch: Batch, arrival: _Arrival, endpoint: Endpoint, gone: Awaitable[None]) -> None:
        leaving, stopping = asyncio.ensure_future(gone), asyncio.ensure_future(self._stopping.wait())
        begun = time.monotonic()
        idle = 0  # looks since the stop at which no call was under way: an answer may be on its way here at the first
        try:
            while not arrival.reached.done():
                waited = time.monotonic() - begun
                self._check_patience(batch.trouble, waited, endpoint)
                if stopping.done():
                    idle = 0 if self._calling() else idle + 1
                    self._check_stop(batch.trouble, idle, endpoint)
                rest = min(self._patience.rejected, self._patience.total) - waited
                look = _LOOK if stopping.done() else max(_LOOK, rest)
                heard: set[asyncio.Future[Any]] = {arrival.reached, leaving} | (
                    set() if stopping.done() else {stopping}
                )
                await asyncio.wait(heard, timeout=look, return_when=asyncio.FIRST_COMPLETED)
                _check_company(leaving, arrival)
        except BaseException:
            batch.abandoned = True
            raise
        finally:
            leaving.cancel()
            stopping.cancel()

    def _check_patience(self, trouble: Failure | None, waited: float, endpoint: Endpoint) -> None:
        """Raise the Refusal of a client that has waited for long enough; what comes later is stored."""
        patience = self._patience
        if trouble is not None and trouble.kind is Kind.REJECTED and waited >= patience.rejected:
            raise failed(trouble, endpoint.name)
        if waited >= patience.total:
            why = f"; last: {trouble.message}" if trouble is not None else ""
            what = f"no answer within {patience.total:.0f} s{why}; ask again, an answer that comes is kept"
            raise Refusal(504, f"endpoint '{endpoint.name}': {what}")

    @staticmethod
    def _check_stop(trouble: Failure | None, idle: int, endpoint: Endpoint) -> None:
        """Raise the Refusal of a client that would wait for a further try, or for a first one that is not due yet."""
        if trouble is not None or idle > 1:
            why = f"{trouble.message}; " if trouble is not None else ""
            raise Refusal(503, f"endpoint '{endpoint.name}': {why}the gateway stops and asks no more")

    def stop(self) -> None:
        """Begin no further try: who waits for one is told, who waits for a call under way still gets its answer."""
        self._stopping.set()

    async def settled(self) -> None:
        """Wait until no call is under way, also of clients that have left: each is paid, and is to be stored."""
        while self._calling():  # noqa: ASYNC110 (pools live in another thread and tell nobody)
            await asyncio.sleep(_SETTLING)

    def _calling(self) -> bool:
        return any(pool.pace.in_flight for pool in self.engine.pools())

    async def close_books(self, *, end: bool = False) -> None:
        """Write a period's usage down: one row; at the `end` also what is still open."""
        now = time.monotonic()
        settled = [account for account in self._accounts if end or account.is_settled(now)]
        self._accounts = [account for account in self._accounts if account not in settled]
        for account in settled:
            _merge(self._period, account.tally)
        run = self._period.run()
        self._period = Tally(time.monotonic, label="gateway")
        self._lease = None  # requests under way keep theirs, which is closed with the first and the last of them
        if run.questions:
            self.figures.add(run)
        # In a thread: it waits for the disk, and every client would wait with it.
        await asyncio.to_thread(write_down, self.engine.store, run, [account.purse for account in settled])

    def metrics(self) -> str:
        """Return the figures as Prometheus reads them, the present period's included."""
        return self.figures.text(self._period.run(), self.engine.pools())


class ClientGone(Exception):
    """The client has closed its connection."""


def _check_company(leaving: asyncio.Future[None], arrival: _Arrival) -> None:
    if leaving.done() and not arrival.reached.done():
        raise ClientGone


def _refusal(error: AiQueryError) -> Refusal:
    statuses = {BudgetExceeded: 403, CallError: 400, RowError: 400, SettingsError: 400, CacheError: 503, Cancelled: 503}
    return Refusal(next((status for kind, status in statuses.items() if isinstance(error, kind)), 502), str(error))


def _merge(total: Tally, part: Tally) -> None:
    total.add(**{name: getattr(part, name) for name in _ADDED})
    total.endpoints |= part.endpoints
