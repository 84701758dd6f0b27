"""Who may come in: the right Host, no browser, a token. Decided from a request's headers alone."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Collection, Iterable

from ddb_aiquery._gateway.refusal import Refusal
from ddb_aiquery._values import Secret

_CHALLENGE = {"www-authenticate": 'Bearer realm="ddb_aiquery"'}


class Doorman:
    """Knows the token and the names under which the gateway may be called.

    `hosts` are names and addresses besides this machine's own; `any_address` lets every IP address pass as Host,
    which is safe against DNS rebinding: that needs a name.
    """

    def __init__(self, token: Secret, hosts: Collection[str] = (), *, any_address: bool = False) -> None:
        self._token = token.reveal().encode()
        self._hosts = {host.lower().strip("[]") for host in hosts} | {"localhost"}
        self._any_address = any_address
        self._seen: set[bytes] = set()

    def check_origin(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Let pass what is addressed to this gateway and does not come from a web page.

        Raises:
            Refusal: 403.
        """
        hosts = 0
        for name, value in headers:
            if name == b"host":
                hosts += 1
                if value not in self._seen and not self._is_ours(value):
                    raise Refusal(403, "this Host is not the gateway's; allow it with --allow-host")
            elif name == b"origin":
                raise Refusal(403, "the gateway does not serve web pages: requests with an Origin are refused")
        if hosts != 1:
            raise Refusal(403, "the request must have one Host header")

    def check_token(self, authorization: bytes) -> None:
        """Let pass a Bearer token, or the password of HTTP Basic, that is the gateway's; in constant time.

        Raises:
            Refusal: 401.
        """
        scheme, _, value = authorization.partition(b" ")
        token = value.strip()
        if scheme.lower() == b"basic":
            try:
                token = base64.b64decode(token, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                token = b""
        elif scheme.lower() != b"bearer":
            token = b""
        if not hmac.compare_digest(token, self._token):
            what = "the token is wrong" if token else "there is no token"
            raise Refusal(401, f"{what}: send the gateway's own as Bearer, or as the password of 'token'", _CHALLENGE)

    def _is_ours(self, value: bytes) -> bool:
        host = _host(value.decode("latin-1").lower())
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            ours = host in self._hosts
        else:
            ours = self._any_address or address.is_loopback or host in self._hosts
        if ours and len(self._seen) < len(self._hosts) + 64:
            self._seen.add(value)
        return ours


def _host(authority: str) -> str:
    """Return the host of `host:port` or `[address]:port`; empty where it is neither."""
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
    else:
        host, colon, rest = authority.partition(":")
        rest = colon + rest
    return host if not rest or (rest[0] == ":" and rest[1:].isdigit()) else ""
