"""Where calls may go: SQL gives names, the settings give URLs, and neither can lead to a place that nobody meant.

The policy: https, http only on this machine unless a host is listed, no credentials in URLs, and never a link-local
or cloud metadata address, in whatever spelling a resolver would still understand.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from ddb_aiquery.errors import CallError, SettingsError

ALLOW = "DDB_AIQUERY_ALLOW"
"""The variable that keeps calls on this machine, whatever it says but `any`."""

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_KEY = re.compile(r"(?i)(?:sk-|sk_|dapi|akia|ghp_|github_pat_|hf_|xai-|gsk_|eyj|aiza|bearer)[A-Za-z0-9_.:/-]{12,}")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/%-]*")
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::[0-9]{1,5})?")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
_METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"})
_DENIED = tuple(
    ipaddress.ip_network(net)
    for net in (
        *("0.0.0.0/8", "::/128", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8"),  # unspecified, multicast, reserved
        *("169.254.0.0/16", "fe80::/10"),  # link-local, most clouds' metadata among it
        *("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),  # metadata of Alibaba, Azure, Oracle
        *("fd00:ec2::/32", "fd20:ce::/32"),  # metadata of AWS and Google over IPv6
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS = {"https": 443, "http": 80}


def endpoint_name(text: str) -> str:
    """Return `text` if it is an endpoint's name as SQL may pass it, such as `openai/gpt-4o-mini`.

    Raises CallError for a URL, for what looks like a credential (which is not repeated) and for any other text.
    """
    if _KEY.search(text):
        raise CallError(
            "the endpoint argument looks like a credential; pass an endpoint's name, keys go in the settings"
        )
    if "//" in text or re.match(r"(?i)(?:https?|file|ftp|data|gopher|unix|ws)s?:", text) or ".." in text:
        raise CallError("the endpoint argument is a URL; SQL passes names, put base_url in the settings under a name")
    if not _NAME.fullmatch(text):
        raise CallError("the endpoint argument is no name: letters, digits and _ . : / - only, at most 128 of them")
    return text


def check_endpoint_url(url: str, *, allow_http_hosts: Collection[str] = ()) -> str:
    """Return `url` in one spelling, without a trailing slash, if calls may go there.

    `allow_http_hosts` are further hosts that may be reached without TLS. Raises SettingsError with the rule that is
    broken and no part of the URL, which may hold a credential.
    """
    parts = _split(url)
    if parts.scheme not in _PORTS:
        raise SettingsError("base_url must begin with https:// (or http:// for this machine)")
    if "@" in parts.netloc:
        raise SettingsError("base_url must not hold a user or a password; use api_key")
    if "?" in url or "#" in url:
        raise SettingsError("base_url must not have a query or a fragment; use api_key and parameters")
    if not _PATH.fullmatch(parts.path) or ".." in parts.path or re.search(r"(?i)%(?:2e|2f|5c|0|1|7f)", parts.path):
        raise SettingsError(
            "the path of base_url must be plain: no dots-dots, no encoded slashes or control characters"
        )
    host, port = _host_and_port(parts)
    if parts.scheme == "http" and not is_this_machine(host) and host not in allow_http_hosts:
        raise SettingsError("base_url uses http to another machine; use https, or set allow_http = true")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == _PORTS[parts.scheme] else f"{shown}:{port}"
    return f"{parts.scheme}://{authority}{parts.path.rstrip('/')}"


def origin(url: str) -> str:
    """Return `scheme://host:port` of a URL in one spelling. Raises SettingsError where it has none."""
    parts = _split(url)
    host, port = _host_and_port(parts)
    return f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"


def is_this_machine(host: str) -> bool:
    """Tell whether a host, in lower case and without brackets, is the machine that runs this."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: str) -> SplitResult:
    if not url.isascii():
        raise SettingsError("base_url must be ASCII; write an international host name as xn--")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise SettingsError("base_url must not hold spaces, control characters or backslashes")
    try:
        return urlsplit(url)
    except ValueError:
        raise SettingsError("base_url is not a URL") from None


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError("base_url has a port that is no number up to 65535") from None
    if port is None:
        port = _PORTS.get(parts.scheme, 0)
    if not host or port == 0 or not _AUTHORITY.fullmatch(parts.netloc.rpartition("@")[2]):
        raise SettingsError("base_url has no host, or one that is malformed")
    return _plain_host(host, bracketed="[" in parts.netloc), port


def _plain_host(host: str, *, bracketed: bool) -> str:
    """Return the host in one spelling; an address in an odd spelling, or one that is never an endpoint, is refused."""
    if bracketed:
        try:
            address: _IP = ipaddress.IPv6Address(host)
        except ValueError:
            raise SettingsError("base_url has a malformed IPv6 address") from None
        if _denied(_unmapped(address)):
            raise SettingsError("base_url leads to a link-local, metadata, multicast or unspecified address")
        return str(address)
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):  # what ends in a number, a resolver takes for IPv4
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError:
            raise SettingsError("base_url has an IPv4 address in an unusual spelling; write it as 10.0.0.1") from None
        if _denied(address):
            raise SettingsError("base_url leads to a link-local, metadata, multicast or unspecified address")
        return host
    if host.endswith(".") or not _HOST.fullmatch(host):
        raise SettingsError("base_url has a malformed host name")
    if host in _METADATA_HOSTS or host.endswith(".metadata.google.internal"):
        raise SettingsError("base_url leads to a cloud metadata service")
    return host


def _unmapped(address: _IP) -> _IP:
    """Return the IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64 or int(address) >> 32 == 0:  # NAT64, and the old IPv4-compatible form
        low = int(address) & 0xFFFFFFFF
        return ipaddress.IPv4Address(low) if low > 1 else address
    return address.ipv4_mapped or address.sixtofour or address


def _denied(address: _IP) -> bool:
    return any(address.version == net.version and address in net for net in _DENIED)
