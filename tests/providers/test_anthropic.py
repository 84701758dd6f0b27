"""Anthropic's Messages: what is sent for each kind of question, and what is read."""

from __future__ import annotations

import base64
import json

import pytest

from ddb_aiquery._values import Answer, Failure, Form, Kind, Question
from ddb_aiquery.errors import CallError, RowError
from ddb_aiquery.testing import Malformed, ScriptedEndpoint

from .conftest import target

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 8


def reply(*blocks, stop="end_turn", usage=None):
    """Return a Message with these blocks."""
    usage = usage or {"input_tokens": 3, "output_tokens": 5}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": list(blocks)}
    return Malformed(json.dumps({**message, "stop_reason": stop, "usage": usage}).encode())


TEXT = {"type": "text", "text": "Hello."}


def asked(ask, step, question=None, **fields):
    """Return the outcome of one Question and the request that was received."""
    with ScriptedEndpoint(lambda *_: step) as server:
        (outcome,) = ask(target(server.base_url, provider="anthropic", **fields), question or Question("test", "hi"))
        (received,) = server.received
    return outcome, received


def test_a_text_is_one_user_message(ask) -> None:
    """The limit that Anthropic demands is there, the key and the version are in their headers."""
    outcome, received = asked(ask, reply(TEXT))
    assert json.loads(received.body) == {
        "model": "m",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert received.path == "/v1/messages"
    assert (received.headers["x-api-key"], received.headers["anthropic-version"]) == ("test-key", "2023-06-01")
    assert "authorization" not in received.headers
    assert isinstance(outcome, Answer)
    assert (outcome.text, outcome.finish, outcome.model) == ("Hello.", "stop", "claude-x")
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (3, 5)


def test_a_conversation_is_translated(ask) -> None:
    """System messages leave the list, names and empty blocks go, images become sources, parameters their names."""
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    given = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "In French."}]},
        {"role": "user", "content": "hello", "name": "ann"},
        {"role": "assistant", "content": "Bonjour."},
        {
            "role": "user",
            "content": [{"type": "text", "text": ""}, {"type": "image_url", "image_url": {"url": url}}],
        },
    ]
    parameters = json.dumps({"max_completion_tokens": 7, "stop": "X", "temperature": 0.5})
    _, received = asked(ask, reply(TEXT), Question("test", json.dumps(given), Form.MESSAGES, parameters))
    body = json.loads(received.body)
    assert body["system"] == "Be brief.\n\nIn French."
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    assert body["messages"] == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "Bonjour."},
        {"role": "user", "content": [{"type": "image", "source": source}]},
    ]
    assert (body["max_tokens"], body["stop_sequences"], body["temperature"]) == (7, ["X"], 0.5)
    assert not {"stop", "max_completion_tokens"} & body.keys()


def test_files_are_sources(ask) -> None:
    """An image and a PDF go before the text."""
    _, received = asked(ask, reply(TEXT), Question("test", "look", files=(PNG, b"%PDF-1.7 x")))
    (message,) = json.loads(received.body)["messages"]
    assert [block["type"] for block in message["content"]] == ["image", "document", "text"]
    assert message["content"][1]["source"]["media_type"] == "application/pdf"


@pytest.mark.parametrize("kind", ["json_schema", "json_object"])
def test_a_format_is_a_tool_that_must_be_called(ask, kind) -> None:
    """The schema is the tool's input, and the tool's input is the answer."""
    schema = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}}
    wanted = {"type": kind, **({"json_schema": {"name": "x", "schema": schema}} if kind == "json_schema" else {})}
    call = {"type": "tool_use", "id": "t", "name": "answer", "input": {"b": 1, "a": "é"}}
    question = Question("test", "hi", response_format=json.dumps(wanted))
    outcome, received = asked(ask, reply(TEXT, call, stop="tool_use"), question)
    body = json.loads(received.body)
    assert body["tool_choice"] == {"type": "tool", "name": "answer"}
    assert body["tools"][0]["input_schema"] == (schema if kind == "json_schema" else {"type": "object"})
    assert "response_format" not in body
    assert isinstance(outcome, Answer)
    assert outcome.text == '{"b":1,"a":"é"}'


def test_all_tokens_that_were_read_are_counted(ask) -> None:
    """Those that Anthropic's prompt cache had are input too; thoughts are kept apart."""
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 5}
    outcome, _ = asked(ask, reply({"type": "thinking", "thinking": "Hm."}, TEXT, usage=usage))
    assert isinstance(outcome, Answer)
    assert (outcome.usage.input_tokens, outcome.reasoning) == (113, "Hm.")


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (reply(TEXT, stop="max_tokens"), Kind.TRUNCATED),
        (reply(TEXT, stop="model_context_window_exceeded"), Kind.TRUNCATED),
        (reply(stop="refusal"), Kind.REFUSED),
        (reply(TEXT, stop="pause_turn"), Kind.INVALID),
        (reply(), Kind.INVALID),
        (reply({"type": "tool_use", "name": "search", "input": {}}, stop="tool_use"), Kind.ROW),
        (Malformed(b"[]"), Kind.INVALID),
        (Malformed(b"<html>"), Kind.INVALID),
        (Malformed(b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', 529), Kind.REJECTED),
        (Malformed(b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}', 429), Kind.REJECTED),
        (Malformed(b'{"type":"error","error":{"type":"authentication_error","message":"no"}}', 401), Kind.ENDPOINT),
        (Malformed(b'{"type":"error","error":{"type":"invalid_request_error","message":"bad"}}', 400), Kind.ROW),
        (
            Malformed(
                b'{"type":"error","error":{"type":"invalid_request_error",'
                b'"message":"Your credit balance is too low to access the API."}}',
                400,
            ),
            Kind.ENDPOINT,
        ),
    ],
)
def test_what_is_no_answer_is_a_failure_of_its_kind(ask, step, kind) -> None:
    """Ends of turns, errors and nonsense."""
    outcome, _ = asked(ask, step)
    assert isinstance(outcome, Failure)
    assert outcome.kind is kind


def test_what_anthropic_does_not_have_is_said_before_the_call(ask) -> None:
    """No embeddings, no custom models, no conversation without a user."""
    endpoint = target("http://127.0.0.1:1/v1", provider="anthropic")
    with pytest.raises(CallError, match="embeddings"):
        ask(endpoint, Question("test", "hi", Form.EMBED))
    with pytest.raises(RowError, match="no message of the user"):
        ask(endpoint, Question("test", '[{"role":"system","content":"x"}]', Form.MESSAGES))
