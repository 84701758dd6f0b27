import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._engine.rates import Bucket, Rates, duration, number, read_limit

NAMES = [
    f"{family}{part}"
    for family, parts in (
        (
            "x-ratelimit-",
            ["limit-requests", "remaining-requests", "reset-requests", "limit-tokens", "remaining-tokens"],
        ),
        ("anthropic-ratelimit-", ["requests-limit", "requests-remaining", "requests-reset", "tokens-limit"]),
    )
    for part in parts
] + ["date"]
NASTY = st.one_of(st.text(max_size=40), st.floats().map(str), st.integers().map(str), st.datetimes().map(str))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("120ms", 0.12),
        ("17h3m", 61380),
        ("1.5s", 1.5),
        ("1d", 86400),
        ("8.64s", 8.64),
        ("0", 0),
        ("7", 7),
    ],
)
def test_a_reset_is_read_in_every_spelling(text, seconds):
    """The forms that providers use for a span of time are all understood."""
    assert duration(text) == pytest.approx(seconds)


def test_a_time_of_day_is_taken_against_the_replys_own_date():
    """Anthropic names the moment of the reset; a wrong clock on this machine does not matter."""
    assert duration("2026-11-03T10:00:30Z", "Tue, 03 Nov 2026 10:00:00 GMT") == 30
    assert duration("2026-11-03T10:00:30Z") is None


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e308", "", "9" * 10_000, "x", "1e13", "0x10", None])
def test_a_senseless_count_is_no_count(text):
    """What is not a finite count up to 1e12 is ignored."""
    assert number(text) is None


@given(NASTY, NASTY)
def test_no_reset_can_break_the_reader(text, date):
    """A reset is None or a finite span that is not negative."""
    seconds = duration(text, date)
    assert seconds is None or 0.0 <= seconds <= 1e15


@given(st.dictionaries(st.sampled_from(NAMES), NASTY), st.floats(0, 1e6))
def test_no_header_can_break_the_pace(headers, tokens):
    """Whatever a reply claims, a call has to wait a finite time and can go after it."""
    rates = Rates(requests=60.0, tokens=60_000.0)
    rates.learn(headers, 0.0)
    wait = rates.admit(0.0, tokens)
    assert wait >= 0.0
    assert math.isfinite(wait)


def test_azures_unknown_is_unknown():
    """-1 limits nothing."""
    rates = Rates()
    rates.learn({"x-ratelimit-limit-requests": "-1", "x-ratelimit-remaining-requests": "-1"}, 0.0)
    assert rates.requests is None


def test_a_days_quota_is_no_pace():
    """A reset hours away speaks of a day's quota, which is not spread over the day."""
    headers = {"x-ratelimit-limit-requests": "200", "x-ratelimit-reset-requests": "17h3m"}
    assert read_limit(headers, "requests") == (None, None)


def test_a_learnt_limit_is_kept_and_then_forgotten():
    """98 % of the limit is used while replies confirm it, and nothing holds ten minutes after the last did."""
    rates = Rates()
    rates.learn({"x-ratelimit-limit-requests": "3000", "x-ratelimit-remaining-requests": "2999"}, 0.0)
    assert sum(rates.admit(second / 100, 0) == 0.0 for second in range(6_000)) == pytest.approx(0.98 * 3000 + 24, abs=2)
    assert rates.admit(600.0, 0) == 0.0
    assert rates.requests is not None
    rates.admit(600.1, 0)
    assert rates.requests is None


def test_the_users_limit_stands_over_the_endpoints():
    """A higher limit in the headers does not lift the one in the settings; a lower one lowers it for a while."""
    rates = Rates(requests=60.0)
    rates.learn({"x-ratelimit-limit-requests": "6000"}, 0.0)
    assert rates.requests is not None
    assert rates.requests.fill == pytest.approx(0.98)
    rates.learn({"x-ratelimit-limit-requests": "30"}, 0.0)
    assert rates.requests.fill == pytest.approx(0.49)
    rates.admit(601.0, 0)
    assert rates.requests.fill == pytest.approx(0.98)


def test_remaining_only_lowers():
    """`remaining` may say that less is left, never that there is more."""
    rates = Rates(requests=600.0)
    rates.learn({"x-ratelimit-limit-requests": "600", "x-ratelimit-remaining-requests": "0"}, 0.0)
    assert rates.admit(0.0, 0) > 0
    rates.learn({"x-ratelimit-limit-requests": "600", "x-ratelimit-remaining-requests": "500"}, 0.0)
    assert rates.admit(0.0, 0) > 0


def test_tokens_are_reserved_and_settled():
    """A call that used less than it reserved lets the next one go sooner; one that used more, later."""
    rates = Rates(tokens=6_000.0)
    assert rates.admit(0.0, 49.0) == 0.0
    assert rates.admit(0.0, 49.0) == pytest.approx(0.5)
    rates.settle(49.0, 10.0)
    assert rates.admit(0.0, 39.0) == 0.0
    rates.settle(39.0, 137.0)
    assert rates.admit(0.0, 10.0) == pytest.approx(108 / 98)


def test_a_call_larger_than_the_bucket_goes_all_the_same():
    """A prompt of more tokens than half a second's worth is late, not impossible, and is paid back."""
    rates = Rates(tokens=6_000.0)
    assert rates.admit(0.0, 5_000.0) == 0.0
    assert rates.admit(0.0, 1.0) > 49


def test_anthropics_headers():
    """Anthropic's names are read like OpenAI's, against the reply's date."""
    now = datetime(2026, 11, 3, 10, tzinfo=UTC)
    headers = {
        "date": now.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": (now + timedelta(seconds=2)).isoformat(),
    }
    assert read_limit(headers, "requests") == (50, 49)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 100)), max_size=100), st.floats(1, 1e6))
def test_a_bucket_never_gives_more_than_it_was_filled_with(takes, per_minute):
    """Over any span, what was taken is at most the burst, the refill, and one oversized call."""
    bucket, now, taken, largest = Bucket(per_minute, 0.0), 0.0, 0.0, 0.0
    for pause, amount in takes:
        now += pause
        if bucket.wait(now, amount) == 0.0:
            bucket.take(amount)
            taken, largest = taken + amount, max(largest, amount)
    assert taken <= bucket.capacity + now * bucket.fill + largest + 1e-6
