"""The door of the room: sealing, sending, refusing and closing."""

import asyncio

import pytest

from ddb_aiquery._transport import Transport
from ddb_aiquery._values import Answer, Endpoint, Form, Kind, Question, Secret, Usage
from ddb_aiquery.testing import Malformed, Reset, ScriptedEndpoint, Slow, Status

KEY = "sk-canary/1234567890abcdef"


def test_a_question_is_answered(ask, wire):
    """From Question to Answer over real HTTP, tokens counted by the endpoint."""
    with ScriptedEndpoint(lambda prompt, _: prompt.upper()) as endpoint:
        (answer,) = ask(endpoint.base_url, options={"transport": wire})
    assert answer == Answer("HI", Usage(1, 1), "stop", "m", request_id="chatcmpl-1")


def test_the_credential_is_in_one_header_and_nowhere_else(ask, wire):
    """The key goes out as a bearer token; not in the path, the body or another header."""
    with ScriptedEndpoint() as endpoint:
        ask(endpoint.base_url, api_key=Secret(KEY), options={"transport": wire})
        (received,) = endpoint.received
    assert received.headers.pop("authorization") == f"Bearer {KEY}"
    assert KEY not in repr((received.path, received.headers, received.body))


def test_no_key_no_header(ask, wire):
    """A local server without a key gets no empty bearer token."""
    with ScriptedEndpoint() as endpoint:
        ask(endpoint.base_url, api_key=None, options={"transport": wire})
        assert "authorization" not in endpoint.received[0].headers


@pytest.mark.parametrize("padding", range(255, 301, 5))
def test_a_key_in_an_endpoints_error_is_not_shown(ask, padding):
    """An endpoint that shows the refused key gets it taken out, also where the message is cut in its middle."""
    message = "x" * padding + KEY + "y" * 50
    body = b'{"error":{"message":"' + message.encode() + b'"}}'
    refusal = Status(401, message=message, headers={"x-request-id": KEY})
    with ScriptedEndpoint(script=[refusal, Malformed(body), Malformed(KEY.encode())]) as endpoint:
        outcomes = ask(endpoint.base_url, times=3, api_key=Secret(KEY))
    assert [outcome.kind for outcome in outcomes] == [Kind.ENDPOINT, Kind.INVALID, Kind.INVALID]
    assert all(KEY[:6] not in outcome.message + outcome.request_id for outcome in outcomes)


def test_faults_are_failures(ask, wire):
    """What the network does becomes a kind: not sent, or sent with unknown outcome."""
    options = {"transport": wire, "timeout_seconds": 0.3}
    with ScriptedEndpoint(script=[Reset(), Slow(5)]) as endpoint:
        outcomes = ask(endpoint.base_url, times=2, options=options)
    assert [outcome.kind for outcome in outcomes] == [Kind.AMBIGUOUS, Kind.AMBIGUOUS]
    (outcome,) = ask(endpoint.base_url, options=options)
    assert outcome.kind is Kind.NOT_SENT
    assert "127.0.0.1" in outcome.message


def test_too_large_a_reply_is_the_rows_failure(ask, wire):
    """One endless answer does not end the query, and is not bought again."""
    with ScriptedEndpoint(script=[Malformed(b"x" * 3000)]) as endpoint:
        (outcome,) = ask(endpoint.base_url, options={"transport": wire, "max_response_bytes": 1000})
    assert outcome.kind is Kind.ROW


def test_headers_come_with_the_outcome(wire):
    """The pacer sees what the endpoint says about its limits."""

    async def exchange(url):
        transport, target = Transport(), Endpoint("a", url, "m", options={"transport": wire})
        sent = await transport.send(target, transport.seal(target, Question("a", "hi")))
        await transport.close()
        return sent

    with ScriptedEndpoint(script=[Status(429, headers={"X-RateLimit-Remaining-Requests": "0"})]) as endpoint:
        outcome, headers = asyncio.run(exchange(endpoint.base_url))
    assert (outcome.kind, headers["x-ratelimit-remaining-requests"]) == (Kind.REJECTED, "0")


def test_tokens_that_nobody_counted_are_estimated_from_both_directions(ask):
    """Without usage in the reply, question and answer are estimated from their bytes."""
    body = b'{"choices":[{"message":{"content":"' + b"x" * 40 + b'"},"finish_reason":"stop"}]}'
    with ScriptedEndpoint(script=[Malformed(body)]) as endpoint:
        (answer,) = ask(endpoint.base_url, question=Question("a", "y" * 400))
    assert answer.usage.estimated
    assert answer.usage.output_tokens == 10
    assert 100 <= answer.usage.input_tokens <= 130


def test_embeddings_and_records(ask):
    """The other two forms make the same way."""
    with ScriptedEndpoint(lambda prompt, _: {"seen": prompt}) as endpoint:
        (vector,) = ask(endpoint.base_url, question=Question("a", "hi", Form.EMBED))
        (record,) = ask(endpoint.base_url, question=Question("a", '{"x":1}', Form.RECORD))
    assert vector.text.startswith("[")
    assert record.text == '{"seen":"{\\"x\\":1}"}'


@pytest.mark.parametrize("allowed", ["loopback", "nothing", "LOOPBACK"])
def test_calls_out_are_refused_before_a_socket_is_opened(allowed, wire):
    """DDB_AIQUERY_ALLOW makes a paid call impossible; a word that it does not know closes too."""
    target = Endpoint("a", "https://models.example/v1", "m", options={"transport": wire})

    async def exchange():
        transport = Transport(environ={"DDB_AIQUERY_ALLOW": allowed})
        return (await transport.send(target, transport.seal(target, Question("a", "hi"))))[0]

    outcome = asyncio.run(exchange())
    assert outcome.kind is Kind.ENDPOINT
    assert "models.example was not called" in outcome.message


def test_a_proxy_elsewhere_is_a_call_out(ask):
    """An endpoint on this machine behind a proxy on another is not on this machine."""
    (outcome,) = ask("http://127.0.0.1:9/v1", options={"proxy": "http://proxy.example:3128"})
    assert outcome.kind is Kind.ENDPOINT


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"transport": "pigeon"}, "there is no transport 'pigeon'"),
        ({"ca_file": "nowhere.pem"}, "ca_file 'nowhere.pem': No such file"),
        ({"ca_file": __file__}, "it holds no certificate in PEM"),
        ({"proxy": "user:hunter2@proxy"}, "give http://HOST:PORT"),
        ({"proxy": "ftp://user:hunter2@proxy"}, "give http://HOST:PORT"),
        ({"proxy": "http://user:hunter2@a b"}, "give http://HOST:PORT"),
    ],
)
@pytest.mark.parametrize("wire", ["pyreqwest", "httpx"])
def test_what_cannot_be_opened_is_the_endpoints_failure(ask, wire, options, said):
    """A wire that cannot be made ends the query with the reason and shows no password, whichever library it is."""
    (outcome,) = ask("http://127.0.0.1:9/v1", options={"transport": wire, **options})
    assert outcome.kind is Kind.ENDPOINT
    assert outcome.message.startswith("nothing was sent")
    assert said in outcome.message
    assert "hunter2" not in outcome.message


@pytest.mark.parametrize("key", ["sk-abc\n", "sk abc", "sk-\u00e9", "a\r\nx-evil: 1", "\x00"])
def test_a_key_that_no_header_can_hold_is_named_but_not_shown(ask, key):
    """A line break copied along with a key is a mistake of the settings, and never another header."""
    with ScriptedEndpoint() as endpoint:
        (outcome,) = ask(endpoint.base_url, api_key=Secret(key))
        assert endpoint.requests == 0
    assert outcome.kind is Kind.ENDPOINT
    assert "api_key of endpoint 'test'" in outcome.message
    assert key not in outcome.message


def test_an_address_that_is_refused_is_the_endpoints_failure():
    """Sending to it is refused as sealing for it is, whatever the environment allows."""
    good, bad = Endpoint("a", "http://127.0.0.1:9/v1", "m"), Endpoint("a", "http://models.example/v1", "m")

    async def exchange():
        transport = Transport(environ={})
        return (await transport.send(bad, transport.seal(good, Question("a", "hi"))))[0]

    assert asyncio.run(exchange()).kind is Kind.ENDPOINT


def test_a_closed_transport_opens_again(wire):
    """Closing drops connections, no more; the next call makes new ones."""

    async def exchange(url):
        transport, target = Transport(), Endpoint("a", url, "m", options={"transport": wire})
        envelope = transport.seal(target, Question("a", "hi"))
        first = (await transport.send(target, envelope))[0]
        await transport.close()
        second = (await transport.send(target, envelope))[0]
        await transport.close()
        return first, second

    with ScriptedEndpoint() as endpoint:
        assert all(isinstance(outcome, Answer) for outcome in asyncio.run(exchange(endpoint.base_url)))
        assert endpoint.connections == 2


def test_a_statements_new_endpoint_uses_the_old_connections(wire):
    """Endpoints are made anew for each statement; what they share is the pool."""

    async def exchange(url):
        transport = Transport()
        for number in range(5):
            target = Endpoint("a", url, f"m{number}", options={"transport": wire})
            await transport.send(target, transport.seal(target, Question("a", "hi")))
        await transport.close()

    with ScriptedEndpoint() as endpoint:
        asyncio.run(exchange(endpoint.base_url))
        assert (endpoint.requests, endpoint.connections) == (5, 1)
