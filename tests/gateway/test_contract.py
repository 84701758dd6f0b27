"""What clients send, and what they get."""

from __future__ import annotations

import base64
import json
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

import ddb_aiquery

from .conftest import CALL, TOKEN, body

CHATS = [
    "/v1/chat/completions",
    "/serving-endpoints/chat/completions",
    "/serving-endpoints/test/invocations",
    "/ai-gateway/mlflow/v1/chat/completions",
]


@pytest.mark.parametrize("path", CHATS)
def test_a_chat_completion_has_all_that_some_client_needs(client, path) -> None:
    """Every field that servers_clients.md section 4 names is there, at each path."""
    reply = client.post(path, json=body("hello"))
    assert reply.status_code == 200
    assert reply.headers["served-model-name"] == "m"
    said = reply.json()
    assert said["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "echo: hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert said["object"] == "chat.completion"
    assert said["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    assert {"id", "created", "model"} <= said.keys()


def test_a_second_identical_call_sends_nothing(gateway, client) -> None:
    """The answer of one path serves every other, and SQL's engine over the same cache."""
    before = gateway.upstream.requests
    for count, path in enumerate(CHATS):
        reply = client.post(path, json=body("asked once", temperature=0.5))
        assert reply.headers["x-ddb-aiquery-cached"] == str(count > 0).lower()
    (answer,) = ddb_aiquery.complete("test", ["asked once"], config=gateway.config, parameters={"temperature": 0.5})
    assert answer.cached
    assert gateway.upstream.requests == before + 1


def test_equal_questions_at_once_are_asked_once(gateway) -> None:
    """Clients that ask the same while it is under way wait for the same answer."""
    before = gateway.upstream.requests
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: gateway.chat("slow:0.4"), range(16)))
    assert {reply.status_code for reply in replies} == {200}
    assert gateway.upstream.requests == before + 1


def test_what_goes_upstream_is_the_question(gateway, client) -> None:
    """Messages, parameters and a response format arrive; what only says how to answer does not."""
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a list, please"}]
    extra = {"n": 1, "stream": False, "client_request_id": "c1", "usage_context": {"a": "b"}, "seed": 3}
    fields = {"extra_params": {"top_p": "0.9"}, "stop": ["X"], "max_tokens": 9, "response_format": schema}
    reply = client.post("/serving-endpoints/test/invocations", json={"messages": messages, **extra, **fields})
    assert reply.status_code == 200
    received = gateway.upstream.received[-1]
    assert received.headers["authorization"] == "Bearer upstream-key"
    assert json.loads(received.body) == {
        "model": "m",
        "messages": messages,
        "seed": 3,
        "top_p": 0.9,
        "stop": ["X"],
        "max_tokens": 9,
        "response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}},
    }


def test_a_stream_is_the_whole_answer_in_pieces(client) -> None:
    """Role, pieces, end, usage and [DONE], all in `data:` lines, for a new answer and a stored one."""
    prompt = "long " * 200
    for _ in range(2):
        sent = body(prompt, stream=True, stream_options={"include_usage": True})
        reply = client.post("/v1/chat/completions", json=sent)
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in reply.text.split("\n\n") if line]
        assert all(line.startswith("data: ") for line in lines)
        assert lines[-1] == "data: [DONE]"
        events = [json.loads(line[6:]) for line in lines[:-1]]
        assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(e["choices"][0]["delta"].get("content", "") for e in events[:-1]) == f"echo: {prompt}"
        assert events[-2]["choices"][0]["finish_reason"] == "stop"
        assert events[-1]["choices"] == []
        assert events[-1]["usage"]["total_tokens"] > 0


def test_a_cut_off_answer_ends_with_length(client) -> None:
    """What SQL calls a failure, a chat client knows as finish_reason length; the text is there."""
    (choice,) = client.post("/v1/chat/completions", json=body("truncated")).json()["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("length", "half an ans")


def test_a_refusal_is_a_message(client) -> None:
    """A model that declines is heard in `refusal`."""
    (choice,) = client.post("/v1/chat/completions", json=body("refused")).json()["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert "rather not" in choice["message"]["refusal"]


TOOLS = {"tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]}


@pytest.mark.parametrize(("prompt", "content"), [("tool", None), ("tool:Let me see.", "Let me see.")])
def test_a_tool_that_the_model_calls_is_passed_on(gateway, client, prompt, content) -> None:
    """What SQL has no use for, a chat client goes on from: the call comes whole and as a stream, and is never stored."""
    before = gateway.upstream.requests
    (choice,) = client.post("/v1/chat/completions", json=body(prompt, **TOOLS)).json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {"role": "assistant", "content": content, "refusal": None, "tool_calls": [CALL]}
    text = client.post("/v1/chat/completions", json=body(prompt, stream=True, **TOOLS)).text
    events = [json.loads(line[6:])["choices"][0] for line in text.split("\n\n") if line.startswith("data: {")]
    assert [call for event in events for call in event["delta"].get("tool_calls", [])] == [{"index": 0, **CALL}]
    assert events[-1]["finish_reason"] == "tool_calls"
    assert gateway.upstream.requests == before + 2
    (answer,) = ddb_aiquery.complete("test", [prompt], config=gateway.config, fail_on_error=False)
    assert "called a tool" in answer.message


@pytest.mark.parametrize("left_out", [False, True])
def test_a_tools_result_is_answered(gateway, client, left_out) -> None:
    """The conversation goes on with the call and what came of it; the call's content may be null or not there."""
    asked = {"role": "user", "content": f"weather? {left_out}"}
    called = {"role": "assistant", "tool_calls": [CALL], **({} if left_out else {"content": None})}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
    reply = client.post("/v1/chat/completions", json={"model": "test", "messages": [asked, called, result], **TOOLS})
    assert reply.status_code == 200
    sent = json.loads(gateway.upstream.received[-1].body)
    assert sent["messages"] == [asked, {"role": "assistant", "tool_calls": [CALL]}, result]
    assert sent["tools"] == TOOLS["tools"]


def test_reasoning_is_streamed_too(client) -> None:
    """What the whole answer has in `reasoning_content`, a stream has in pieces before the text."""
    whole = client.post("/v1/chat/completions", json=body("think")).json()["choices"][0]["message"]
    text = client.post("/v1/chat/completions", json=body("think", stream=True)).text
    deltas = [json.loads(line[6:])["choices"][0]["delta"] for line in text.split("\n\n") if line.startswith("data: {")]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == whole["reasoning_content"] == "hm " * 200
    assert "".join(delta.get("content", "") for delta in deltas) == "42"


def test_embeddings_come_as_lists_or_packed(client) -> None:
    """One vector a text, in order; base64 holds the same numbers as 32-bit floats."""
    sent = {"model": "vectors", "input": ["a", "b", "a"]}
    plain = client.post("/v1/embeddings", json=sent).json()["data"]
    assert [entry["index"] for entry in plain] == [0, 1, 2]
    assert plain[0]["embedding"] == plain[2]["embedding"] != plain[1]["embedding"]
    packed = client.post("/serving-endpoints/embeddings", json={**sent, "encoding_format": "base64"}).json()["data"]
    data = base64.b64decode(packed[1]["embedding"])
    assert struct.unpack(f"<{len(data) // 4}f", data) == pytest.approx(plain[1]["embedding"])
    single = client.post("/serving-endpoints/vectors/invocations", json={"input": "b"}).json()["data"]
    assert single[0]["embedding"] == plain[1]["embedding"]


@pytest.mark.parametrize(
    "fields",
    [
        {"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}},
        {"dataframe_split": {"index": [7, 9], "columns": ["a", "b"], "data": [[1, 2], [3, 4]]}, "inputs": None},
        {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"inputs": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
    ],
)
def test_a_custom_endpoint_predicts(client, fields) -> None:
    """MLflow's ways to send records lead to one prediction each."""
    reply = client.post("/serving-endpoints/sums/invocations", json=fields)
    assert reply.json() == {"predictions": [{"sum": 3}, {"sum": 7}]}


def test_endpoints_are_listed_as_a_workspace_lists_them(client) -> None:
    """Names, tasks and readiness; one without its key is not ready; a slash at the end changes nothing."""
    listed = {e["name"]: e for e in client.get("/api/2.0/serving-endpoints").json()["endpoints"]}
    assert listed.keys() == {"test", "vectors", "sums", "limited", "keyless"}
    assert (listed["test"]["task"], listed["vectors"]["task"]) == ("llm/v1/chat", "llm/v1/embeddings")
    assert listed["test"]["state"]["ready"] == "READY"
    assert listed["keyless"]["state"]["ready"] == "NOT_READY"
    assert client.get("/api/2.0/serving-endpoints/").json()["endpoints"]
    assert client.get("/api/2.0/serving-endpoints/test").json() == listed["test"]
    assert [m["id"] for m in client.get("/serving-endpoints/models").json()["data"]] == list(listed)
    assert client.get("/v1/models/test").json()["id"] == "test"


def test_health_and_discovery_need_no_token(gateway) -> None:
    """The Databricks SDK's first request is answered at once, and so is a health check."""
    with gateway.client(authorization="") as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/.well-known/databricks-config").status_code == 404
        assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
        assert client.head("/health").content == b""


def test_basic_auth_is_the_token_as_password(gateway) -> None:
    """`curl -u token:$TOKEN` works, with any user's name."""
    pair = base64.b64encode(f"token:{TOKEN}".encode()).decode()
    with gateway.client(authorization=f"Basic {pair}") as client:
        assert client.get("/v1/models").status_code == 200


def test_metrics_count(client) -> None:
    """Prometheus finds requests, questions, tokens and the pools."""
    client.post("/v1/chat/completions", json=body("counted"))
    client.post("/v1/chat/completions", json=body("counted"))
    text = client.get("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values["ddb_aiquery_questions_total"]) >= 2
    assert float(values["ddb_aiquery_cached_total"]) >= 1
    assert float(values['ddb_aiquery_requests_total{status="200"}']) >= 2
    assert 'ddb_aiquery_concurrency_limit{endpoint="test"}' in values
