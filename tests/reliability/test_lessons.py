from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ddb_aiquery.testing import Malformed, ScriptedEndpoint, Status, Truncated


def refuse(message: str, param: str | None = None) -> Malformed:
    """A 400 in OpenAI's words."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": "unsupported_parameter"}
    return Malformed(json.dumps({"error": error}).encode(), 400)


def picky(prompt: str, request: dict[str, Any]) -> Any:
    """A model that takes no sampling, no max_tokens, no schema and no system role; each in words seen in the wild."""
    if "temperature" in request:
        return refuse(
            "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is "
            "supported.",
            "temperature",
        )
    if "max_tokens" in request:
        return refuse(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
        )
    wanted = request.get("response_format", {}).get("json_schema", {})
    if "strict" in wanted:
        return Malformed(
            json.dumps(
                {
                    "detail": [
                        {
                            "type": "extra_forbidden",
                            "loc": ["body", "response_format", "json_schema", "strict"],
                            "msg": "Extra inputs are not permitted",
                        }
                    ]
                }
            ).encode(),
            422,
        )
    if wanted:
        return refuse("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.")
    if any(message["role"] == "system" for message in request["messages"]):
        return refuse("System role not supported")
    return '{"a": 7}' if "JSON" in prompt else f"ok {prompt}"


GIVEN = "modelParameters => {'temperature': 0.2, 'max_tokens': 50}"
ASK = f"SELECT count(ai_query('test', 'p' || i, {GIVEN})) FROM range(300) t(i)"


def test_refused_parameters_are_left_out(open_plain: Callable[..., Any]) -> None:
    """What an endpoint refuses costs as many rejected calls as were under way, then none: rows do not notice."""
    with ScriptedEndpoint(picky) as server:
        con = open_plain(server.settings("test", max_concurrency=8))
        assert con.execute(ASK).fetchall() == [(300,)]
        assert server.answered == 300
        assert server.requests <= 300 + 2 * 8
        body = json.loads(server.received[-1].body)
        assert "temperature" not in body
        assert "max_tokens" not in body
        assert body["max_completion_tokens"] == 50


def test_a_lesson_is_kept_for_the_next_process(open_plain: Callable[..., Any], python: Callable[..., Any]) -> None:
    """Another process starts with what was learnt; the answers are the same, under the key of the question as asked."""
    with ScriptedEndpoint(picky) as server:
        con = open_plain(server.settings("test"))
        con.execute(ASK).fetchall()
        server.reset_counts()
        again = f"""
            import duckdb, ddb_aiquery
            con = ddb_aiquery.register(duckdb.connect(), config={server.settings("test")!r})
            print(con.execute({ASK!r}).fetchall())
            print(con.execute({ASK.replace("300", "320")!r}).fetchall())
            print(con.execute("SELECT learnt FROM ai_endpoints()").fetchall())
        """
        done = python(again)
        assert done.stdout.splitlines()[:2] == ["[(300,)]", "[(320,)]"], done.stderr
        assert server.requests == server.answered == 20
        assert "temperature: left out" in done.stdout
        assert "max_tokens: max_completion_tokens" in done.stdout


def test_a_refused_schema_is_asked_for_in_words(open_plain: Callable[..., Any]) -> None:
    """Without strict first, then without response_format, whose schema goes into the prompt."""
    with ScriptedEndpoint(picky) as server:
        con = open_plain(server.settings("test"))
        sql = "SELECT ai_query('test', 'give a', responseFormat => 'STRUCT<r: STRUCT<a: INT>>').a"
        assert con.execute(sql).fetchall() == [(7,)]
        last = json.loads(server.received[-1].body)
        assert "response_format" not in last
        assert '"a"' in last["messages"][-1]["content"]
        assert server.requests == 3
        assert con.execute("SELECT DISTINCT note FROM ai_cache()").fetchall() == [
            ("without strict, without response_format",)
        ]


def test_a_refused_system_role_is_said_by_the_user(open_plain: Callable[..., Any]) -> None:
    """The instructions stand before what the user says."""
    with ScriptedEndpoint(picky) as server:
        con = open_plain(server.settings("test"))
        sql = "SELECT ai_query('test', [{'role': 'system', 'content': 'be brief'}, {'role': 'user', 'content': 'hi'}])"
        assert con.execute(sql).fetchall() == [("ok be brief\n\nhi",)]


@pytest.mark.parametrize(
    ("message", "parameters"),
    [
        (
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 1, but got 1.5 instead.",
            "{'temperature': 1.5}",
        ),
        ("Unrecognized request argument supplied: temprature", "{'temprature': 0.5}"),
        ("Invalid schema for response_format 'x': 'format' is not permitted.", "{'temperature': 0.5}"),
    ],
)
def test_a_mistake_stays_an_error(open_plain: Callable[..., Any], message: str, parameters: str) -> None:
    """A wrong value and an unknown parameter are the user's to mend: nothing is left out in silence."""
    with ScriptedEndpoint(lambda _p, _r: refuse(message, "temperature")) as server:
        con = open_plain(server.settings("test"))
        with pytest.raises(Exception, match="RowError"):
            con.execute(f"SELECT ai_query('test', 'x', modelParameters => {parameters})").fetchall()
        assert server.requests == 1


def test_what_is_refused_for_ever_ends(open_plain: Callable[..., Any]) -> None:
    """An endpoint that finds fault with whatever is sent costs a few calls and then an error."""

    def answer(_prompt: str, request: dict[str, Any]) -> Any:
        name = next((n for n in ("max_tokens", "max_completion_tokens", "top_p", "messages") if n in request), "")
        return refuse(f"Unsupported parameter: '{name}'", name)

    with ScriptedEndpoint(answer) as server:
        con = open_plain(server.settings("test"))
        with pytest.raises(Exception, match="Unsupported parameter: 'messages'"):
            con.execute("SELECT ai_query('test', 'x', modelParameters => {'max_tokens': 5, 'top_p': 0.5})").fetchall()
        assert server.requests <= 5


def test_a_truncated_answer_gets_more_room_once(open_plain: Callable[..., Any]) -> None:
    """With retry_truncated_tokens a cut-off answer is asked for once more; both calls are paid and kept."""

    def answer(prompt: str, request: dict[str, Any]) -> Any:
        return f"all of {prompt}" if request.get("max_tokens", 0) >= 900 else Truncated("half of it")

    with ScriptedEndpoint(answer) as server:
        con = open_plain(server.settings("test", retry_truncated_tokens=900, parameters={"max_tokens": 100}))
        assert con.execute("SELECT ai_query('test', 'it')").fetchall() == [("all of it",)]
        assert con.execute("SELECT ai_query('test', 'it')").fetchall() == [("all of it",)]
        assert server.requests == server.billed == 2
        assert con.execute("SELECT kind, text FROM ai_errors()").fetchall() == [("truncated", "half of it")]


@pytest.mark.parametrize("room", [None, 50, 100, 500])
def test_a_truncated_answer_is_flagged_in_its_row(open_plain: Callable[..., Any], room: int | None) -> None:
    """Without more room, or cut off again: an error in its row, what came back is kept, the neighbours are answered."""
    with ScriptedEndpoint(lambda p, _r: Truncated("half") if p == "p1" else p) as server:
        options = {} if room is None else {"retry_truncated_tokens": room}
        con = open_plain(server.settings("test", parameters={"max_tokens": 100}, **options))
        call = "ai_query('test', 'p' || i, failOnError => false)"
        sql = f"SELECT r.response, r.errorMessage FROM (SELECT {call} AS r FROM range(3) t(i))"
        found = con.execute(sql).fetchall()
        assert [response for response, _ in found] == ["p0", None, "p2"]
        assert "cut off" in found[1][1]
        assert server.requests == (4 if room == 500 else 3)
        assert con.execute("SELECT kind, text, times FROM ai_errors()").fetchall() == [
            ("truncated", "half", 2 if room == 500 else 1)
        ]


def test_a_wrong_endpoint_status_is_no_lesson(open_plain: Callable[..., Any]) -> None:
    """Only 400 and 422 teach; a 404 that names a parameter does not."""
    with ScriptedEndpoint(lambda _p, _r: Status(404, message="temperature not supported")) as server:
        con = open_plain(server.settings("test", parameters={"temperature": 0.1}))
        with pytest.raises(Exception, match="EndpointError"):
            con.execute("SELECT ai_query('test', 'x')").fetchall()
        assert server.requests == 1
