"""What stands beside the magic's name, and how figures look."""

from __future__ import annotations

import re

import pytest

from ddb_aiquery import Estimate, Run
from ddb_aiquery.errors import AiQueryError
from ddb_aiquery.notebook import Words, read_words


@pytest.mark.parametrize(
    ("line", "cell", "read"),
    [
        ("SELECT 1", None, Words("SELECT 1")),
        ("", "SELECT 1\n", Words("SELECT 1")),
        ("--to df", "SELECT 1", Words("SELECT 1", to="df")),
        ("--to=pl --connection other SELECT 1", None, Words("SELECT 1", to="pl", connection="other")),
        ("-- first a word", "SELECT 1", Words("-- first a word\nSELECT 1")),
        ("--estimate", "SELECT 1 -- why\n, 2", Words("SELECT 1 -- why\n, 2", estimate=True)),
    ],
)
def test_options_come_before_the_sql(line: str, cell: str | None, read: Words) -> None:
    """Options are read, and the SQL is left as it was written."""
    assert read_words(line, cell) == read


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--to xml SELECT 1", "--to takes one of"),
        ("--estimate", "there is no SQL"),
        ("--to", "--to needs a value"),
        ("--to= SELECT 1", "--to= needs a value"),
        ("-h", "unknown option -h: there are --to"),
    ],
)
def test_a_wrong_word_is_named(line: str, said: str) -> None:
    """A line that cannot be read says why."""
    with pytest.raises(AiQueryError, match=said):
        read_words(line, None)


def test_a_run_is_a_bar_of_its_questions() -> None:
    """The parts of the bar are as wide as their shares, and what was saved is said."""
    html = Run(rows=100, questions=10, cached=6, sent=4, failed=1, cost_usd=0.5, saved_usd=0.75)._repr_html_()
    assert [float(width) for width in re.findall(r"width:([\d.]+)%", html)] == [60.0, 30.0, 10.0]
    assert "$0.5000 ($0.7500 saved)" in html


def test_what_was_not_sent_is_not_called_sent() -> None:
    """A Run that was stopped shows what it sent, and what it did not."""
    html = Run(questions=2000, cached=500, sent=12, failed=100)._repr_html_()
    assert [word in html for word in ("500 cached", "12 sent", "100 failed", "1,388 not sent")] == [True] * 4
    assert "not sent" not in Run(questions=6, sent=6, failed=1)._repr_html_()


def test_a_small_cost_is_shown() -> None:
    """What costs less than a hundredth of a cent is not shown as nothing."""
    assert "$0.000008" in Run(questions=4, sent=4, cost_usd=8e-6)._repr_html_()
    assert "$0.000150" in Estimate(questions=4, to_send=4, cost_usd=15e-5)._repr_html_()


def test_an_estimate_says_what_it_does_not_know() -> None:
    """Upper limits are called so, and a note cannot become markup."""
    html = Estimate(rows=3, questions=2, to_send=2, bound=True, note="<b>later stages</b>")._repr_html_()
    assert "at most 2 questions" in html
    assert "&lt;b&gt;later stages" in html


def test_nothing_asked_is_an_empty_bar() -> None:
    """A statement without a question has a figure too."""
    assert "0 questions" in Run()._repr_html_()
