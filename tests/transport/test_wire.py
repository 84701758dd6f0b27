"""What both wires promise, over real sockets on loopback."""

import asyncio
import gzip
import shutil
import ssl
import subprocess
import sys
import zlib

import pytest

from ddb_aiquery._transport import Way, open_wire
from ddb_aiquery._values import Billing, Fault, Reply
from ddb_aiquery.testing import Cut, Malformed, Reset, ScriptedEndpoint, Slow, Status

from .conftest import BODY, HEADERS

CHAT = "/chat/completions"


def test_a_reply_is_brought_back_as_it_was_sent(post):
    """Status, header names in lower case and the body arrive unchanged; the request has our headers and body."""
    step = Malformed(b"\xff\x00raw", status=418, headers={"X-Thing": "A b"})
    with ScriptedEndpoint(script=[step]) as endpoint:
        (reply,) = post(endpoint.base_url + CHAT)
        (received,) = endpoint.received
    assert (reply.status, reply.body, reply.headers["x-thing"]) == (418, b"\xff\x00raw", "A b")
    assert received.body == BODY
    assert HEADERS.items() <= received.headers.items()


def test_connections_are_kept(post):
    """Requests after one another use one connection."""
    with ScriptedEndpoint() as endpoint:
        post(endpoint.base_url + CHAT, times=5)
        ports = {received.headers["host"] for received in endpoint.received}
        assert endpoint.requests == 5
        assert endpoint.connections == 1
    assert len(ports) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(post, listen, status):
    """A redirect is a reply like any other: its target hears nothing."""
    other = listen()
    location = {"location": f"http://127.0.0.1:{other.port}/steal"}
    with ScriptedEndpoint(script=[Status(status, headers=location)]) as endpoint:
        (reply,) = post(endpoint.base_url + CHAT)
    assert reply.status == status
    assert (other.connections, other.heard) == (0, b"")


def test_proxies_of_the_environment_are_ignored(post, listen, monkeypatch):
    """HTTP_PROXY and its kin, a .netrc and NO_PROXY change nothing."""
    proxy = listen()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        for spelling in (name, name.lower()):
            monkeypatch.setenv(spelling, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with ScriptedEndpoint() as endpoint:
        (reply,) = post(endpoint.base_url + CHAT)
    assert reply.status == 200
    assert proxy.connections == 0


def test_a_proxy_that_is_given_is_used(post):
    """With a proxy in its Way, the request goes there and nowhere else."""
    with ScriptedEndpoint() as target, ScriptedEndpoint() as proxy:
        (reply,) = post(target.base_url + CHAT, proxy=proxy.base_url.removesuffix("/v1"))
        assert (reply.status, target.requests, proxy.requests) == (200, 0, 1)
        assert proxy.received[0].path == target.base_url + CHAT


def test_cookies_are_not_sent_back(post):
    """A cookie of one reply is not in the next request."""
    step = Malformed(b"{}", headers={"set-cookie": "session=1; Path=/"})
    with ScriptedEndpoint(script=[step, step]) as endpoint:
        post(endpoint.base_url + CHAT, times=2)
        assert all("cookie" not in received.headers for received in endpoint.received)


def test_a_refused_connection_was_not_sent(post, listen):
    """Nobody listens: nothing can have been billed."""
    closed = listen()
    closed.close()
    (fault,) = post(f"http://127.0.0.1:{closed.port}/v1?key=hidden")
    assert (fault.billing, fault.final) == (Billing.NOT_SENT, False)
    assert "hidden" not in fault.message


def test_a_name_that_cannot_be_resolved_was_not_sent(post):
    """A host name with a part of 64 characters has no address, which is known without asking anyone."""
    (fault,) = post(f"http://{'a' * 64}.invalid/v1")
    assert fault.billing is Billing.NOT_SENT


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/v1", "http://"])
def test_a_url_that_is_none_is_a_final_fault(post, url):
    """What can never be sent is not tried again."""
    (fault,) = post(url)
    assert (fault.billing, fault.final) == (Billing.NOT_SENT, True)


def test_a_reset_before_the_reply_is_ambiguous(post):
    """The request was read, so it may have been billed."""
    with ScriptedEndpoint(script=[Reset()]) as endpoint:
        (fault,) = post(endpoint.base_url + CHAT)
    assert (fault.billing, fault.final) == (Billing.AMBIGUOUS, False)


def test_a_reply_that_does_not_come_in_time_is_ambiguous(post):
    """The total timeout ends the wait, and the words say which wait it was."""
    with ScriptedEndpoint(script=[Slow(30)]) as endpoint:
        (fault,) = post(endpoint.base_url + CHAT, timeout_seconds=0.2)
    assert fault.billing is Billing.AMBIGUOUS
    assert "reply" in fault.message


def test_a_reply_that_drips_ends_at_the_total_timeout(post, listen):
    """Bytes that keep coming do not extend the time; what came so far is no reply."""
    slow = listen(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", pause=0.02)
    (fault,) = post(f"http://127.0.0.1:{slow.port}/v1", timeout_seconds=0.3)
    assert fault.billing is Billing.AMBIGUOUS


def test_a_reply_cut_at_any_byte_is_ambiguous(post):
    """Wherever a response breaks off, head or body, nothing of it is taken for a reply."""
    with ScriptedEndpoint() as endpoint:
        (whole,) = post(endpoint.base_url + CHAT)
    size = len(b"HTTP/1.1 200 OK\r\n\r\n") + sum(len(n + v) + 4 for n, v in whole.headers.items()) + len(whole.body)
    with ScriptedEndpoint(script=lambda arrival: Cut(arrival.number - 1)) as endpoint:
        outcomes = post(endpoint.base_url + CHAT, times=size + 20)
    assert {outcome.billing for outcome in outcomes[:size]} == {Billing.AMBIGUOUS}
    assert any(isinstance(outcome, Reply) for outcome in outcomes[size:])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"nonsense\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "body too short"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc", "bad chunk"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 2_000_000 + b"\r\n\r\n", "a head of 2 MB"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000 + b"\r\n", "100,000 headers"),
    ],
)
def test_a_broken_response_is_ambiguous(post, listen, said, why):
    """What is no HTTP is a Fault, not an exception."""
    (fault,) = post(f"http://127.0.0.1:{listen(said).port}/v1")
    assert isinstance(fault, Fault), why
    assert fault.billing is Billing.AMBIGUOUS, why


def test_a_body_without_length_ends_with_the_connection(post, listen):
    """HTTP/1.1 without content-length: the body is what comes until the end."""
    listener = listen(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000)
    (reply,) = post(f"http://127.0.0.1:{listener.port}/v1")
    assert reply.body == b"x" * 200_000


def test_a_header_with_letters_outside_ascii_costs_no_answer(post, listen):
    """Whatever bytes a header of the reply holds, the body and the other headers arrive."""
    head = "HTTP/1.1 200 OK\r\nx-served-by: Zürich\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n"
    (reply,) = post(f"http://127.0.0.1:{listen(head.encode() + b'ok').port}/v1")
    assert (reply.body, reply.headers["retry-after"]) == (b"ok", "7")


def test_a_large_body_arrives_whole(post):
    """A body of several reads is put together in order."""
    body = bytes(range(256)) * 4000
    with ScriptedEndpoint(script=[Malformed(body)]) as endpoint:
        (reply,) = post(endpoint.base_url + CHAT)
    assert reply.body == body


@pytest.mark.parametrize("size", [99_999, 100_000, 100_001, 5_000_000])
def test_a_body_stops_at_the_limit(post, size):
    """A body of exactly the limit arrives; one byte more is a final Fault, because the next would be as large."""
    with ScriptedEndpoint(script=[Malformed(b"x" * size)]) as endpoint:
        (outcome,) = post(endpoint.base_url + CHAT, max_response_bytes=100_000)
    if size <= 100_000:
        assert len(outcome.body) == size
    else:
        assert (outcome.billing, outcome.final) == (Billing.AMBIGUOUS, True)


@pytest.mark.parametrize(
    ("name", "packed"), [("gzip", gzip.compress(b"{}", mtime=0)), ("deflate", zlib.compress(b"{}"))]
)
def test_a_compressed_body_is_read_though_nobody_asked_for_it(post, name, packed):
    """Gzip and deflate come off; the request said identity."""
    with ScriptedEndpoint(script=[Malformed(packed, headers={"content-encoding": name})]) as endpoint:
        (reply,) = post(endpoint.base_url + CHAT)
        assert endpoint.received[0].headers["accept-encoding"] == "identity"
    assert reply.body == b"{}"


BOMB = """
import asyncio, gzip, resource
from ddb_aiquery._transport import Way, open_wire
from ddb_aiquery.testing import Malformed, ScriptedEndpoint

packer = __import__("zlib").compressobj(9, wbits=31)
bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(300)) + packer.flush()

async def main(name):
    wire = open_wire(name, Way())
    step = Malformed(bomb, headers={"content-encoding": "gzip"})
    with ScriptedEndpoint(script=[None, step]) as endpoint:
        url = endpoint.base_url + "/chat/completions"
        await wire.send(url, {}, b"{}")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print((await wire.send(url, {}, b"{}")).message)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    await wire.close()

import sys
asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
def test_a_gzip_bomb_does_not_grow_memory(wire):
    """300 MB out of 300 kB end at 8 MiB, and the process grows by less than 32 MiB."""
    done = subprocess.run([sys.executable, "-c", BOMB, wire], capture_output=True, text=True, check=True)
    message, grown = done.stdout.splitlines()
    assert "8 MiB" in message
    assert int(grown) < 32


def test_cancelled_calls_do_not_spoil_the_pool(wire):
    """After 200 calls that were cancelled in flight, 200 more succeed (httpcore issue 1093)."""

    async def exchange(url):
        opened = open_wire(wire, Way(timeout_seconds=10))
        for _ in range(10):
            calls = [asyncio.create_task(opened.send(url, HEADERS, BODY)) for _ in range(20)]
            await asyncio.sleep(0.01)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        outcomes = await asyncio.gather(*(opened.send(url, HEADERS, BODY) for _ in range(200)))
        await opened.close()
        return outcomes

    with ScriptedEndpoint(latency=0.02) as endpoint:
        outcomes = asyncio.run(exchange(endpoint.base_url + CHAT))
    assert {outcome.status for outcome in outcomes} == {200}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that its own authority has signed, with that authority's file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ext").write_text(
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n"
    )

    def openssl(command):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)  # skipped if absent

    strict = "-addext keyUsage=critical,keyCertSign"  # Python 3.13 asks an authority for it
    openssl(f"req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority {strict}")
    openssl("req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=test")
    openssl("x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile ext")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, str(folder / "ca.pem")


def test_a_certificate_of_an_unknown_authority_is_refused_for_good(post, certificate):
    """TLS fails closed: nothing was sent, nothing is tried again."""
    with ScriptedEndpoint(tls=certificate[0]) as endpoint:
        (fault,) = post(endpoint.base_url + CHAT)
        assert endpoint.requests == 0
    assert (fault.billing, fault.final) == (Billing.NOT_SENT, True)


def test_a_certificate_for_another_host_is_refused_for_good(post, certificate):
    """The name has to match, also where the authority is trusted."""
    with ScriptedEndpoint(tls=certificate[0]) as endpoint:
        url = endpoint.base_url.replace("127.0.0.1", "localhost") + CHAT
        (fault,) = post(url, ca_file=certificate[1])
    assert (fault.billing, fault.final) == (Billing.NOT_SENT, True)


def test_an_authority_that_is_given_is_trusted(post, certificate):
    """With its `ca_file`, a private endpoint is reached over https."""
    with ScriptedEndpoint(tls=certificate[0]) as endpoint:
        (reply,) = post(endpoint.base_url + CHAT, ca_file=certificate[1])
    assert reply.status == 200


def test_only_two_wires_are_known():
    """Another name is an error that says which there are."""
    with pytest.raises(ValueError, match="pyreqwest or httpx"):
        open_wire("carrier pigeon")
