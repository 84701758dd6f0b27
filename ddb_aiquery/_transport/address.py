"""Where an endpoint's envelopes go and with what headers, made once; and whether they may go there at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ddb_aiquery._address import ALLOW, check_endpoint_url, is_this_machine, origin
from ddb_aiquery._redact import MARK, REDACTOR
from ddb_aiquery._transport.credentials import Credential, credential_of
from ddb_aiquery._transport.dialect import Dialect
from ddb_aiquery._transport.wire import Way
from ddb_aiquery._values import Endpoint, Secret
from ddb_aiquery.errors import SettingsError

_WAY_OPTIONS = frozenset({"connect_seconds", "timeout_seconds", "proxy", "ca_file", "max_response_bytes"})
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What RFC 9110 lets a header's value hold, without spaces."""


@dataclass(frozen=True, slots=True)
class Address:
    """All that is the same for every envelope to one endpoint. The headers hold the credential; nothing shows them."""

    endpoint: Endpoint
    base_url: str
    host: str
    headers: Mapping[str, str]
    wire: tuple[str, Way]
    secret: Secret | None
    local: bool
    credential: Credential | None = None
    """What fetches a token for each request's headers, where no key is enough."""

    def url(self, path: str) -> str:
        """Return the whole URL of a path below the base URL."""
        return self.base_url + path

    def refusal(self, environ: Mapping[str, str]) -> str:
        """Return why nothing may be sent there now, before a socket is opened; empty where it may."""
        if self.local:
            return ""
        allowed = environ.get(ALLOW)
        if not allowed or allowed == "any":
            return ""
        return f"{self.host} was not called: {ALLOW}={allowed} allows calls to this machine only"

    def cleared(self, data: bytes) -> bytes:
        """Return the bytes without credentials, however they are encoded; the same object where none is in them."""
        text = data.decode("utf-8", "surrogateescape")
        clear = self.clear(text)
        return data if clear == text else clear.encode("utf-8", "surrogateescape")

    def clear(self, text: str) -> str:
        """Return the text without credentials."""
        return REDACTOR.secrets_out(text.replace(self.secret.reveal(), MARK) if self.secret else text)

    def __repr__(self) -> str:
        return f"Address({self.host})"


def address_of(dialect: Dialect, endpoint: Endpoint) -> Address:
    """Work out an endpoint's address.

    Read from `endpoint.options`: transport, allow_http and those of `Way`.

    Raises:
        SettingsError: calls may not go to its base URL, its key cannot stand in a header, or its login lacks a part.
    """
    if endpoint.api_key and not _TOKEN.fullmatch(endpoint.api_key.reveal()):
        raise SettingsError(
            f"the api_key of endpoint '{endpoint.name}' holds a space, a line break or a letter outside ASCII; "
            "look at how it was copied"
        )
    base_url = allowed_url(endpoint)
    credential = credential_of(endpoint)
    way = _way(endpoint)
    reached = [url for url in (base_url, way.proxy, credential and credential.url) if url]
    return Address(
        endpoint=endpoint,
        base_url=base_url,
        host=_host_of(base_url),
        headers={
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
            **dialect.headers(endpoint),
        },
        wire=(str(endpoint.options.get("transport", "pyreqwest")), way),
        secret=endpoint.api_key or None,
        local=all(is_this_machine(_host_of(url)) for url in reached),
        credential=credential,
    )


def _way(endpoint: Endpoint) -> Way:
    """Return how the endpoint is reached: as its options say, for the rest as usual."""
    given = {name: value for name, value in endpoint.options.items() if name in _WAY_OPTIONS}
    if isinstance(proxy := given.get("proxy"), Secret):
        given["proxy"] = proxy.reveal()
    usual = Way()
    return replace(usual, max_idle=max(usual.max_idle, endpoint.max_concurrency), **given)


def allowed_url(endpoint: Endpoint) -> str:
    """Return the endpoint's base URL in one spelling.

    Raises:
        SettingsError: calls may not go there.
    """
    spared = {_host_of(endpoint.base_url)} if endpoint.options.get("allow_http") else ()
    return check_endpoint_url(endpoint.base_url, allow_http_hosts=spared)


def origin_and_path(endpoint: Endpoint, path: str) -> tuple[str, str]:
    """Return the origin and the whole path that a key names.

    Raises:
        SettingsError: calls may not go there.
    """
    url = allowed_url(endpoint)
    return origin(url), urlsplit(url).path + path


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # an unfinished IPv6 address
        return ""
