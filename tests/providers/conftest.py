"""An OAuth server on loopback that counts, and the outcome of one Question at a scripted endpoint."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from ddb_aiquery._transport import Transport
from ddb_aiquery._values import Endpoint, Question, Secret


@pytest.fixture(autouse=True)
def no_providers(monkeypatch):
    """Take every provider's variables away."""
    for name in ("HOST", "TOKEN", "CLIENT_ID", "CLIENT_SECRET", "CONFIG_PROFILE", "CONFIG_FILE"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)


class TokenServer:
    """Issues tokens `token-1`, `token-2`, ... for the client `c` with the secret `s`.

    It also answers questions at any other path, as a model called `token-<n>`, to those who bring the newest token.
    """

    def __init__(self, lasts=3600, status=200):
        self.lasts, self.status = lasts, status
        self.issued, self.forms, self.refused = 0, [], 0
        self.revoked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                """Issue a token, or answer."""
                body = self.rfile.read(int(self.headers["content-length"]))
                status, said = outer.reply(self.path, dict(self.headers), body)
                data = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def reply(self, path, headers, body):
        """Return the status and the value of a response."""
        if path.endswith("/token"):
            self.forms.append((headers.get("Authorization"), parse_qs(body.decode())))
            if self.status != 200:
                return self.status, {"error": "invalid_client", "error_description": "no such client"}
            self.issued += 1
            return 200, {"access_token": f"token-{self.issued}", "token_type": "Bearer", "expires_in": self.lasts}
        token = headers.get("Authorization", headers.get("authorization", "")).removeprefix("Bearer ")
        if token != f"token-{self.issued}" or self.revoked == self.issued:
            self.refused += 1
            return 401, {"error_code": "UNAUTHENTICATED", "message": "expired"}
        message = {"role": "assistant", "content": token}
        return 200, {"choices": [{"message": message, "finish_reason": "stop"}]}

    def close(self):
        """Stop."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def tokens():
    """Start token servers that end with the test."""
    started = []

    def start(**options):
        started.append(TokenServer(**options))
        return started[-1]

    yield start
    for server in started:
        server.close()


def target(base_url, **fields):
    """Return an Endpoint with a key."""
    return Endpoint("test", base_url, **{"model": "m", "api_key": Secret("test-key"), **fields})


@pytest.fixture
def ask():
    """Send Questions at once through one Transport, and return their outcomes."""

    def ask(endpoint, *questions, run=""):
        async def exchange():
            transport = Transport()
            try:
                sealed = [transport.seal(endpoint, q) for q in questions or [Question("test", "hi")]]
                return [o for o, _ in await asyncio.gather(*(transport.send(endpoint, e, run) for e in sealed))]
            finally:
                await transport.close()

        return asyncio.run(exchange())

    return ask
