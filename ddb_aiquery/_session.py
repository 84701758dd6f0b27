"""What one connection brings to its calls: the settings, the Run under way, and how to end it."""

from __future__ import annotations

import threading
import time
import uuid
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ddb_aiquery import _ask
from ddb_aiquery._engine.budget import NANO, Purse
from ddb_aiquery._engine.engine import Engine
from ddb_aiquery._engine.forecast import estimate_nano
from ddb_aiquery._figures import Estimate, Run
from ddb_aiquery._process import PROCESS
from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._running import IDLE_FAILED, Running
from ddb_aiquery._settings import Settings
from ddb_aiquery._terms import ARGUMENTS, Terms, read_terms

WINDOW = 32_768
"""Questions that `stream` keeps under way before it waits for the first: enough for 1,024 at once, flat in memory."""
WINDOW_BYTES = 32 << 20
"""Bytes of their batches, beyond which no more than FEWEST are kept under way: prompts may be long."""
FEWEST = 2_048
KEPT_TERMS = 256
"""Options of calls that are kept as they were read; a column of modelParameters may have any number of them."""


class Session:
    """The calls of one connection, or of several that were registered together."""

    def __init__(self, settings: Settings) -> None:
        self.id = uuid.uuid4().hex
        self.settings = settings
        self.last_run = Run()
        self._lock = threading.RLock()  # Ctrl-C may come while its own thread holds it
        self._terms: dict[str, Terms] = {}
        self._run: Running | None = None
        self._declared = False
        self._undeclared: list[Running] = []
        """The Run under way, where nobody declared it."""
        self._under_way: weakref.WeakSet[Running] = weakref.WeakSet()
        """Declared Runs that are not finished: several where cursors share the session."""
        self._error: BaseException | None = None
        PROCESS.enter(self)
        weakref.finalize(self, _leave, self._undeclared).atexit = False  # type: ignore[misc]  # by then `end` is called

    @property
    def engine(self) -> Engine:
        """The engine of this connection's cache directory."""
        return PROCESS.engine(self.settings.cache_directory)

    def begin(self, sql: str, label: str = "", purse: Purse | None = None) -> Running:
        """Begin a statement's Run; every call until `finish` counts for it. Without a purse it gets one of its own."""
        PROCESS.end_left()
        with self._lock:
            self._run = Running(self.engine.store, self.settings.limits, sql, label, purse)
            self._declared = True
            self._under_way.add(self._run)
            self._error = None
            return self._run

    def finish(self, running: Running) -> Run:
        """End a statement's Run and write its usage down."""
        with self._lock:
            if self._run is running:
                self._run, self._declared = None, False
            self._under_way.discard(running)
        self.last_run = running.close()
        return self.last_run

    def end(self, over: Callable[[Running], bool] = lambda _: True) -> None:
        """End a Run that nobody declared, if it is over, so that its usage is written down."""
        with self._lock:
            running = self._run
            if running is None or self._declared or not over(running):
                return
            self._run = None
            self._undeclared.clear()
        self.last_run = running.close_past()

    def end_past(self) -> None:
        """End what nobody declared and is over, in all of this process: somebody is about to look at the usage."""
        PROCESS.end_left()
        for session in list(PROCESS.sessions.values()):
            session.end(Running.is_waiting if session is self else Running.is_idle)

    def take_error(self) -> BaseException | None:
        """Return the error that a call raised, once: DuckDB passes on only its text."""
        with self._lock:
            error, self._error = self._error, None
            return error

    def cancel(self) -> None:
        """End the statements under way on this connection: nothing more is sent for them, nobody waits any more."""
        with self._lock:
            for running in (*self._under_way, *([self._run] if self._run else [])):
                running.cancelled.set()

    def is_busy(self) -> bool:
        """Tell whether a thread waits for answers to a statement here."""
        with self._lock:
            return any(running.calls for running in (*self._under_way, *([self._run] if self._run else [])))

    def forget(self) -> None:
        """Drop the Runs under way, in a forked child: they are its parent's, and so is their money."""
        self._lock = threading.RLock()
        self._run, self._declared = None, False
        self._undeclared.clear()
        self._under_way = weakref.WeakSet()

    def documents(self, columns: Sequence[pa.Array]) -> pa.Array:
        """Answer one chunk of DuckDB's: seven columns of arguments in, one column of JSON documents out.

        Raises:
            AiQueryError: what ends the statement; also kept for `take_error`.
        """
        running = self._current()
        groups: list[_ask.Group] = []
        try:
            running.tally.add(rows=len(columns[0]))
            groups = _ask.grouped(columns, self.read_terms)
            _ask.send(groups, self.engine, running.memo, running.asking)
            _ask.receive(groups, self.engine, running.memo, running.progress.tick)
            return _ask.column(groups, len(columns[0]))
        except BaseException as error:
            self._abandon(groups)
            with self._lock:
                self._error = error
            running.idle = IDLE_FAILED
            raise
        finally:
            with self._lock:
                running.calls -= 1
            running.touched = time.monotonic()
            self._tell()

    def _tell(self) -> None:
        """Warn of what befell the cache, once a process."""
        for notice in self.engine.news():
            warnings.warn(REDACTOR.clean(notice), stacklevel=3)

    def stream(self, batches: Iterable[pa.RecordBatch], running: Running) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        """Answer a stream of batches as one pool, yielding each with its documents, in order."""
        under_way: deque[tuple[pa.RecordBatch, list[_ask.Group]]] = deque()
        waiting = size = 0
        asking = running.asking
        with self._lock:
            running.calls += 1
        try:
            for batch in batches:
                groups = _ask.grouped(batch.columns[: len(ARGUMENTS)], self.read_terms)
                under_way.append((batch, groups))
                if "rows" in batch.schema.names:  # how many rows of the data ask each question
                    running.tally.add(rows=pc.sum(batch.column("rows")).as_py() or 0)
                _ask.send(groups, self.engine, running.memo, asking)
                waiting, size = waiting + batch.num_rows, size + batch.nbytes
                while waiting > (WINDOW if size <= WINDOW_BYTES else FEWEST):
                    waiting, size = waiting - under_way[0][0].num_rows, size - under_way[0][0].nbytes
                    yield self._received(*under_way[0], running)
                    under_way.popleft()
            while under_way:
                yield self._received(*under_way[0], running)
                under_way.popleft()
        except BaseException as error:
            self._abandon([group for _, groups in under_way for group in groups])
            if isinstance(error, Exception):
                asking.check()  # DuckDB breaks its own stream off with an error of another kind
            raise
        finally:
            with self._lock:
                running.calls -= 1
            self._tell()

    def price(self, batches: Iterable[pa.RecordBatch]) -> Estimate:
        """Count what a stream of batches would ask and cost, without a call."""
        questions = cached = input_tokens = cost = 0
        for batch in batches:
            for group in _ask.grouped(batch.columns[: len(ARGUMENTS)], self.read_terms):
                endpoint = group.terms.endpoint
                wanted = [group.question(place) for place, ask in enumerate(group.asks) if ask is not None]
                for tokens, answer in self.engine.known(endpoint, wanted):
                    questions += 1
                    if answer is not None:
                        cached += 1
                        continue
                    input_tokens += tokens
                    cost += estimate_nano(endpoint, group.terms.parameters, tokens)
        return Estimate(
            questions=questions,
            cached=cached,
            to_send=questions - cached,
            input_tokens=input_tokens,
            cost_usd=cost / NANO,
        )

    def read_terms(self, options: Sequence[Any]) -> Terms:
        """Read a call's options, once for each that differ."""
        key = repr(options)
        found = self._terms.get(key)
        if found is None:
            if len(self._terms) >= KEPT_TERMS:
                self._terms.clear()
            found = self._terms[key] = read_terms(options, self.settings)
        return found

    def _abandon(self, groups: Iterable[_ask.Group]) -> None:
        self.engine.abandon([group.batch for group in groups if group.batch is not None])

    def _received(
        self, batch: pa.RecordBatch, groups: list[_ask.Group], running: Running
    ) -> tuple[pa.RecordBatch, pa.Array]:
        _ask.receive(groups, self.engine, running.memo, running.progress.tick)
        return batch, _ask.column(groups, batch.num_rows)

    def _current(self) -> Running:
        """Return the Run under way; without a declared one, calls close together make a Run."""
        PROCESS.end_left()
        with self._lock:
            running, idle = self._run, None
            if running is not None and not self._declared and running.is_idle():
                running, idle = None, running
            if running is None:
                running = self._run = Running(self.engine.store, self.settings.limits)
                self._undeclared[:] = [running]
            if not running.calls and not self._declared and running.cancelled.is_set():
                running.cancelled = threading.Event()  # the statement that was cancelled has ended: this is another
            running.calls += 1
        if idle is not None:
            self.last_run = idle.close_past()
        return running


def _leave(undeclared: Sequence[Running]) -> None:
    """Hand a Run of a session that is gone to the process: what is collected may be so inside of any lock."""
    PROCESS.left.extend(running.close_past for running in undeclared)
