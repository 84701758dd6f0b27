"""One contract, over a file and over memory."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddb_aiquery._cache import open_store
from ddb_aiquery._values import Answer, Failure, Kind, Usage

EVERY_CHARACTER = st.text(st.characters(exclude_categories=()), max_size=40)


def test_an_answer_comes_back_as_it_was_and_marked_cached(store, record, key):
    """What was put is got, field by field."""
    answer = Answer("t", Usage(1, 2, estimated=True), "stop", "model", "because", "req", note="repaired")
    store.put_many([record("a", answer)])
    expected = Answer("t", Usage(1, 2, estimated=True), "stop", "model", "because", "req", True, "repaired")
    assert store.get_many([key("a"), key("b")]) == {key("a"): expected}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(EVERY_CHARACTER, min_size=7, max_size=7), tokens=st.integers(0, 2**80))
def test_any_text_round_trips(store, record, key, texts, tokens):
    """NUL, emoji and lone surrogates survive in every field; absurd token counts do no harm."""
    text, finish, model, reasoning, request_id, note, endpoint = texts
    answer = Answer(text, Usage(tokens, 1), finish, model, reasoning, request_id, note=note)
    store.put_many([record("a", answer, endpoint=endpoint)])
    got = store.get_many([key("a")])[key("a")]
    assert (got.text, got.finish, got.model) == (text, finish, model)
    assert (got.reasoning, got.request_id, got.note) == (reasoning, request_id, note)
    assert got.usage.input_tokens == min(tokens, 2**62)


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "😀" * 1_000, "\ud800", "x" * 5_000_000])
def test_hard_texts_round_trip(store, record, key, text):
    """Empty, NUL, emoji, a lone surrogate and five megabytes come back as they were."""
    store.put_many([record("a", Answer(text), request=text.encode("utf-8", "surrogatepass"))])
    assert store.get_many([key("a")])[key("a")].text == text


def test_a_failure_is_never_served_and_its_text_is_kept(store, record, key):
    """A truncated answer is listed with its cost, and asked again."""
    store.put_many([record("a", Failure(Kind.TRUNCATED, "cut off", usage=Usage(9, 9), text="half an ans"))])
    assert store.get_many([key("a")]) == {}
    (row,) = [row for batch in store.failures() for row in batch.to_pylist()]
    assert (row["kind"], row["message"], row["text"], row["times"]) == ("truncated", "cut off", "half an ans", 1)


def test_a_failure_never_hides_an_answer(store, record, key):
    """The answer that was paid for stays when a later try fails."""
    store.put_many([record("a")])
    store.put_many([record("a", Failure(Kind.FAILED, "500"))])
    assert store.get_many([key("a")])[key("a")].text == "answer a"


def test_failures_of_one_question_are_one_row_that_adds_up(store, record):
    """A question that fails for ever does not fill the disk, and its bill stays whole."""
    store.put_many([record("a", Failure(Kind.FAILED, "first"))])
    store.put_many([record("a", Failure(Kind.CAST, "second"))])
    (row,) = [row for batch in store.failures() for row in batch.to_pylist()]
    assert (row["message"], row["times"], round(row["cost_usd"] * 1e6)) == ("second", 2, 14)


def test_the_latest_answer_wins(store, record, key):
    """Also within one batch."""
    store.put_many([record("a", Answer("1")), record("a", Answer("2"))])
    assert store.get_many([key("a")])[key("a")].text == "2"
    store.put_many([record("a", Answer("3"))])
    assert store.get_many([key("a")])[key("a")].text == "3"


def test_many_keys_are_found_in_one_go(store, record, key):
    """More keys than one statement takes, hits and misses and repeats mixed."""
    store.put_many([record(n) for n in range(25_000)])
    found = store.get_many([key(n) for n in range(30_000)] + [key(1)])
    assert found.keys() == {key(n) for n in range(25_000)}


def test_nothing_asked_is_nothing_done(store):
    """Empty batches are no error."""
    store.put_many([])
    store.release_many([])
    claims = store.claim_many([])
    assert (store.get_many([]), claims.ours, claims.answered, claims.theirs) == ({}, frozenset(), {}, frozenset())


def test_a_claim_sees_answers_and_claims_the_rest(store, record, key):
    """Look and claim are one step, and a claim made twice is still ours."""
    store.put_many([record("a")])
    for _ in range(2):
        claims = store.claim_many([key("a"), key("b"), key("b")])
        assert (claims.ours, set(claims.answered), claims.theirs) == ({key("b")}, {key("a")}, frozenset())


def test_threads_share_a_store(store, record, key):
    """Readers and writers at once lose nothing and raise nothing."""
    wrong: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for n in range(30):
                store.put_many([record(f"{name}-{n}")])
                assert store.get_many([key(f"{name}-{n}")])
                store.claim_many([key(f"c{n}")])
                store.release_many([key(f"c{n}")])
        except BaseException as error:  # noqa: BLE001 (whatever it is, the main thread shows it)
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert store.stats().answers == 180


def test_a_cooldown_only_grows(store):
    """The longest wait that anybody was told is everybody's."""
    assert store.cooldown("e") == 0.0
    store.set_cooldown("e", 50.0)
    store.set_cooldown("e", 20.0)
    assert (store.cooldown("e"), store.cooldown("other")) == (50.0, 0.0)


def test_tokens_are_taken_or_waited_for(store):
    """A bucket starts full, fills with time, never above its capacity, and lends once from full."""

    def take(n: float, now: float) -> float:
        return store.take_tokens("b", 10.0, 2.0, n, now)

    assert [take(8, 100.0), take(8, 100.0), take(8, 103.0)] == [0.0, 3.0, 0.0]
    assert [take(10, 1_000.0), take(1, 1_000.0)] == [0.0, 0.5]
    assert [take(30, 2_000.0), take(1, 2_000.0)] == [0.0, 10.5]
    assert take(1, 1_990.0) == 10.5, "a clock that steps back fills nothing"
    assert [take(1, 1_000.0), take(1, 1_011.0)] == [10.5, 0.0], "and one that is set right holds nobody up"
    assert store.take_tokens("dry", 1.0, 0.0, 1.0, 0.0) == 0.0
    assert store.take_tokens("dry", 1.0, 0.0, 1.0, 9.0) == float("inf")


def test_lessons_are_remembered(store):
    """The latest lesson of a name counts."""
    store.learn("e", "temperature", "refused")
    store.learn("e", "max_tokens", "max_completion_tokens")
    store.learn("e", "temperature", "1 only")
    assert store.lessons("e") == {"temperature": "1 only", "max_tokens": "max_completion_tokens"}
    assert store.lessons("other") == {}


def test_the_ledger_stops_at_the_limit(store):
    """Spent and reserved together never pass the limit, and settling frees what was not spent."""
    assert store.reserve("d", 60, 100)
    assert not store.reserve("d", 41, 100)
    assert store.reserve("d", 40, 100)
    store.settle("d", 60, 10)
    assert not store.reserve("d", 51, 100)
    assert store.reserve("d", 50, 100)
    assert not store.reserve("d", 1, 100)
    assert store.reserve("next day", 100, 100)


def test_runs_are_written_down(store):
    """A run comes back with every key, what was not told as None, in the order of writing."""
    store.record_run({"id": "r1", "at": 5.0, "sql": "SELECT '\0'", "rows": 3, "cost_micro": 2**70, "else": "ignored"})
    store.record_run({"id": "r2", "at": 4.0, "endpoint": "e", "seconds": 1.5})
    first, second = store.runs()
    assert (first["id"], first["sql"], first["rows"], first["cost_micro"]) == ("r1", "SELECT '\0'", 3, 2**62)
    assert (second["endpoint"], second["seconds"], second["label"]) == ("e", 1.5, None)
    assert first.keys() == second.keys()


def test_answers_are_listed_with_their_prompt(store, record):
    """A listing shows the last message, shortened, and the whole request on demand."""
    said = '{"messages":[{"role":"system","content":"s"},{"role":"user","content":"%s"}]}' % ("é" * 3_000)
    store.put_many([record("a", request=said.encode()), record("b", request=b"\xff\0 no JSON")])
    first, second = [row for batch in store.answers(whole=True) for row in batch.to_pylist()]
    assert first["prompt"] == "é" * 199 + "…"
    assert first["request"] == said
    assert second["prompt"] == "\ufffd\0 no JSON"
    assert (first["text"], first["endpoint"], first["cost_usd"]) == ("answer a", "e", 7e-06)
    assert next(store.answers()).schema.names[0] == "key"


def test_listings_come_in_batches(store, record):
    """Every row once, whatever the number."""
    store.put_many([record(n) for n in range(5_000)])
    assert sum(batch.num_rows for batch in store.answers()) == 5_000


def test_stats_and_clear(store, record):
    """Clearing is by age and endpoint, and says what went."""
    assert store.stats().oldest is None
    store.put_many([record("a", at=10.0), record("b", at=20.0), record("c", at=30.0, endpoint="other")])
    store.put_many([record("d", Failure(Kind.CAST, "no"), at=10.0)])
    stats = store.stats()
    assert (stats.answers, stats.failures, stats.cost_micro, stats.oldest, stats.newest) == (3, 1, 28, 10.0, 30.0)
    assert stats.bytes > 0
    assert store.clear(older_than=20.0) == 1
    assert store.stats().failures == 0
    assert store.clear(endpoint="other") == 1
    assert store.clear() == 1
    assert store.stats().answers == 0


def test_a_forgetful_store_forgets_answers_and_keeps_runs(record, key):
    """Without a cache nothing is carried from run to run, yet usage is counted."""
    with open_store(None) as store:
        store.put_many([record("a")])
        store.record_run({"id": "r", "at": 1.0})
        store.forget()
        assert store.get_many([key("a")]) == {}
        assert [run["id"] for run in store.runs()] == ["r"]


def test_a_file_store_forgets_nothing(directory, record, key):
    """The end of a run is nothing to a cache on disk, nor is the end of the process's use of it."""
    with open_store(directory) as store:
        store.put_many([record("a")])
        store.forget()
        store.close()
        assert store.get_many([key("a")])
    with open_store(directory) as again:
        assert again.get_many([key("a")])
