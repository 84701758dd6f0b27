import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import simulate

from ddb_aiquery._engine.pace import FULL, Pace
from ddb_aiquery._values import Failure, Kind

SEEDS = [1, 2, 3]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mix", ["even", "usual"])
def test_thirty_percent_faults_lose_no_row(mix, seed):
    """Every question is answered and hardly a call is made that the faults did not force."""
    out = simulate(f"A 30 % faults, {mix} mix", seed)
    assert out.answered == out.rows
    assert out.excess <= 0.05
    assert out.seconds <= out.ideal / 0.65


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("concurrency", [64, 128, 256])
def test_a_rate_limit_in_headers_is_kept(concurrency, seed):
    """With a limit that the replies tell, at most 0.5 % of calls are rejected and 95 % of the limit is used."""
    out = simulate("B 50/s, headers", seed, concurrency)
    assert out.answered == out.rows
    assert out.rejected <= 0.005 * out.calls
    assert out.ideal >= 0.95 * out.seconds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("concurrency", [64, 128, 256])
def test_a_rate_limit_without_headers_is_found(concurrency, seed):
    """With a limit that nobody tells, at most 10 % of calls are rejected and 85 % of the limit is used."""
    out = simulate("B 50/s, no headers", seed, concurrency)
    assert out.answered == out.rows
    assert out.rejected <= 0.10 * out.calls
    assert out.ideal >= 0.85 * out.seconds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("headers", ["headers", "no headers"])
def test_a_rate_limit_and_faults_together(headers, seed):
    """Faults do not hide the limit, nor the limit the faults."""
    out = simulate(f"C 50/s + 30 %, {headers}", seed)
    assert out.answered == out.rows
    # The faults are drawn, so calls spread around N/(1-p) by 0.4 % (one standard deviation) on their own.
    assert out.excess <= (0.012 if headers == "headers" else 0.10)
    assert out.ideal >= 0.70 * out.seconds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("how", ["slow 503", "fast 503", "slow 500", "ruins all"])
def test_a_server_that_collapses_is_kept_below_the_edge(how, seed):
    """A server that fails above 16 calls at once gets at most 6 % too many and gives 70 % of what it can."""
    out = simulate(f"D collapse > 16, {how}", seed)
    assert out.answered == out.rows
    assert out.excess <= 0.06
    assert out.ideal >= 0.70 * out.seconds


@pytest.mark.parametrize("seed", SEEDS)
def test_a_collapse_is_found_under_random_faults(seed):
    """Random faults of 30 % do not hide where the server collapses."""
    out = simulate("E collapse + 30 %", seed)
    assert out.answered == out.rows
    assert out.excess <= 0.06


@pytest.mark.parametrize(("concurrency", "most"), [(64, 1.05), (256, 1.15)])
def test_a_healthy_endpoint_is_kept_full(concurrency, most):
    """With nothing wrong, 10,000 questions take what the concurrency makes unavoidable and little more."""
    out = simulate("no faults, 200 ms", 1, concurrency, rows=10_000)
    assert out.calls == out.rows
    assert out.seconds <= most * out.ideal


def test_scouts_go_first():
    """Sixty-four calls go ahead; the first reply lets the rest follow."""
    pace = Pace(128)
    assert [pace.admit(0.0) for _ in range(65)] == [0.0] * 64 + [FULL]
    pace.done(0.1)
    assert [pace.admit(0.1) for _ in range(66)] == [0.0] * 65 + [FULL]
    assert pace.in_flight == 128


def test_slow_scouts_hold_nobody_back():
    """After a second without a reply the rest may go: the model is slow, not wrong."""
    pace = Pace(128)
    for _ in range(64):
        pace.admit(0.0)
    assert pace.admit(0.9) == FULL
    assert pace.admit(1.0) == 0.0


def test_the_servers_wait_holds_for_all():
    """One question's Retry-After is everybody's, and no call goes before it is over."""
    pace = Pace(4)
    pace.admit(0.0)
    pace.done(1.0, Failure(Kind.REJECTED, "429", 429, wait=20.0))
    assert pace.cooldown_until == 21.0
    assert pace.admit(11.0) == 10.0
    assert pace.admit(21.0) == 0.0


@given(st.floats())
def test_a_mad_wait_is_clamped(wait):
    """No number in a header can stop an endpoint for more than an hour, or break the arithmetic."""
    pace = Pace(4)
    pace.admit(0.0)
    pace.done(0.0, Failure(Kind.REJECTED, "429", 429, wait=wait))
    assert 0.0 <= pace.admit(0.0) <= 3600.0


def test_a_call_that_is_not_sent_frees_its_place():
    """It gives back its place, its request and its tokens, and says nothing about the endpoint."""
    pace = Pace(1, requests_per_minute=60.0, tokens_per_minute=60.0)
    assert pace.admit(0.0, 1.0) == 0.0
    pace.not_sent(reserved=1.0)
    assert (pace.in_flight, pace.admit(0.0, 1.0)) == (0, 0.0)


KINDS = st.sampled_from([None, None, None, *Kind])


@given(st.lists(st.tuples(KINDS, st.floats(0, 3)), max_size=400), st.integers(1, 300))
def test_the_limit_stays_within_its_bounds(calls, most):
    """Whatever happens, between 1 and max_concurrency calls may go, and every wait ends."""
    pace, now = Pace(most), 0.0
    for kind, pause in calls:
        now += pause
        wait = pace.admit(now)
        assert wait >= 0.0
        assert math.isfinite(wait)
        if wait == 0.0:
            pace.done(now, None if kind is None else Failure(kind, "scripted"))
        assert 1 <= pace.limit <= most
    assert pace.in_flight == 0


def test_an_endpoint_that_comes_back_is_used_again():
    """After everything failed for long, the width comes back when answers do."""
    pace, now = Pace(64), 0.0
    for turn in range(4_000):
        now += 1.0
        batch = 0
        while pace.admit(now) == 0.0:
            batch += 1
        for _ in range(batch):
            pace.done(now + 0.5, Failure(Kind.REJECTED, "503", 503) if turn < 200 else None)
    assert pace.limit == 64
