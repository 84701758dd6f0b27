"""What the gateway refuses, and in which words."""

from __future__ import annotations

import gzip
import json
import socket

import pytest

from .conftest import TOKEN, body

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic dG9rZW46d3Jvbmc=", "Basic !", f"Token {TOKEN}"])
def test_without_the_token_nothing_is_served(gateway, given) -> None:
    """401 with a challenge, wherever the path leads, and no call upstream."""
    before = gateway.upstream.requests
    with gateway.client(authorization=given) as client:
        for path in (CHAT, "/serving-endpoints/test/invocations", "/nowhere"):
            reply = client.post(path, json=body("x"))
            assert reply.status_code == 401
            assert "Bearer" in reply.headers["www-authenticate"]
        assert client.get("/metrics").status_code == 401
    assert gateway.upstream.requests == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example:80"}, 403),
        ({"host": "10.0.0.1"}, 403),
        ({"host": "localhost:1"}, 200),
        ({"origin": "http://127.0.0.1"}, 403),
        ({"origin": "null"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_a_browser_cannot_use_it(gateway, headers, status) -> None:
    """A foreign Host, any Origin and a body that is not JSON are refused, token or not."""
    with gateway.client(**{"content-type": "application/json", **headers}) as client:
        assert client.post(CHAT, content=json.dumps(body("hello"))).status_code == status


def test_an_unknown_endpoint_names_the_nearest(client) -> None:
    """404 in OpenAI's words under /v1, in Databricks' elsewhere."""
    openai = client.post(CHAT, json=body("x", model="tset"))
    assert openai.status_code == 404
    assert "(known: test" in openai.json()["error"]["message"]
    databricks = client.post("/serving-endpoints/tset/invocations", json=body("x"))
    assert databricks.status_code == 404
    assert databricks.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert "(known: test" in databricks.json()["message"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "king"),
        ({"messages": ["hi"]}, "message 1 is no object with role and content"),
        ({"messages": [{"content": "hi"}]}, "message 1 is no object with role and content"),
        ({"messages": [{"role": "user", "content": "hi"}, {"role": "user"}]}, "message 2: give content"),
        ({"messages": [{"role": "user", "content": 3}]}, "message 1: give content, a text or a list of parts"),
        ({"model": None}, "model"),
        ({"n": 2}, "n: "),
        ({"n": {}}, "n: "),
        ({"logprobs": True}, "logprobs"),
        ({"tools": {"name": "f"}}, "tools"),
        ({"tools": [None]}, "tools"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"temperature": 9}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [1]}, "stop"),
        ({"stop": None, "top_p": []}, "top_p"),
        ({"response_format": {"type": "poem"}}, "response_format"),
        ({"extra_params": 3}, "extra_params"),
        ({"usage_context": "me"}, "usage_context"),
        ({"model": "vectors"}, "messages"),
    ],
)
def test_a_wrong_field_is_named(gateway, client, fields, named) -> None:
    """400, and the message says which field; nothing is asked."""
    before = gateway.upstream.requests
    reply = client.post(CHAT, json={**body("x"), **fields})
    assert reply.status_code == 400
    assert named in reply.json()["error"]["message"]
    assert gateway.upstream.requests == before


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"input": []}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": "x", "encoding_format": {}}, "encoding_format"),
        ({"input": "x", "model": "sums"}, "dataframe_records"),
    ],
)
def test_a_wrong_field_of_embeddings_is_named(client, fields, named) -> None:
    """400, and the message says which field."""
    reply = client.post("/v1/embeddings", json={"model": "vectors", **fields})
    assert reply.status_code == 400
    assert named in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "dataframe_records: is missing"),
        ({"dataframe_records": []}, "give 1 to 2048 records"),
        ({"dataframe_records": {"a": 1}}, "dataframe_records: give a list of records"),
        ({"dataframe_records": [{"a": 1}], "inputs": [{"a": 2}]}, "give one of them"),
        ({"inputs": {"a": [1, 2]}}, "inputs: give a list of records"),
        ({"inputs": [[1, 2], [3, 4]]}, "inputs: each must be a record"),
        ({"instances": ["text"]}, "instances: each must be a record"),
        ({"dataframe_split": [[1]]}, "dataframe_split: give columns and data"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, "two columns have the same name"),
        ({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3]]}}, "row 2 has 1 values for 2 columns"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "row 1 has 2 values for 1 columns"),
    ],
)
def test_wrong_records_are_never_half_sent(gateway, client, fields, said) -> None:
    """A row that does not fit its columns, or two ways at once, is a 400 in words; nothing is asked."""
    before = gateway.upstream.requests
    reply = client.post("/serving-endpoints/sums/invocations", json=fields)
    assert reply.status_code == 400
    assert said in reply.json()["message"]
    assert gateway.upstream.requests == before


def test_a_packed_body_is_a_415(client) -> None:
    """It says what is wrong, not that gzip is bad JSON."""
    packed = gzip.compress(json.dumps(body("hello")).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    reply = client.post(CHAT, content=packed, headers=headers)
    assert reply.status_code == 415
    assert "Content-Encoding" in reply.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null", b'{"a":' * 2000])
def test_a_body_that_is_no_object_is_a_400(client, content) -> None:
    """Whatever the bytes are."""
    reply = client.post(CHAT, content=content, headers={"content-type": "application/json"})
    assert reply.status_code == 400


def test_methods_and_paths(client) -> None:
    """405 says what is allowed, 404 where to look."""
    assert client.get(CHAT).headers["allow"] == "POST"
    assert client.get(CHAT).status_code == 405
    assert client.delete("/v1/models").status_code == 405
    assert client.get("/v2/models").status_code == 404


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_has_a_limit(client, chunked) -> None:
    """More than 8 MiB is a 413, announced or not."""
    data = b'{"messages":"' + b"x" * (9 << 20) + b'"}'
    content = iter([data[i : i + 65536] for i in range(0, len(data), 65536)]) if chunked else data
    reply = client.post(CHAT, content=content, headers={"content-type": "application/json"})
    assert reply.status_code == 413


def test_the_endpoints_429_is_passed_on(client) -> None:
    """After the gateway's own patience, with the time that the endpoint asked to wait."""
    reply = client.post("/serving-endpoints/limited/invocations", json=body("429"))
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "7"
    assert reply.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"


def test_the_endpoints_400_is_the_clients(client) -> None:
    """A request that the endpoint finds wrong is a 400 with its words."""
    reply = client.post(CHAT, json=body("400"))
    assert reply.status_code == 400
    assert "no such voice" in reply.json()["error"]["message"]


def test_an_endpoint_without_its_key_says_so(client) -> None:
    """What the operator forgot is a 400 that names the variable, and no server error."""
    reply = client.post(CHAT, json=body("x", model="keyless"))
    assert reply.status_code == 400
    assert "OPENAI_API_KEY" in reply.json()["error"]["message"]


def _raw(gateway, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        heard = b""
        while piece := peer.recv(65536):
            heard += piece
        return heard


def _request(*headers: str) -> bytes:
    lines = [f"POST {CHAT} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {TOKEN}", *headers]
    return ("\r\n".join([*lines, "Content-Type: application/json"]) + "\r\n\r\n").encode()


def test_smuggling_is_refused(gateway) -> None:
    """A request with both lengths is a 400 and never reaches the endpoint."""
    before = gateway.upstream.requests
    content = json.dumps(body("smuggled")).encode()
    sent = _request(f"Content-Length: {len(content)}", "Transfer-Encoding: chunked") + content
    assert _raw(gateway, sent).startswith(b"HTTP/1.1 400")
    assert gateway.upstream.requests == before


def _pour(peer: socket.socket) -> None:
    for i in range(10_000):
        peer.sendall(b"X-%d: " % i + b"a" * 1000 + b"\r\n")


def test_headers_have_a_limit(gateway) -> None:
    """Headers without end cost one connection, and no memory."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as peer:
        peer.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        with pytest.raises(OSError, match=r"reset|pipe|abort"):
            _pour(peer)
    assert gateway.chat("hello").status_code == 200


def test_two_hosts_are_none(gateway) -> None:
    """A second Host header is refused."""
    assert _raw(gateway, _request("Host: evil.example", "Content-Length: 2") + b"{}").startswith(b"HTTP/1.1 403")


def test_no_credential_is_ever_shown(gateway, client) -> None:
    """An endpoint that repeats the key it was sent is not quoted, and the settings' key is nowhere."""
    replies = [client.post(CHAT, json=body("400")).text]
    replies += [client.get(path).text for path in ("/metrics", "/api/2.0/serving-endpoints", "/openapi.json")]
    assert not any("upstream-key" in text or TOKEN in text for text in replies)
    assert not any(TOKEN in line or "upstream-key" in line for line in gateway.said)
