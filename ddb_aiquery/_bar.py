"""The bar that a terminal shows while a statement asks."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ddb_aiquery._engine.budget import NANO
from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._figures import Run, usd


class TerminalBar:
    """A rich bar with done, total, rate, time left and cost so far."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("ai_query"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[cost]}"),
            TextColumn("{task.fields[held]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, rate="", cost="", held="")

    def show(self, tally: Tally) -> None:
        """Show the figures so far."""
        self._bar.start()  # not before somebody holds the bar, who can stop it
        seconds = max(tally.clock() - tally.started, 1e-3)
        self._bar.update(
            self._task,
            completed=tally.done,
            total=tally.questions,
            rate=f"{tally.done / seconds:,.0f}/s",
            cost=usd(tally.cost_nano / NANO) if tally.cost_nano else "",
            held=tally.held,
        )

    def close(self, run: Run) -> None:  # noqa: ARG002 (the statement's own line says the rest)
        """Take the bar away."""
        self._bar.stop()
