"""How a gateway starts, stops, and treats clients that leave."""

from __future__ import annotations

import json
import signal
import socket
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import ddb_aiquery
from ddb_aiquery._cache import open_store

from .conftest import TOKEN, body, running


def test_a_client_that_leaves_has_its_answer_kept(gateway) -> None:
    """The call that was sent is finished and stored; asking again sends nothing."""
    before, before_billed = gateway.upstream.requests, gateway.upstream.billed
    content = json.dumps(body("slow:0.6")).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as peer:
        peer.sendall(head.encode() + content)
        while gateway.upstream.requests == before:
            time.sleep(0.01)
    while gateway.upstream.billed == before_billed:
        time.sleep(0.01)
    assert gateway.chat("slow:0.6").status_code == 200  # stored, or just being written down
    assert gateway.chat("slow:0.6").headers["x-ddb-aiquery-cached"] == "true"
    assert gateway.upstream.requests == before + 1


def test_a_graceful_stop_answers_what_is_in_flight(tmp_path) -> None:
    """After SIGTERM the waiting client gets its answer, it is stored, the usage is written, and the exit is clean."""
    with running(tmp_path) as gateway:
        replies = []
        asking = threading.Thread(target=lambda: replies.append(gateway.chat("slow:0.8")))
        asking.start()
        while not gateway.upstream.requests:
            time.sleep(0.01)
        assert gateway.stop() == 0
        asking.join()
        assert replies[0].status_code == 200
        (answer,) = ddb_aiquery.complete("test", ["slow:0.8"], config=gateway.config)
        assert answer.cached
    with open_store(tmp_path / "answers") as store:
        (first, *_) = store.runs()
    assert (first["label"], first["questions"], first["sent"]) == ("gateway", 1, 1)


def test_a_stop_does_not_wait_for_further_tries(tmp_path) -> None:
    """Whoever waits for a question that fails again and again is told at SIGTERM; nothing is asked after it."""
    with running(tmp_path) as gateway:
        replies = []
        asking = threading.Thread(target=lambda: replies.append(gateway.chat("500")))
        asking.start()
        while gateway.upstream.requests < 2:
            time.sleep(0.01)
        assert gateway.stop() == 0
        asking.join()
        assert replies[0].status_code == 503
        assert "HTTP 500" in replies[0].json()["error"]["message"]
        assert gateway.upstream.requests < 6


def test_a_stop_does_not_wait_for_an_endpoint_that_told_to_wait(tmp_path) -> None:
    """A question that may not go for minutes, since another was told so, is given up at SIGTERM too."""
    with running(tmp_path, "--patience", "0.2") as gateway:
        assert gateway.chat("429:300").status_code == 429
        replies = []
        asking = threading.Thread(target=lambda: replies.append(gateway.chat("not due")))
        asking.start()
        time.sleep(0.3)
        assert gateway.stop() == 0
        asking.join()
        assert replies[0].status_code in {429, 503}


def test_a_stop_stores_what_a_client_that_left_has_asked(tmp_path) -> None:
    """The call under way is paid: SIGTERM waits for its answer though nobody else does."""
    with running(tmp_path) as gateway:
        content = json.dumps(body("slow:1.5")).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", gateway.port)) as peer:
            peer.sendall(head.encode() + content)
            while not gateway.upstream.requests:
                time.sleep(0.01)
        assert gateway.stop() == 0
        (answer,) = ddb_aiquery.complete("test", ["slow:1.5"], config=gateway.config)
        assert answer.cached


def test_ctrl_c_is_a_clean_end(tmp_path) -> None:
    """SIGINT ends it with status 0 and no traceback."""
    with running(tmp_path) as gateway:
        assert gateway.chat("hello").status_code == 200
        assert gateway.stop(signal.SIGINT) == 0
        assert not any("Traceback" in line or "leaked" in line for line in gateway.said)


def test_a_token_is_made_once_for_its_owner_alone(tmp_path) -> None:
    """The first start shows it, the second does not; the file has mode 0600."""
    file = tmp_path / "token"
    for start in range(2):
        with running(tmp_path, "--token-file", str(file), environ={}) as gateway:
            token = file.read_text().strip()
            with gateway.client(authorization=f"Bearer {token}") as client:
                assert client.get("/v1/models").status_code == 200
            gateway.stop()
        assert any(token in line for line in gateway.said) == (start == 0)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(token) >= 43


@pytest.mark.parametrize(
    ("arguments", "content", "mode", "message"),
    [
        (["--host", "0.0.0.0"], None, 0, "must be one that you chose"),  # noqa: S104 (refused)
        (["--host", "0.0.0.0", "a token was made before"], None, 0, "must be one that you chose"),  # noqa: S104
        (["--token-file", "{file}"], "x" * 40, 0o644, "chmod 600"),
        (["--token-file", "{file}"], "short", 0o600, "at least 32"),
    ],
)
def test_it_refuses_to_start_without_a_safe_token(tmp_path, arguments, content, mode, message) -> None:
    """Reachable from elsewhere, readable by others, or guessable: one clear line instead of a server."""
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    if arguments[2:]:
        with running(tmp_path, environ=environ) as first:
            first.stop()
        arguments = arguments[:2]
    gateway = running(tmp_path, *(a.format(file=file) for a in arguments), environ=environ)
    with pytest.raises(RuntimeError, match=message):
        gateway.__enter__()


def test_a_port_that_is_taken_is_one_clear_line(tmp_path) -> None:
    """It is said before a token is made: one that was never shown would be of no use."""
    file = tmp_path / "token"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = rf"^Error: cannot listen on 127.0.0.1 port {port}: Address already in use; choose another --port or --host\n$"
        with pytest.raises(RuntimeError, match=said):
            running(tmp_path, "--port", str(port), "--token-file", str(file), environ={}).__enter__()
    assert not file.exists()


def test_every_address_of_a_name_is_listened_to(tmp_path) -> None:
    """`--host localhost` is reached by its IPv4 address too, whatever comes first."""
    with running(tmp_path, "--host", "localhost") as gateway:
        assert gateway.chat("hello").status_code == 200


def test_an_endpoint_that_refuses_the_gateways_key_is_a_502(tmp_path) -> None:
    """It is not the client's token that is wrong; OpenAI's clients are told not to try again."""
    with running(tmp_path) as gateway:
        reply = gateway.chat("401")
        assert reply.status_code == 502
        assert reply.headers["x-should-retry"] == "false"
        assert "HTTP 401" in reply.json()["error"]["message"]
        assert gateway.chat("hello").status_code == 200  # the next request tries for itself


def test_the_days_budget_holds(tmp_path) -> None:
    """What would pass the limit is a 403 that names the setting; stored answers are still served."""
    extra = "[budget]\nday_usd = 0.003\n"
    with running(tmp_path, extra=extra, input_price=1.0, output_price=2.0) as gateway:
        assert gateway.chat("hello", max_tokens=100).status_code == 200
        reply = gateway.chat("dear", max_tokens=100_000)
        assert reply.status_code == 403
        assert "budget.day_usd" in reply.json()["error"]["message"]
        assert gateway.chat("hello", max_tokens=100).status_code == 200
        assert gateway.upstream.requests == 1


def test_the_days_budget_has_room_for_many_clients_at_once(tmp_path) -> None:
    """A hundred requests under way at once, each a thousandth of the day's limit, are all answered."""
    extra = "[budget]\nday_usd = 0.1\n"
    prices = {"input_price": 1.0, "output_price": 1.0, "max_concurrency": 128}
    with running(tmp_path, extra=extra, **prices) as gateway, gateway.client() as client:

        def ask(number: int) -> int:
            asked = body(f"slow:0.{1000 + number}", max_tokens=50)
            return client.post("/v1/chat/completions", json=asked).status_code

        with ThreadPoolExecutor(100) as clients:
            assert list(clients.map(ask, range(100))) == [200] * 100
        assert gateway.upstream.requests == 100


def test_all_who_wait_for_a_rejected_question_are_told(tmp_path) -> None:
    """Clients that share a call under way are refused with its 429 together: nobody waits for another's turn."""
    with running(tmp_path, "--patience", "0.3") as gateway, gateway.client() as client:

        def ask(_: int) -> int:
            return client.post("/v1/chat/completions", json=body("429")).status_code

        with ThreadPoolExecutor(4) as clients:
            assert list(clients.map(ask, range(4))) == [429] * 4
        assert gateway.upstream.requests == 1
