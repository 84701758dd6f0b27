"""The short forms of the harnesses; run the scripts beside this file for the long ones."""

from __future__ import annotations

import pytest
from faults import CASES, run_case
from kill import Figures, kill_until_answered
from processes import ask_together

from ddb_aiquery._engine.pool import WRITING


def test_no_answer_is_lost_or_bought_twice_over_kills() -> None:
    """SIGKILL again and again: what is in the file is never asked again, and what is under way has its bound."""
    check(kill_until_answered(2000, 0.8, 2.0, latency=0.1, width=64), 2000, 64)


@pytest.mark.long
def test_no_answer_is_lost_or_bought_twice_over_many_kills() -> None:
    """The same for 1,000,000 prompts, killed every 2 to 5 seconds."""
    check(kill_until_answered(1_000_000, 2.0, 5.0, latency=0.05, width=256), 1_000_000, 256)


def check(figures: Figures, prompts: int, width: int) -> None:
    """Everything is answered, nothing is lost, and a kill costs no more than what was under way."""
    assert figures.prompts == prompts
    assert figures.lost == 0
    assert 0 <= figures.excess <= figures.under_way
    assert figures.most <= width + WRITING


def test_processes_share_their_questions() -> None:
    """Four processes of four threads that ask the same 1,000 prompts at once cost 1,000 requests."""
    assert ask_together(1000, 4, 4) == 1000


@pytest.mark.long
def test_processes_share_their_questions_every_time() -> None:
    """Four processes of eight threads, 10,000 prompts, ten times: 10,000 requests each time."""
    assert [ask_together(10_000, 4, 8) for _ in range(10)] == [10_000] * 10


@pytest.mark.parametrize("case", CASES, ids=str)
def test_everything_is_answered_at_little_excess(case: str) -> None:
    """Mixed faults, a rate limit with and without headers, a server that collapses: every row, few calls too many."""
    figures = run_case(case, CASES[case].short)
    assert figures.answered == figures.prompts
    assert figures.within, figures


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=str)
def test_everything_is_answered_at_little_excess_at_length(case: str) -> None:
    """The same for so many prompts that the figures settle."""
    figures = run_case(case, CASES[case].long)
    assert figures.answered == figures.prompts
    assert figures.within, figures
