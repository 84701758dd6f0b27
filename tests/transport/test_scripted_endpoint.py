"""The public scripted endpoint and the guard, as a user's own tests would use them."""

import asyncio
import contextlib
import gc
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

import httpx
import pytest

from ddb_aiquery._transport import Transport
from ddb_aiquery._values import Answer, Endpoint, Kind, Question
from ddb_aiquery.testing import (
    CalledOut,
    Collapse,
    Cut,
    FirstOf,
    Malformed,
    Mixture,
    RateLimited,
    Refusal,
    Reset,
    ScriptedEndpoint,
    Slow,
    Status,
    Truncated,
    no_calls_out,
)


def ask_all(endpoint, prompts, width=8):
    """Ask every prompt once, `width` at a time, and return the outcomes in order."""

    async def exchange():
        transport, target = Transport(), Endpoint("a", endpoint.base_url, "m", max_concurrency=width)
        gate = asyncio.Semaphore(width)

        async def one(prompt):
            async with gate:
                return (await transport.send(target, transport.seal(target, Question("a", prompt))))[0]

        outcomes = await asyncio.gather(*map(one, prompts))
        await transport.close()
        return outcomes

    return asyncio.run(exchange())


def test_counts_tell_what_was_asked_and_answered():
    """Requests, answers, prompts and tokens, exactly, and still there after the end."""
    with ScriptedEndpoint() as endpoint:
        ask_all(endpoint, ["a", "b", "a"])
    assert (endpoint.requests, endpoint.answered, endpoint.billed, endpoint.rejected) == (3, 3, 3, 0)
    assert endpoint.prompts == Counter({"a": 2, "b": 1})
    assert (endpoint.counts.input_tokens, endpoint.counts.output_tokens) == (3, 6)


def test_counts_start_again_when_told():
    """reset_counts returns what was and leaves zero."""
    with ScriptedEndpoint() as endpoint:
        ask_all(endpoint, ["a"])
        assert endpoint.reset_counts().requests == 1
        assert endpoint.requests == 0
        assert endpoint.received == []


def test_each_step_does_what_it_says():
    """A sequence gives each request its fault; after its end, answers come as usual."""
    steps = [
        *(Status(429, retry_after=1.5), Status(500), Truncated("cut"), Refusal("no")),
        *(Cut(20), Reset(), Malformed(b"{"), Slow(0.001), Slow(0.001, Status(503)), None),
    ]
    with ScriptedEndpoint(script=steps) as endpoint:
        outcomes = ask_all(endpoint, ["hi"] * 11, width=1)
    kinds = [outcome.kind if not isinstance(outcome, Answer) else outcome.text for outcome in outcomes]
    assert kinds == [
        *(Kind.REJECTED, Kind.FAILED, Kind.TRUNCATED, Kind.REFUSED),
        *(Kind.AMBIGUOUS, Kind.AMBIGUOUS, Kind.INVALID, "echo: hi", Kind.REJECTED, "echo: hi", "echo: hi"),
    ]
    assert outcomes[0].wait == 1.5
    # Truncated, refused, cut and three plain answers were generated; the cut one was not received.
    assert (endpoint.billed, endpoint.answered, endpoint.rejected) == (6, 5, 2)


def test_the_answer_may_be_a_step():
    """The answer function can misbehave on what is asked."""
    with ScriptedEndpoint(lambda prompt, _: Status(400) if prompt == "bad" else "ok") as endpoint:
        outcomes = ask_all(endpoint, ["bad", "good"])
    assert (outcomes[0].kind, outcomes[1].text) == (Kind.ROW, "ok")


def test_an_answer_that_is_no_text_is_sent_as_json():
    """Structured answers need no dumping in the test."""
    with ScriptedEndpoint(lambda *_: {"a": [1, None]}) as endpoint:
        assert ask_all(endpoint, ["x"])[0].text == '{"a":[1,null]}'


def test_without_an_answer_function_a_schema_is_kept():
    """The built-in answer is an instance of the schema that the request asks for."""
    schema = {
        "type": "object",
        "properties": {
            "mood": {"enum": ["good", "bad"]},
            "score": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "maybe": {"type": ["null", "boolean"]},
        },
    }
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    request = {"messages": [{"role": "user", "content": "hi"}], "response_format": form}
    with ScriptedEndpoint() as endpoint:
        reply = httpx.post(endpoint.base_url + "/chat/completions", json=request, trust_env=False).json()
    answer = httpx.Response(200, text=reply["choices"][0]["message"]["content"]).json()
    assert answer["mood"] in {"good", "bad"}
    assert answer == {"mood": answer["mood"], "score": 2, "tags": ["hi"], "maybe": True}


def test_an_exception_in_the_answer_function_is_raised_at_the_end():
    """A mistake in the test does not pass as a fault of the endpoint."""

    def broken(*_):
        raise KeyError("mistake")

    with pytest.raises(RuntimeError, match="mistake"), ScriptedEndpoint(broken) as endpoint:
        assert ask_all(endpoint, ["x"])[0].kind is Kind.FAILED


def test_peak_is_the_most_at_once():
    """The high-water mark of requests that were being answered."""
    with ScriptedEndpoint(latency=0.05) as endpoint:
        ask_all(endpoint, [str(i) for i in range(30)], width=10)
        assert endpoint.peak == 10


def test_a_rate_limit_rejects_what_is_over_it_and_says_so():
    """A bucket of two: two answers, then 429 with a wait and the headers of the limit."""
    with ScriptedEndpoint(script=RateLimited(per_second=0.01, burst=2, headers=True)) as endpoint:
        outcomes = ask_all(endpoint, ["a", "b", "c"], width=1)
        request = {"messages": [{"role": "user", "content": "d"}]}
        headers = httpx.post(endpoint.base_url + "/chat/completions", json=request, trust_env=False).headers
    assert [isinstance(outcome, Answer) for outcome in outcomes] == [True, True, False]
    assert 0 < outcomes[2].wait <= 100
    assert headers["x-ratelimit-limit-requests"] == "1"
    assert headers["x-ratelimit-remaining-requests"] == "0"


def test_a_collapse_begins_above_its_limit():
    """Eight at once are fine, sixteen are not."""
    with ScriptedEndpoint(latency=0.02, script=Collapse(above=8)) as endpoint:
        assert all(isinstance(outcome, Answer) for outcome in ask_all(endpoint, ["x"] * 40, width=8))
        ask_all(endpoint, ["x"] * 40, width=16)
        assert endpoint.rejected > 0


def test_a_mixture_is_the_same_for_the_same_seed():
    """Faults by chance can be repeated."""

    def kinds(seed):
        with ScriptedEndpoint(script=Mixture({Status(500): 0.3, Status(429): 0.3}, seed=seed)) as endpoint:
            return [getattr(outcome, "kind", None) for outcome in ask_all(endpoint, ["x"] * 40, width=1)]

    assert kinds(1) == kinds(1) != kinds(2)
    assert set(kinds(1)) == {Kind.FAILED, Kind.REJECTED, None}
    with pytest.raises(ValueError, match="more than 1"):
        Mixture({Status(500): 0.8, Status(429): 0.8})


def test_the_first_script_that_speaks_decides():
    """Policies over one endpoint: a sequence first, then a limit."""
    script = FirstOf([None, Status(500)], RateLimited(per_second=0.01, burst=2))
    with ScriptedEndpoint(script=script) as endpoint:
        outcomes = ask_all(endpoint, ["x"] * 4, width=1)
    assert [getattr(outcome, "kind", None) for outcome in outcomes] == [None, Kind.FAILED, None, Kind.REJECTED]


def test_it_runs_in_a_process_of_its_own():
    """The same behaviour without a shared GIL: answers, scripts and counts cross the border."""
    with ScriptedEndpoint(shout_from_elsewhere(), script=[Status(429)], process=True) as endpoint:
        outcomes = ask_all(endpoint, ["a", "b"], width=1)
        assert endpoint.requests == 2
        assert endpoint.received[1].path == "/v1/chat/completions"
    assert (outcomes[0].kind, outcomes[1].text) == (Kind.REJECTED, "echo: b")
    assert endpoint.prompts == {"b": 1}


def shout_from_elsewhere():
    """Return a function that any process can import."""
    from ddb_aiquery.testing._dialogue import default_answer  # noqa: PLC0415 (only this test looks inside)

    return default_answer


def test_a_process_takes_only_what_can_be_imported():
    """A lambda cannot cross; the message says what can."""
    with pytest.raises(ValueError, match="imported by name"):
        ScriptedEndpoint(lambda *_: "x", process=True).start()


def test_settings_are_a_config_for_connect():
    """The dict has the endpoint under its name and as the default; options go over it."""
    with ScriptedEndpoint(model="small") as endpoint:
        settings = endpoint.settings("mine", max_concurrency=3, api_key="other")
        entry = {"base_url": endpoint.base_url, "model": "small", "api_key": "other", "max_concurrency": 3}
    assert settings == {"endpoints": {"mine": entry}, "defaults": {"endpoint": "mine"}}


def test_models_are_listed_and_other_paths_are_not_there():
    """The control plane's one question is answered."""
    with ScriptedEndpoint(model="small") as endpoint:
        listed = httpx.get(endpoint.base_url + "/models", trust_env=False).json()
        assert [model["id"] for model in listed["data"]] == ["small"]
        assert httpx.get(endpoint.base_url + "/else", trust_env=False).status_code == 404
        assert httpx.post(endpoint.base_url, content=b"no json", trust_env=False).status_code == 400


def test_equal_texts_have_equal_vectors():
    """Embeddings are deterministic, of length 1, and as long as asked."""
    with ScriptedEndpoint() as endpoint:
        request = {"input": ["a", "b", "a"], "model": "m", "dimensions": 4}
        data = httpx.post(endpoint.base_url + "/embeddings", json=request, trust_env=False).json()["data"]
    vectors = [entry["embedding"] for entry in data]
    assert vectors[0] == vectors[2] != vectors[1]
    assert [len(vector) for vector in vectors] == [4, 4, 4]
    assert sum(x * x for x in vectors[0]) == pytest.approx(1, abs=1e-4)


def test_the_guard_stops_other_libraries_too():
    """Any Python socket that would leave this machine raises; loopback goes on."""
    with no_calls_out(), ScriptedEndpoint() as endpoint:
        with pytest.raises(CalledOut), socket.socket() as outward:
            outward.connect(("192.0.2.1", 80))
        assert isinstance(ask_all(endpoint, ["x"])[0], Answer)


def test_the_guard_stops_paid_calls_in_child_processes():
    """A process that is started under the guard refuses as well."""
    code = """
import asyncio
import contextlib
import gc
from ddb_aiquery._transport import Transport
from ddb_aiquery._values import Endpoint, Question
transport, endpoint = Transport(), Endpoint("a", "https://192.0.2.1/v1", "m")
print(asyncio.run(transport.send(endpoint, transport.seal(endpoint, Question("a", "hi"))))[0].message)
"""
    with no_calls_out():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "192.0.2.1 was not called" in done.stdout


def test_the_guard_puts_the_environment_back():
    """What was set before is set after, nested guards included."""
    before = os.environ.get("DDB_AIQUERY_ALLOW")
    with no_calls_out(), no_calls_out():
        assert os.environ["DDB_AIQUERY_ALLOW"] == "loopback"
    assert os.environ.get("DDB_AIQUERY_ALLOW") == before


def test_it_needs_no_test_framework():
    """Importing the public module brings no pytest and no hypothesis."""
    code = "import sys, ddb_aiquery.testing; print({'pytest', 'hypothesis'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_who_connects_while_it_closes_leaves_no_socket_open():
    """Connections that come in the moment of closing are dropped like the others."""

    def hurry(address):
        clients = []
        with contextlib.ExitStack() as stack:
            while len(clients) < 300:
                clients.append(stack.enter_context(socket.socket()))
                clients[-1].setblocking(False)
                clients[-1].connect_ex(address)

    for _ in range(20):
        with ScriptedEndpoint() as endpoint:
            port = int(endpoint.base_url.rsplit(":", 1)[1].split("/")[0])
            thread = threading.Thread(target=hurry, args=[("127.0.0.1", port)])
            thread.start()
            time.sleep(0.003)
        thread.join()
    gc.collect()  # a socket that is still open then is a warning, and so an error
