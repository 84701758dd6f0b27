"""What goes on the wire for each form of Question."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._transport import DIALECTS, Transport
from ddb_aiquery._values import Endpoint, Form, Question, Secret
from ddb_aiquery.errors import CallError, RowError, SettingsError

ENDPOINT = Endpoint("a", "https://models.example/v1", "m", api_key=Secret("test-key"))
PNG, PDF = b"\x89PNG\r\n\x1a\nrest", b"%PDF-1.7 rest"
SEALING = Transport()


def sent(question, endpoint=ENDPOINT):
    """Return the path and the parsed body of a question."""
    envelope = SEALING.seal(endpoint, question)
    return envelope.path, json.loads(envelope.body)


def test_a_text_is_one_user_message():
    """A VARCHAR request becomes the smallest chat there is."""
    assert sent(Question("a", "hi")) == (
        "/chat/completions",
        {"messages": [{"content": "hi", "role": "user"}], "model": "m"},
    )


def test_messages_go_as_they_are():
    """A whole conversation is not changed, whatever fields its messages have."""
    given_messages = [{"role": "system", "content": "x"}, {"role": "user", "content": [{"type": "text", "text": "y"}]}]
    path, body = sent(Question("a", json.dumps(given_messages), Form.MESSAGES))
    assert (path, body["messages"]) == ("/chat/completions", given_messages)


def test_an_embedding_goes_to_its_own_path():
    """Text to embed is the input, without messages."""
    assert sent(Question("a", "hi", Form.EMBED)) == ("/embeddings", {"input": "hi", "model": "m"})


def test_a_record_goes_to_the_base_url_itself():
    """A custom endpoint gets MLflow's records, no digit of a number lost, and parameters beside them."""
    question = Question("a", '{"x": 12345678901234567890123.10}', Form.RECORD, parameters='{"k":1}')
    envelope = SEALING.seal(ENDPOINT, question)
    assert envelope.path == ""
    assert envelope.body == b'{"dataframe_records":[{"x": 12345678901234567890123.10}],"params":{"k":1}}'


def test_parameters_of_the_call_go_over_those_of_the_endpoint():
    """Both are in the body; where both say something, the call's counts; model and messages cannot be replaced."""
    endpoint = Endpoint("a", "https://models.example/v1", "m", parameters={"temperature": 0, "seed": 1})
    parameters = '{"temperature":1,"top_p":0.5,"model":"other","messages":[]}'
    body = sent(Question("a", "hi", parameters=parameters), endpoint)[1]
    assert (body["temperature"], body["seed"], body["top_p"], body["model"]) == (1, 1, 0.5, "m")
    assert body["messages"] == [{"content": "hi", "role": "user"}]


def test_the_order_inside_a_schema_is_kept():
    """Models write fields in the schema's order, so sorting stops at the body's own fields."""
    form = '{"type":"json_schema","json_schema":{"schema":{"properties":{"why":{},"answer":{}}}}}'
    body = SEALING.seal(ENDPOINT, Question("a", "hi", response_format=form)).body
    assert form.encode() in body
    assert list(json.loads(body)) == sorted(json.loads(body))


def test_a_stream_cannot_be_asked_for():
    """One row, one answer; the message says what to leave out."""
    with pytest.raises(CallError, match="stream"):
        sent(Question("a", "hi", parameters='{"stream":true}'))


@pytest.mark.parametrize(
    ("data", "media"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPrest", "image/webp"),
        (b"GIF89arest", "image/gif"),
        (b"GIF87arest", "image/gif"),
    ],
)
def test_an_image_follows_the_text(data, media):
    """A picture is recognised by its first bytes and goes along as a data URL."""
    content = sent(Question("a", "what?", files=(data,)))[1]["messages"][0]["content"]
    assert content[0] == {"text": "what?", "type": "text"}
    assert content[1]["image_url"]["url"].startswith(f"data:{media};base64,")


def test_a_pdf_is_a_file_block():
    """A document goes along as a file with a name."""
    block = sent(Question("a", "what?", files=(PDF,)))[1]["messages"][0]["content"][1]
    assert block["type"] == "file"
    assert block["file"]["filename"].endswith(".pdf")
    assert block["file"]["file_data"].startswith("data:application/pdf;base64,")


def test_files_join_the_last_thing_that_the_user_says():
    """Of several messages, the last one by the user gets the files; without one, they make a message."""
    said = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]
    messages = sent(Question("a", json.dumps(said), Form.MESSAGES, files=(PNG, PDF)))[1]["messages"]
    assert [m["content"] if isinstance(m["content"], str) else len(m["content"]) for m in messages] == ["a", 3, "c"]
    alone = json.dumps([{"role": "system", "content": "x"}])
    assert len(sent(Question("a", alone, Form.MESSAGES, files=(PNG,)))[1]["messages"]) == 2


@pytest.mark.parametrize(
    "question",
    [
        Question("a", "half \ud83d a character"),
        Question("a", "half \ud83d a character", files=(PNG,)),
        Question("a", "half \ud83d a character", Form.EMBED),
        Question("a", "no json", Form.MESSAGES),
        Question("a", "{}", Form.MESSAGES),
        Question("a", "[]", Form.MESSAGES),
        Question("a", '["text"]', Form.MESSAGES),
        Question("a", '{"a":', Form.RECORD),
        Question("a", '{"a":"\ud800"}', Form.RECORD),
        Question("a", "hi", files=(b"plain text",)),
        Question("a", "hi", files=(b"",)),
    ],
)
def test_what_cannot_be_sent_is_the_rows_error(question):
    """One row that cannot be written down is that row's failure, found before anything is sent."""
    with pytest.raises(RowError) as caught:
        SEALING.seal(ENDPOINT, question)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_base_url_that_nobody_may_call_is_a_settings_error():
    """A key is never made for an address that is refused."""
    with pytest.raises(SettingsError):
        SEALING.seal(Endpoint("a", "http://models.example/v1", "m"), Question("a", "hi"))


TEXTS = st.text(max_size=50) | st.sampled_from(["\ue000the question goes here\ue001", '"', "\\", "\x00", "\u2028"])


@given(TEXTS, st.sampled_from([Form.TEXT, Form.EMBED]))
def test_the_short_way_writes_what_the_dialect_writes(text, form):
    """Whatever the text, the body is byte for byte the one that the dialect would write in full."""
    question = Question("a", text, form, parameters='{"seed":3}')
    assert SEALING.seal(ENDPOINT, question).body == DIALECTS["openai"].body(ENDPOINT, question)


def test_a_parameter_that_looks_like_the_place_of_the_text_does_no_harm():
    """A body in which the text's place cannot be told is written in full."""
    parameters = json.dumps({"user": "\ue000the question goes here\ue001"}, ensure_ascii=False)
    question = Question("a", "hi", parameters=parameters)
    assert SEALING.seal(ENDPOINT, question).body == DIALECTS["openai"].body(ENDPOINT, question)


def test_letterheads_of_many_endpoints_do_not_mix():
    """Endpoints that come and go, as they do with each statement, always get their own body."""
    transport = Transport()
    for number in range(1000):
        endpoint = Endpoint("a", "https://models.example/v1", f"m{number}")
        assert json.loads(transport.seal(endpoint, Question("a", "hi")).body)["model"] == f"m{number}"
