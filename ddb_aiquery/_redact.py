"""Redaction: no text leaves the package with a credential in it, in whatever encoding.

Every credential is registered where it is read. `REDACTOR` is the process's one instance, because a secret that one
part of the program knows must not leak through another.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MARK = "***"
_SHORTEST = 6
"""A secret shorter than this is also an ordinary word; replacing it would garble what it does not protect."""

_PATTERNS = re.compile(
    r"""
      \b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{8,}                       # OpenAI, Anthropic, Stripe and those who copy them
    | \bdapi[0-9a-f]{16,}(?:-\d+)?                              # Databricks
    | \b(?:AKIA|ASIA)[A-Z0-9]{12,}                              # AWS
    | \bAIza[A-Za-z0-9_-]{20,}                                  # Google
    | \b(?:ghp|gho|ghs|ghu|github_pat|hf|gsk|xai|nvapi|r8)[_-][A-Za-z0-9_-]{12,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?   # a JSON web token
    | (?<=://)[^\s/@]{1,256}(?=@)                               # user:password in a URL
    | (?:(?<=bearer\ )|(?<=basic\ )|(?<=bearer%20))[A-Za-z0-9._~+/=-]{6,}
    | (?:(?<=[?&]key=)|(?<=[?&]api_key=)|(?<=[?&]api-key=)|(?<=[?&]token=)|(?<=[?&]sig=)|(?<=access_token=))[^\s&\#"']+
    | (?:(?<=x-api-key:\ )|(?<=api-key:\ )|(?<=api-key':\ ')|(?<=api-key":\ "))[^\s"',]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HINT = re.compile(
    r"(?i)sk[-_]|pk[-_]|rk[-_]|dapi|akia|asia|aiza|gh[posu]_|pat_|hf[-_]|gsk|xai|nvapi|r8[-_]|eyj|@|bearer|basic|key|token|sig="
)
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|.)?|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Redactor:
    """Knows the secrets and takes them out of texts. Methods may be called from any thread."""

    __slots__ = ("_forms", "_lock", "_made")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: frozenset[str] = frozenset()
        self._made: tuple[frozenset[str], re.Pattern[str]] | None = None
        """The forms that the pattern was made of, and the pattern; made anew when a text comes after a secret."""

    def register(self, secret: str) -> None:
        """Redact `secret` from now on: plain, base64 at each alignment, percent, JSON and hex."""
        if len(secret) >= _SHORTEST and secret not in self._forms:
            with self._lock:
                self._forms |= forms(secret)

    def clean(self, text: str, limit: int | None = None) -> str:
        """Return `text` without credentials, on one line, cut to `limit` characters after that and never before."""
        text = self.secrets_out(text)
        if not text.isprintable():
            text = _CONTROL.sub(" ", _INVISIBLE.sub("", _ANSI.sub("", text)))
            text = self.secrets_out(text)  # escapes may have stood between its letters
        if limit is not None and len(text) > limit:
            text = text[: max(0, limit - 1)] + "…"
        return text

    def secrets_out(self, text: str) -> str:
        """Return `text` without credentials and otherwise as it is, for texts of several lines."""
        known, made = self._forms, self._made
        if made is None or made[0] is not known:
            made = self._made = known, _any_of(known)
        if known:
            text = made[1].sub(MARK, text)
        return _PATTERNS.sub(MARK, text) if _HINT.search(text) else text


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(texts, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(_any_case_escapes, longest_first)))


def forms(secret: str) -> frozenset[str]:
    """Return the texts under which a secret may appear in logs, dumps and wire formats."""
    raw = secret.encode("utf-8", "surrogatepass")
    found = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}
    found |= {json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], raw.hex(), raw.hex().upper()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found.add(encode(raw).decode())
        found |= {_aligned(encode(bytes(lead) + raw).decode(), lead, len(raw)) for lead in range(3)}
    return frozenset(form for form in found if len(form) >= _SHORTEST)


def _any_case_escapes(form: str) -> str:
    """Return a form as a pattern in which the escapes of one letter are equal in capitals and small letters."""
    return re.sub(r"(%[0-9A-F]{2}|\\\\u[0-9a-f]{4})", r"(?i:\1)", re.escape(form))


def _aligned(encoded: str, lead: int, length: int) -> str:
    """Return the characters of a base64 text that depend on the secret alone, whatever stands around it."""
    first = -(-lead * 8 // 6)
    last = (lead + length) * 8 // 6
    return encoded[first:last]


REDACTOR = Redactor()
