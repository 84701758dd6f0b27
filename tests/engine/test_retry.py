import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._engine.luck import MARGIN, Luck, Lucks
from ddb_aiquery._engine.retry import FRESH, Again, GiveUp, Stamina, decide
from ddb_aiquery._values import Failure, Kind

STAMINA = Stamina()


def half():
    return 0.5


def busy(calls=10_000, now=0.0):
    """An endpoint that has answered many calls and failed none."""
    return Luck(heard=now, calls=calls)


def ask(failure, luck, *, answering, stamina=STAMINA, until=100_000.0):
    """Let one question fail the same way until it is given up; return its re-sends, the time, the verdict."""
    attempts, now, resends = FRESH, 0.0, 0
    while now < until:
        luck.sent()
        luck.failed(failure.kind)
        verdict = decide(stamina, attempts, failure, luck, now, half)
        if isinstance(verdict, GiveUp):
            return resends, now, verdict
        attempts, now, resends = verdict.attempts, now + verdict.wait, resends + 1
        if answering:
            luck.answered(now)
    return resends, now, None


@pytest.mark.parametrize(("kind", "resends"), [(Kind.FAILED, 8), (Kind.AMBIGUOUS, 5), (Kind.INVALID, 2)])
def test_a_row_that_alone_fails_is_given_up_after_its_limit(kind, resends):
    """A question is asked again as often as its kind of failure allows, and the endpoint stays open."""
    count, _, verdict = ask(Failure(kind, "scripted"), busy(), answering=True)
    assert count == resends
    assert verdict.endpoint is False


@pytest.mark.parametrize(
    "kind", [Kind.ROW, Kind.REFUSED, Kind.TRUNCATED, Kind.CAST, Kind.CANCELLED, Kind.BUDGET, Kind.ENDPOINT]
)
def test_what_asking_again_cannot_cure_is_not_asked_again(kind):
    """Final failures end the question at once, and only one kind of them the endpoint."""
    assert decide(STAMINA, FRESH, Failure(kind, "no"), busy(), 0.0, half) == GiveUp("no", kind is Kind.ENDPOINT)


def test_luck_is_not_the_rows_fault():
    """Where a sixth of all calls fail, three failures of one row prove nothing, so it is asked on."""
    luck = busy()
    luck.failures[Kind.AMBIGUOUS] = 1_800
    count, _, _ = ask(Failure(Kind.AMBIGUOUS, "reset"), luck, answering=True)
    assert 6 <= count <= 12


def test_possibly_paid_calls_are_sent_again_only_up_to_a_share():
    """An endpoint whose every reply is lost is not paid twice for every row."""
    luck, resends = Luck(heard=0.0), 0
    for _ in range(1_000):
        count, _, _ = ask(Failure(Kind.AMBIGUOUS, "timeout"), luck, answering=False)
        resends += count
    assert resends <= STAMINA.ambiguous_floor + STAMINA.ambiguous_share * luck.calls


def test_an_endpoint_that_cannot_be_reached_is_down_after_a_minute():
    """Refused connections and nothing else for 60 s, where somebody was once, end the statement, not only the row."""
    _, seconds, verdict = ask(Failure(Kind.NOT_SENT, "refused"), Luck(heard=0.0), answering=False)
    assert 60 <= seconds <= 120
    assert verdict.endpoint is True


def test_an_endpoint_where_nobody_was_ever_met_is_down_after_ten_seconds():
    """A server that was not started, or an address with a slip in it, is told before one goes for a coffee."""
    luck = Luck(heard=0.0, met=False)
    _, seconds, verdict = ask(Failure(Kind.NOT_SENT, "refused"), luck, answering=False)
    assert 10 <= seconds <= 30
    assert verdict.endpoint is True


@pytest.mark.parametrize(
    ("ended", "under_way", "met"),
    [
        (Failure(Kind.NOT_SENT, "refused"), None, False),
        (Failure(Kind.NOT_SENT, "refused"), STAMINA.connect + 1, False),
        (Failure(Kind.NOT_SENT, "refused"), STAMINA.connect + MARGIN, True),
        (Failure(Kind.REJECTED, "starting", 503), None, True),
        (None, None, True),
    ],
)
def test_somebody_is_met_by_a_reply_or_by_a_call_that_is_not_refused(ended, under_way, met):
    """Whatever came back shows that somebody is there, and so does a call that has been under way for seconds."""
    lucks = Lucks(STAMINA.connect)
    if under_way is not None:
        lucks.sent("a run", "a slow call", 0.0)
    lucks.sent("a run", "a call", 0.0)
    assert lucks.heard("a run", "a call", ended, under_way or 0.1).met is met
    assert lucks.heard("the next", "a call", Failure(Kind.NOT_SENT, "refused"), 60.0).met is (met or bool(under_way))


def test_a_model_that_starts_up_is_waited_for():
    """Ten minutes of 503 are a cold start; fifteen are the end."""
    _, seconds, verdict = ask(Failure(Kind.REJECTED, "starting", 503), Luck(heard=0.0), answering=False)
    assert 900 <= seconds <= 960
    assert verdict.endpoint is True


def test_a_rejected_row_waits_while_others_are_answered():
    """Rejections are not the row's fault: for an hour it keeps its place as long as others are answered."""
    _, seconds, verdict = ask(Failure(Kind.REJECTED, "429", 429), busy(), answering=True)
    assert 3600 <= seconds <= 3700
    assert verdict.endpoint is False


def test_a_wait_that_was_asked_for_is_not_held_against_the_row():
    """An endpoint that says `wait 20 minutes` is obeyed, though the row's deadline is ten."""
    verdict = decide(STAMINA, FRESH, Failure(Kind.REJECTED, "429", 429, wait=1200.0), Luck(heard=0.0), 0.0, half)
    assert isinstance(verdict, Again)
    assert verdict.wait == pytest.approx(1200 * 1.125)
    again = decide(STAMINA, verdict.attempts, Failure(Kind.REJECTED, "429", 429), Luck(heard=0.0), verdict.wait, half)
    assert isinstance(again, Again)


def test_waits_do_not_go_on_for_ever():
    """A row that is told to wait again and again is given up after an hour of it."""
    _, seconds, _ = ask(Failure(Kind.REJECTED, "429", 429, wait=60.0), Luck(heard=0.0), answering=False)
    assert 3600 <= seconds <= 3800


def test_unlucky_rows_are_not_left_for_last():
    """While others are answered, a rejected row waits two seconds at most; where nobody is, ever longer."""
    waits = {}
    for answering in (True, False):
        attempts, now, luck = FRESH, 0.0, busy()
        waits[answering] = []
        for _ in range(STAMINA.failed):
            luck.failed(Kind.REJECTED)
            verdict = decide(STAMINA, attempts, Failure(Kind.REJECTED, "429", 429), luck, now, lambda: 0.9)
            attempts, now = verdict.attempts, now + verdict.wait
            waits[answering].append(verdict.wait)
            if answering:
                luck.answered(now)
    assert max(waits[True]) <= 2.0
    assert max(waits[False]) > 20.0


def test_a_row_does_not_hammer_on_a_tiny_wait():
    """`Retry-After: 0.001` for ever brings some hundred calls in an hour, not a million."""
    count, _, _ = ask(Failure(Kind.REJECTED, "429", 429, wait=0.001), busy(), answering=True)
    assert count < 500


def test_a_turn_waited_for_is_not_held_against_the_row():
    """Time in the queue is taken off the account."""
    verdict = decide(STAMINA, FRESH, Failure(Kind.NOT_SENT, "x"), Luck(heard=0.0), 0.0, half)
    assert isinstance(verdict, Again)
    later = verdict.attempts.held(500.0)
    assert isinstance(decide(STAMINA, later, Failure(Kind.NOT_SENT, "x"), Luck(heard=0.0), 501.0, half), Again)
    assert FRESH.held(5.0) is FRESH


@pytest.mark.parametrize("kind", [Kind.NOT_SENT, Kind.FAILED, Kind.AMBIGUOUS, Kind.INVALID])
@pytest.mark.parametrize("deadline", [0.1, 3.0, 10.0])
def test_no_call_begins_after_the_deadline(kind, deadline):
    """Whatever else a failure allows, a row is given up rather than asked again when its time is over."""
    stamina = Stamina(row_deadline=deadline)
    _, seconds, verdict = ask(Failure(kind, "scripted"), busy(), answering=True, stamina=stamina)
    assert isinstance(verdict, GiveUp)
    assert seconds <= deadline


@given(st.floats(), st.floats(0, 1, exclude_max=True), st.sampled_from(Kind))
def test_every_wait_is_sane(wait, chance, kind):
    """No server's number makes a wait negative, endless or longer than an hour and a quarter."""
    verdict = decide(STAMINA, FRESH, Failure(kind, "x", wait=wait), busy(), 0.0, lambda: chance)
    if isinstance(verdict, Again):
        assert 0.0 < verdict.wait <= 3600 * 1.25


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8))
def test_backoff_spreads_between_its_base_and_its_cap(chances):
    """Decorrelated jitter: each wait lies between the base and three times the last, and never above the cap."""
    attempts, last = FRESH, STAMINA.base
    for chance in chances:
        verdict = decide(STAMINA, attempts, Failure(Kind.FAILED, "500"), busy(), 0.0, lambda chance=chance: chance)
        assert isinstance(verdict, Again)
        assert STAMINA.base <= verdict.wait <= min(STAMINA.cap, 3 * last)
        attempts, last = verdict.attempts, verdict.wait
