"""Where an endpoint's envelopes go and with what headers, made once; and whether they may go there at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ddb_aiquery._transport.dialect import Dialect
from ddb_aiquery._transport.wire import Timeouts, Way
from ddb_aiquery._values import Endpoint, Secret

ALLOW = "DDB_AIQUERY_ALLOW"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """All that is the same for every envelope to one endpoint. The headers hold the credential; nothing shows them."""

    endpoint: Endpoint
    base_url: str
    host: str
    headers: Mapping[str, str]
    wire: tuple[str, Way]
    timeouts: Timeouts
    secret: Secret | None
    local: bool
    complaint: str

    def url(self, path: str) -> str:
        """Return the whole URL of a path below the base URL."""
        return self.base_url + path

    def refusal(self, environ: Mapping[str, str]) -> str:
        """Return why nothing may be sent there, before a socket is opened; empty where it may."""
        if self.complaint:
            return self.complaint
        allowed = environ.get(ALLOW)
        if self.local or not allowed or allowed == "any":
            return ""
        return f"{self.host} was not called: {ALLOW}={allowed} allows calls to this machine only"

    def cleared(self, data: bytes) -> bytes:
        """Return the bytes without the credential; the same object where it is not in them."""
        return data.replace(self.secret.reveal().encode(), b"***") if self.secret else data

    def __repr__(self) -> str:
        return f"Address({self.host})"


def address_of(dialect: Dialect, endpoint: Endpoint) -> Address:
    """Work out an endpoint's address; what is wrong with it becomes its complaint.

    Read from `endpoint.options`: transport, timeout_seconds, connect_seconds, proxy, ca_file, max_response_bytes and
    allow_http.
    """
    options = endpoint.options
    proxy = options.get("proxy")
    way = Way(proxy=proxy, ca_file=options.get("ca_file"), max_connections=max(1024, endpoint.max_concurrency))
    if "max_response_bytes" in options:
        way = Way(way.max_connections, way.proxy, way.ca_file, int(options["max_response_bytes"]))
    scheme, host = origin_of(endpoint.base_url)[0], host_of(endpoint.base_url)
    usual = Timeouts()
    return Address(
        endpoint=endpoint,
        base_url=endpoint.base_url,
        host=host,
        headers={
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
            **dialect.headers(endpoint),
        },
        wire=(str(options.get("transport", "pyreqwest")), way),
        timeouts=Timeouts(
            connect=float(options.get("connect_seconds", usual.connect)),
            total=float(options.get("timeout_seconds", usual.total)),
        ),
        secret=endpoint.api_key or None,
        local=_is_this_machine(host) and (proxy is None or _is_this_machine(host_of(proxy))),
        complaint=_complaint(endpoint, scheme, host),
    )


def _complaint(endpoint: Endpoint, scheme: str, host: str) -> str:
    if scheme not in _PORTS or not host:
        return "base_url must be an http or https URL with a host"
    if scheme == "http" and not _is_this_machine(host) and not endpoint.options.get("allow_http"):
        return f"{host} was not called: http sends prompts and key readable; use https or set allow_http = true"
    return ""


def origin_of(url: str) -> tuple[str, str]:
    """Return a URL's scheme and its origin in one spelling: lower case, the port always there."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:  # a port that is no number
        return "", ""
    host = (parts.hostname or "").lower()
    return parts.scheme, f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"


def path_of(url: str) -> str:
    """Return a URL's path, its query included."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def host_of(url: str) -> str:
    """Return a URL's host in lower case; empty where it has none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
