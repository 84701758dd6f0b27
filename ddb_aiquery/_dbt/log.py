"""dbt's log: how far a model is, now and then, and what it did, in one line."""

from __future__ import annotations

from dbt.adapters.events.logging import AdapterLogger

from ddb_aiquery._engine.budget import NANO
from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._figures import Run, usd

LOG = AdapterLogger("ddb_aiquery")
EVERY = 10.0
"""Seconds between two lines about one model that is under way."""


class LogDisplay:
    """Shows a Run under way as lines of dbt's log: dbt's threads cannot share a terminal's bar."""

    def __init__(self) -> None:
        self._next = EVERY / 2

    def show(self, tally: Tally) -> None:
        """Log the figures so far, if the last line is long enough ago."""
        seconds = tally.clock() - tally.started
        if seconds < self._next:
            return
        self._next = seconds + EVERY
        cost = f", {usd(tally.cost_nano / NANO)}" if tally.cost_nano else ""
        text = (
            f"{_subject(tally.label)}: {tally.done:,} of {tally.questions:,} questions in {seconds:,.0f} s "
            f"({tally.done / seconds:,.0f}/s){cost}{tally.held and '; ' + tally.held}"
        )
        LOG.info(text)

    def close(self, run: Run) -> None:
        """Nothing stays on a screen; the session logs the last line."""


def log_run(run: Run) -> None:
    """Log what a Run did."""
    text = f"{_subject(run.label)}: {run}"
    LOG.info(text)


def _subject(label: str) -> str:
    return label.partition(" ")[0] or "ai_query"
