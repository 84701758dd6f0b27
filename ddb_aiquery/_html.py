"""A Run, an Estimate and a statement under way as HTML for notebooks: one bar, and the figures beside it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from ddb_aiquery._figures import Estimate, Run, usd

Part = tuple[str, int, str]
"""A part of a bar: what it is, how many questions, and its colour."""
CACHED, SENT, FAILED, OPEN = "#2a9d8f", "#e9a23b", "#c8553d", "#9aa0a6"


def run_html(run: Run) -> str:
    """Return a Run as a bar of its questions with its figures; it may have ended early, or shared a call."""
    asked = run.questions - run.cached - run.failed
    sent = min(run.sent, asked)
    parts = [("cached", run.cached, CACHED), ("sent", sent, SENT), ("failed", run.failed, FAILED)]
    parts.append(("not sent", asked - sent, OPEN))
    return figure(parts, str(run))


def estimate_html(estimate: Estimate) -> str:
    """Return an Estimate as a bar of cached questions and those to send with its figures."""
    return figure([("cached", estimate.cached, CACHED), ("to send", estimate.to_send, SENT)], str(estimate))


def progress_html(done: int, questions: int, cost_usd: float, seconds: float, held: str = "") -> str:
    """Return a statement under way as a bar with its rate, its cost so far, the time left, and what holds it up."""
    rate = done / seconds if seconds > 0 else 0.0
    left = f", about {(questions - done) / rate:,.0f} s left" if rate and questions > done else ""
    parts = [("answered", done, CACHED), ("open", questions - done, OPEN)]
    return figure(
        parts, f"{done:,} of {questions:,} questions, {rate:,.0f}/s, {usd(cost_usd)} so far{left}{held and '; ' + held}"
    )


def figure(parts: Sequence[Part], text: str) -> str:
    """Return a bar whose parts are as wide as their counts, a legend of the parts that are there, and a text."""
    total = sum(count for _, count, _ in parts) or 1
    there = [part for part in parts if part[1]]
    bar = "".join(
        f'<span style="display:inline-block;height:100%;width:{100 * count / total:.4g}%;background:{colour}"></span>'
        for _, count, colour in there
    )
    legend = " ".join(f'<span style="color:{colour}">■</span> {count:,} {name}' for name, count, colour in there)
    return (
        '<div class="ddb-aiquery" style="font-family:monospace;font-size:90%;line-height:1.5">'
        f'<div style="width:24em;height:.7em;background:#8883;overflow:hidden;white-space:nowrap">{bar}</div>'
        f"<div>{legend}</div><div>{html.escape(text)}</div></div>"
    )
