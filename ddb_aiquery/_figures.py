"""What a statement did, and what it would do, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass


def usd(amount: float) -> str:
    """Return dollars as text, with cents' fractions where there is nothing else to see."""
    return f"${amount:.4f}" if amount >= 0.01 or not amount else f"${amount:.6f}"  # noqa: PLR2004 (a cent)


def counted(number: int, what: str) -> str:
    """Return a number of things as text: `1 row`, `2,000 rows`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


@dataclass(frozen=True, slots=True)
class Run:
    """What one statement did. Costs are USD by the prices in the settings; `seconds` is wall time."""

    id: str = ""
    sql: str = ""
    label: str = ""
    endpoints: tuple[str, ...] = ()
    rows: int = 0
    questions: int = 0
    cached: int = 0
    sent: int = 0
    retried: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    saved_usd: float = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        asked = f"{counted(self.rows, 'row')}, {counted(self.questions, 'question')}"
        known = f"{self.cached:,} cached, {self.sent:,} sent"
        trouble = "".join(f", {n:,} {what}" for n, what in ((self.retried, "retried"), (self.failed, "failed")) if n)
        saved = f" ({usd(self.saved_usd)} saved)" if self.saved_usd else ""
        tokens = f"{self.input_tokens:,} + {self.output_tokens:,} tokens"
        return f"{asked}: {known}{trouble}; {tokens}, {usd(self.cost_usd)}{saved}, {self.seconds:.1f} s"

    def _repr_html_(self) -> str:
        from ddb_aiquery._html import run_html  # noqa: PLC0415 (only a notebook draws)

        return run_html(self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a statement would ask and cost, counted without one call.

    `bound` is True where the counts are upper limits, as answers not known yet decide which rows are asked about.
    `open` is True where more may come: questions made of answers have no price yet (`cost_usd` is without them), and
    without `bound` there may also be more questions than are counted; `note` says why.
    `cost_usd` takes every answer to be as long as its `max_tokens` allows; 1,024 tokens where none is set.
    """

    rows: int = 0
    questions: int = 0
    cached: int = 0
    to_send: int = 0
    input_tokens: int = 0
    cost_usd: float = 0.0
    bound: bool = False
    note: str = ""
    open: bool = False

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            self.rows + other.rows,
            self.questions + other.questions,
            self.cached + other.cached,
            self.to_send + other.to_send,
            self.input_tokens + other.input_tokens,
            self.cost_usd + other.cost_usd,
            (self.bound or other.bound) and not (self.is_endless or other.is_endless),
            "; ".join(note for note in (self.note, other.note) if note),
            self.open or other.open,
        )

    @property
    def is_endless(self) -> bool:
        """Whether there may be more questions than are counted."""
        return self.open and not self.bound

    def __str__(self) -> str:
        most, more = "at most " if self.bound else "", " and more" if self.open else ""
        asked = f"{counted(self.rows, 'row')}, {most}{counted(self.questions, 'question')}"
        asked += more if self.is_endless else ""
        note = f" ({self.note})" if self.note else ""
        return (
            f"{asked}: {self.cached:,} cached, {self.to_send:,} to send; "
            f"about {self.input_tokens:,} input tokens, up to {usd(self.cost_usd)}{more}{note}"
        )

    def _repr_html_(self) -> str:
        from ddb_aiquery._html import estimate_html  # noqa: PLC0415 (only a notebook draws)

        return estimate_html(self)
