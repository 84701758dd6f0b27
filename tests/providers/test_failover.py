"""What an endpoint cannot answer, its fallbacks are asked."""

from __future__ import annotations

import duckdb
import pytest

import ddb_aiquery
from ddb_aiquery._settings import load
from ddb_aiquery.errors import EndpointError, RowError, UnknownEndpoint
from ddb_aiquery.testing import ScriptedEndpoint, Status


@pytest.fixture
def pair():
    """Two endpoints, `first` with `other` as its fallback; `down` decides what becomes of first's requests."""
    steps = {"step": Status(401, code="invalid_api_key", message="no")}
    with (
        ScriptedEndpoint(lambda p, _: f"first {p}", script=lambda _: steps["step"]) as first,
        ScriptedEndpoint(lambda p, _: f"other {p}") as other,
    ):
        config = {
            "endpoints": {
                "first": {"base_url": first.base_url, "fallbacks": ["other"], "max_concurrency": 4},
                "other": {"base_url": other.base_url, "max_concurrency": 4},
            }
        }
        yield first, other, config, steps


def test_a_fallback_answers_and_its_answer_says_so(pair) -> None:
    """Every row is answered by the fallback, once, and each answer bears the mark."""
    first, other, config, _ = pair
    answers = ddb_aiquery.complete("first", [f"q{i}" for i in range(40)] + ["q1"], config=config)
    assert [a.text for a in answers] == [f"other q{i}" for i in range(40)] + ["other q1"]
    assert {a.note for a in answers} == {"fallback: other"}
    assert other.prompts == {f"q{i}": 1 for i in range(40)}
    assert first.requests <= 4  # the rest knew


def test_a_fallbacks_answer_is_never_the_first_ones(pair) -> None:
    """Once the first endpoint is back it is asked itself; the fallback's answer stays the fallback's."""
    _, other, config, steps = pair
    assert ddb_aiquery.complete("first", ["q"], config=config)[0].text == "other q"
    steps["step"] = None
    (own,) = ddb_aiquery.complete("first", ["q"], config=config)
    assert (own.text, own.note, own.cached) == ("first q", "", False)
    (direct,) = ddb_aiquery.complete("other", ["q"], config=config)
    assert (direct.text, direct.note, direct.cached) == ("other q", "", True)
    assert other.requests == 1


def test_sql_falls_back_too(pair) -> None:
    """A statement over many rows ends well on the fallback."""
    _, _, config, _ = pair
    with duckdb.connect() as con:
        ddb_aiquery.register(con, config=config)
        rows = con.execute("SELECT ai_query('first', 'p' || i) FROM range(100) t(i) ORDER BY i").fetchall()
    assert rows == [(f"other p{i}",) for i in range(100)]


def test_a_wrong_question_is_wrong_everywhere(pair) -> None:
    """A 400 fails its row and asks nobody else."""
    _, other, config, steps = pair
    steps["step"] = Status(400, message="bad temperature")
    with pytest.raises(RowError, match="bad temperature"):
        ddb_aiquery.complete("first", ["q"], config=config)
    assert other.requests == 0


def test_when_all_fail_the_message_names_both(pair) -> None:
    """The error tells why the first failed and why its fallback did."""
    _, _, config, _ = pair
    config["endpoints"]["other"]["base_url"] = config["endpoints"]["first"]["base_url"] + "/nowhere"
    with pytest.raises(EndpointError, match=r"HTTP 401.*then at the fallback 'other': HTTP 401"):
        ddb_aiquery.complete("first", ["q"], config=config)


def test_a_question_that_the_fallback_cannot_be_asked_keeps_its_failure(pair) -> None:
    """A fallback without embeddings is no fallback for one: the first failure stands."""
    _, other, config, _ = pair
    config["endpoints"]["first"]["task"] = "embedding"
    config["endpoints"]["other"] |= {"provider": "anthropic", "api_key": "k" * 10}
    with pytest.raises(EndpointError, match="HTTP 401"):
        ddb_aiquery.complete("first", ["q"], config=config)
    assert other.requests == 0


def test_fallbacks_may_name_each_other_and_must_exist() -> None:
    """Two endpoints may stand in for each other; an unknown name is an error at once."""
    entry = {"base_url": "http://127.0.0.1:1/v1"}
    settings = load({"endpoints": {"a": {**entry, "fallbacks": ["b"]}, "b": {**entry, "fallbacks": ["a", "c"]}}})
    assert [e.name for e in settings.endpoint("a").fallbacks] == ["b"]
    assert settings.endpoint("a").fallbacks[0].fallbacks == ()
    with pytest.raises(UnknownEndpoint, match="'c'"):
        settings.endpoint("b")


def test_a_rejecting_endpoint_is_left_after_its_patience(pair) -> None:
    """Refusals that outlast the patience with an endpoint that has fallbacks go to the fallback."""
    _, _, config, steps = pair
    steps["step"] = Status(500, message="broken")
    config["endpoints"]["first"]["deadline_seconds"] = 1
    (answer,) = ddb_aiquery.complete("first", ["q"], config=config)
    assert answer.text == "other q"
