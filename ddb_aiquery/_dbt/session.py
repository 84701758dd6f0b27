"""A Session whose Runs belong to dbt's nodes: their name, their budget, their line in the log."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from dbt.flags import get_flags
from dbt_common.events.contextvars import get_node_info
from dbt_common.invocation import get_invocation_id

from ddb_aiquery._dbt.leaving import Leaving
from ddb_aiquery._dbt.log import log_run
from ddb_aiquery._engine.budget import Purse
from ddb_aiquery._figures import Run
from ddb_aiquery._money import purse
from ddb_aiquery._running import Running
from ddb_aiquery._session import Session
from ddb_aiquery._settings import Settings
from ddb_aiquery.errors import BudgetExceeded, SettingsError

BUDGET = "ai_budget_usd"
"""The key in a node's `meta`."""
SILENT = frozenset({"compile", "generate", "list", "parse"})
"""dbt's commands that must send nothing, even if a macro queries while it is compiled."""


@dataclass(frozen=True, slots=True)
class Node:
    """What dbt works on in this thread: `unique_id` is empty outside of a node (hooks of a run, the catalog)."""

    unique_id: str
    invocation: str
    budget: float | None

    @property
    def label(self) -> str:
        """The `label` of usage rows: the node and the invocation, parted by a space."""
        return f"{self.unique_id or 'dbt'} {self.invocation}"


def current_node() -> Node:
    """Return the node that this thread works on, as dbt's own log knows it.

    Raises:
        SettingsError: the node's `meta.ai_budget_usd` is no amount of dollars, or written in another way.
    """
    info = get_node_info()
    name, meta = info.get("unique_id") or "", info.get("meta") or {}
    for key in meta:
        if str(key).startswith("ai_budget") and key != BUDGET:
            raise SettingsError(f"{name}: unknown key meta.{key}; did you mean {BUDGET}?")
    budget = meta.get(BUDGET)
    if budget is not None and not _is_amount(budget):
        raise SettingsError(f"{name}: meta.{BUDGET} must be a number of US dollars, not {budget!r}")
    return Node(name, get_invocation_id(), budget)


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf  # not NaN either


class Purses:
    """The money of each node: all its statements, and all batches of a microbatch model, share one purse."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._purses: dict[Node, Purse] = {}

    def of(self, node: Node, session: Session) -> Purse:
        """Return the node's purse: its own budget, where the profile's is not smaller still."""
        with self._lock:
            if node not in self._purses:
                limits = session.settings.limits
                least = min(limit for limit in (node.budget, limits.query_usd) if limit is not None)
                self._purses[node] = purse(replace(limits, query_usd=least), session.engine.store)
            return self._purses[node]


def silent_command() -> str:
    """Return dbt's command if it must send nothing, else an empty text."""
    command = str(getattr(get_flags(), "WHICH", "") or "")  # type: ignore[no-untyped-call]
    return command if command in SILENT else ""


class NodeSession(Session):
    """The calls of one of dbt's cursors. Under `dbt compile` and the like, no call is within its limits."""

    def __init__(self, settings: Settings, purses: Purses, leaving: Leaving) -> None:
        self._purses, self._leaving = purses, leaving
        self._silent = silent_command()
        if self._silent:
            settings = replace(settings, limits=replace(settings.limits, query_requests=0))
        self._node = Node("", "", None)
        super().__init__(settings)

    def begin(self, sql: str, label: str = "", purse: Purse | None = None) -> Running:
        """Begin a statement's Run in the name of the node that dbt works on."""
        self._node = node = current_node()
        limited = node.budget is not None and not self._silent
        return super().begin(sql, label or node.label, self._purses.of(node, self) if limited else purse)

    def cancel(self) -> None:
        """End the statements under way: Ctrl-C in dbt comes here."""
        super().cancel()
        self._leaving.quickly()

    def finish(self, running: Running) -> Run:
        """End a statement's Run and log its figures."""
        run = super().finish(running)
        if run.questions:
            log_run(run)
        return run

    def stream(self, batches: Iterable[pa.RecordBatch], running: Running) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        """Answer a stream of batches."""
        try:
            yield from super().stream(batches, running)
        except BudgetExceeded as error:
            raise self._in_dbts_words(error) from None

    def documents(self, columns: Sequence[pa.Array]) -> pa.Array:
        """Answer one chunk of DuckDB's."""
        try:
            return super().documents(columns)
        except BudgetExceeded as error:
            told: Any = self._in_dbts_words(error)
            self._error = told
            raise told from None

    def _in_dbts_words(self, error: BudgetExceeded) -> BudgetExceeded:
        """Name the limit where the user has set it."""
        text = str(error)
        if self._silent:
            return BudgetExceeded(f"dbt {self._silent} sends nothing, and these questions have no answer yet: dbt run")
        if self._node.budget is not None:
            text = text.replace("limit of this query", f"limit of {self._node.unique_id}")
            text = text.replace("budget.query_usd", f"meta.{BUDGET}")
        return BudgetExceeded(text)
