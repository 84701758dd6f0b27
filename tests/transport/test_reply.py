"""What every kind of reply is read as, and that no reply can raise."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddb_aiquery._transport import DIALECTS
from ddb_aiquery._values import Answer, Failure, Kind, Reply, Usage

OUTCOME = DIALECTS["openai"].outcome


def reply(body, status=200, **headers):
    """Return a Reply with a body given as bytes, text or JSON value."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def chat(content="hi", finish="stop", **message):
    """Return a chat completion."""
    return {
        "id": "chatcmpl-1",
        "model": "served",
        "choices": [{"message": {"content": content, **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }


def test_a_complete_reply_is_an_answer():
    """Text, tokens, finish reason, served model and request id are read."""
    assert OUTCOME(reply(chat())) == Answer("hi", Usage(3, 5), "stop", "served", request_id="chatcmpl-1")


def test_the_header_names_the_request_before_the_body():
    """x-request-id is what a provider's support asks for."""
    assert OUTCOME(reply(chat(), x_request_id="req-9")).request_id == "req-9"


@pytest.mark.parametrize("finish", ["stop", "eos", "eos_token", "end_turn", "stop_sequence", "tool_calls"])
def test_complete_finish_reasons(finish):
    """Each way to say that the model was done."""
    assert OUTCOME(reply(chat(finish=finish))) == Answer("hi", Usage(3, 5), finish, "served", request_id="chatcmpl-1")


@pytest.mark.parametrize(
    ("finish", "kind"),
    [
        ("length", Kind.TRUNCATED),
        ("max_tokens", Kind.TRUNCATED),
        ("model_context_window_exceeded", Kind.TRUNCATED),
        ("content_filter", Kind.REFUSED),
        ("refusal", Kind.REFUSED),
        ("banana", Kind.INVALID),
        ("", Kind.INVALID),
        (None, Kind.INVALID),
        (7, Kind.INVALID),
    ],
)
def test_finish_reasons_that_are_no_answer(finish, kind):
    """Cut off, declined or unknown: never an answer, the text and the bill are kept."""
    outcome = OUTCOME(reply(chat(finish=finish)))
    assert (outcome.kind, outcome.text, outcome.usage, outcome.status) == (kind, "hi", Usage(3, 5), 200)


def test_reasoning_that_ate_all_tokens_says_so():
    """No content and `length`: the remedy is in the message."""
    outcome = OUTCOME(reply(chat(content="", finish="length", reasoning_content="hm")))
    assert outcome.kind is Kind.TRUNCATED
    assert "reasoning" in outcome.message
    assert "max_tokens" in outcome.message


def test_a_refusal_is_no_answer():
    """message.refusal has the words; the finish reason may be stop."""
    outcome = OUTCOME(reply(chat(content=None, refusal="I cannot.")))
    assert (outcome.kind, outcome.text) == (Kind.REFUSED, "I cannot.")


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        ("", "", ""),
        ("a\x00b", "a\x00b", ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab", ""),
        ([{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "a"}], "a", "t"),
        (
            [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]}, {"type": "text", "text": "a"}],
            "a",
            "t",
        ),
        ([{"type": "reasoning", "text": "t"}, "a", {"type": "new"}, None, 3], "a", "t"),
        ([{"type": "text", "text": None}], "", ""),
    ],
)
def test_content_is_text_or_blocks(content, text, reasoning):
    """Text blocks are joined, reasoning is kept apart, unknown blocks are left out."""
    outcome = OUTCOME(reply(chat(content=content)))
    assert (outcome.text, outcome.reasoning) == (text, reasoning)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_beside_the_content(field):
    """Servers that put reasoning into a field of its own."""
    assert OUTCOME(reply(chat(**{field: "hm"}))).reasoning == "hm"


@pytest.mark.parametrize(
    ("content", "finish"),
    [(None, "tool_calls"), ("", "tool_calls"), ("Let me see.", "tool_calls"), ("", "stop"), ([], "stop")],
)
def test_a_tool_call_is_the_rows_failure(content, finish):
    """Asking again would bring another tool call; it is kept for who can follow it, and never taken for an answer."""
    outcome = OUTCOME(reply(chat(content=content, finish=finish, tool_calls=[{"id": "1"}])))
    assert (outcome.kind, "tool" in outcome.message) == (Kind.ROW, True)
    assert (outcome.text, outcome.tool_calls) == (content or "", '[{"id":"1"}]')


def test_a_tool_that_the_server_called_itself_leaves_the_answer():
    """The text is the answer where the model stopped by itself."""
    outcome = OUTCOME(reply(chat(content="found it", finish="stop", tool_calls=[{"id": "1"}])))
    assert outcome.text == "found it"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 5}, Usage(3, 5)),
        ({"input_tokens": 3, "output_tokens": 5}, Usage(3, 5)),
        ({"prompt_tokens": 3, "total_tokens": 3}, Usage(3, 0)),
        ({"prompt_tokens": 3.0, "completion_tokens": 5.0}, Usage(3, 5)),
        ({"prompt_tokens": 3}, Usage(3, 10, estimated=True)),
        ({}, Usage(0, 10, estimated=True)),
        (None, Usage(0, 10, estimated=True)),
        ([], Usage(0, 10, estimated=True)),
        ({"prompt_tokens": -3, "completion_tokens": True}, Usage(0, 10, estimated=True)),
        ({"prompt_tokens": "3", "completion_tokens": 10**400}, Usage(0, 10, estimated=True)),
    ],
)
def test_usage_is_reported_or_estimated(usage, expected):
    """Numbers that make no sense are not believed; the text gives an estimate, and it is called one."""
    assert OUTCOME(reply({**chat(content="x" * 40), "usage": usage})).usage == expected


def test_an_embedding_is_its_json_list():
    """The vector comes as text that SQL casts."""
    body = {"data": [{"embedding": [0.5, -1, 0.25]}], "model": "e", "usage": {"prompt_tokens": 2, "total_tokens": 2}}
    assert OUTCOME(reply(body)) == Answer("[0.5,-1,0.25]", Usage(2, 0), "stop", "e")


@pytest.mark.parametrize(
    ("prediction", "text"),
    [("a", "a"), (1.5, "1.5"), ({"b": [1]}, '{"b":[1]}'), (False, "false"), (10**30, str(10**30))],
)
def test_a_prediction_is_text_or_json(prediction, text):
    """A custom endpoint's first prediction, text as it is and anything else as JSON."""
    assert OUTCOME(reply({"predictions": [prediction]})).text == text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"<html>Sign in</html>",
        b"data: {}\n\n",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe\x00",
        {},
        {"error": {"message": "no"}},
        {"error": "no"},
        {"choices": []},
        {"choices": [None]},
        {"choices": None},
        {"choices": [{}]},
        {"choices": [{"message": None, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": 7}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": []}, "finish_reason": "stop"}]},
        {"data": []},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": ["a"]}]},
        {"data": [{"embedding": [True]}]},
        b'{"data": [{"embedding": [NaN]}]}',
        b'{"data": [{"embedding": [1e999]}]}',
        {"data": [{"embedding": [10**400]}]},
        {"predictions": []},
        {"predictions": [None]},
    ],
)
def test_a_success_without_an_answer_is_invalid(body):
    """Status 200 alone is no answer."""
    outcome = OUTCOME(reply(body))
    assert outcome.kind is Kind.INVALID
    assert outcome.message.isprintable()
    assert len(outcome.message) <= 320


@pytest.mark.parametrize(
    ("content", "text", "note"),
    [
        (b'"\\ud800x"', "\ufffdx", "repaired"),
        (b'"x\\udc00\\ud83d"', "x\ufffd\ufffd", "repaired"),
        (b'"\\ud83d\\ude00"', "\U0001f600", ""),
        (b'"a\xffb"', "a\ufffdb", "repaired"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd", "repaired"),
    ],
)
def test_broken_text_is_repaired_and_says_so(content, text, note):
    """Half characters and bytes that are no UTF-8 become U+FFFD; the answer was paid for and is kept."""
    body = b'{"choices":[{"message":{"content":' + content + b'},"finish_reason":"stop"}]}'
    outcome = OUTCOME(reply(body))
    assert (outcome.text, outcome.note) == (text, note)
    outcome.text.encode()


@pytest.mark.parametrize("odd", [b"NaN", b"1e999", b"-Infinity", b"9" * 5000, b"1" * 200])
def test_odd_numbers_elsewhere_do_not_cost_the_answer(odd):
    """A field that nobody reads may hold what JSON does not allow."""
    body = b'\xef\xbb\xbf{"created":' + odd + b',"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
    assert OUTCOME(reply(body)).text == "hi"
    assert OUTCOME(reply(body)).note == ""


@pytest.mark.parametrize("depth", [200, 300, 900, 980, 1000, 1020, 2000])
@pytest.mark.parametrize("field", [b'"predictions"', b'"error"', b'"choices"', b'"data"', b'"detail"'])
@pytest.mark.parametrize("status", [200, 400])
def test_nesting_at_any_parsers_limit_is_an_outcome(depth, field, status):
    """The parsers give up at different depths; none of them lets an exception out."""
    body = b"{" + field + b":" + b"[" * depth + b"]" * depth + b"}"
    assert isinstance(OUTCOME(reply(body, status)), Answer | Failure)


FIELDS = st.sampled_from(
    [
        *("choices", "message", "content", "finish_reason", "usage", "prompt_tokens", "error", "code", "data", "id"),
        *("embedding", "predictions", "type", "text", "refusal", "tool_calls", "model", "innererror", "detail"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())) | FIELDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=400)
@given(VALUES, st.sampled_from([200, 200, 200, 204, 301, 400, 429, 500, 502, 503]))
def test_any_json_is_an_answer_or_a_failure(value, status):
    """Whatever a field holds, reading ends in an outcome whose texts can be stored and shown."""
    outcome = OUTCOME(reply(value, status))
    assert isinstance(outcome, Answer | Failure)
    outcome.text.encode()
    assert outcome.request_id.isprintable()
    if isinstance(outcome, Failure):
        assert outcome.message.isprintable()
    else:
        outcome.reasoning.encode()


@given(st.binary(max_size=60), st.integers(0, 999))
def test_any_bytes_under_any_status_are_an_outcome(body, status):
    """Nothing that a socket can bring raises."""
    assert isinstance(OUTCOME(reply(body, status)), Answer | Failure)


@given(st.integers(0, 300), st.binary(min_size=1, max_size=3))
def test_a_damaged_reply_is_an_outcome(at, noise):
    """A few bytes changed anywhere in a good reply."""
    good = json.dumps(chat("Grüße", reasoning_content="hm"), ensure_ascii=False).encode()
    assert isinstance(OUTCOME(reply(good[:at] + noise + good[at + len(noise) :])), Answer | Failure)
