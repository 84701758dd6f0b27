"""What an HTTP status says about the question, the row and the endpoint."""

from __future__ import annotations

import http
import re
from collections.abc import Mapping

from ddb_aiquery._transport.headers import wait_of
from ddb_aiquery._values import Failure, Kind, Reply

SHOWN = 300
"""Characters of an endpoint's own message that are shown."""

_KINDS = {
    **dict.fromkeys((400, 413, 422, 406, 411, 414, 415, 416, 431, 451), Kind.ROW),
    **dict.fromkeys((401, 402, 403, 404, 405, 407, 410, 421, 426, 501, 505, 511), Kind.ENDPOINT),
    **dict.fromkeys((409, 425, 429, 503, 529), Kind.REJECTED),
    **dict.fromkeys((408, 500), Kind.FAILED),
    # A gateway gave up waiting: the model behind it may have finished. 520 and 524 are Cloudflare's.
    **dict.fromkeys((502, 504, 520, 524), Kind.AMBIGUOUS),
}
_NO_MONEY = frozenset(
    {
        "insufficient_quota",
        "billing_error",
        "billing_hard_limit_reached",
        "billing_not_active",
        "credit_balance_exhausted",
        "enforced_spend_limit_reached",
        "account_deactivated",
        "access_terminated",
    }
)
"""429 and 400 that no waiting cures."""
_NO_ENTRY = frozenset({"invalid_api_key", "authentication_error", "permission_error", "model_not_found"})
_WRONG_KEY = re.compile(r"(?i)(?:api key not valid|(?:incorrect|invalid) api[ _-]?key)\b")
"""How Gemini and xAI begin what they say of a wrong key, with status 400 and no code of their own for it."""
_FILTERED = frozenset({"content_filter", "responsibleaipolicyviolation", "content_policy_violation"})
_RETRIED = frozenset({Kind.REJECTED, Kind.FAILED, Kind.AMBIGUOUS})


def kind_of(status: int, codes: frozenset[str], should_retry: str = "") -> Kind:
    """Return what a status other than 2xx means; `codes` are the error object's own, in lower case."""
    if codes & _FILTERED:
        return Kind.REFUSED
    if 400 <= status < 500 and codes & (_NO_MONEY | _NO_ENTRY):  # noqa: PLR2004 (the class of client errors)
        return Kind.ENDPOINT
    if status < 400:  # noqa: PLR2004 (redirects, which are never followed)
        return Kind.ENDPOINT if status >= 300 else Kind.INVALID  # noqa: PLR2004
    kind = _KINDS.get(status) or (Kind.ROW if status < 500 else Kind.FAILED)  # noqa: PLR2004
    if should_retry == "false" and kind in {Kind.FAILED, Kind.AMBIGUOUS}:
        return Kind.ROW
    return Kind.FAILED if should_retry == "true" and kind is Kind.ROW else kind


def failure(reply: Reply, message: str, codes: frozenset[str], request_id: str = "") -> Failure:
    """Return the Failure of a reply whose status is not 2xx; `message` is the endpoint's own words."""
    kind = kind_of(reply.status, codes, reply.headers.get("x-should-retry", "").strip().lower())
    words = one_line(message)
    if kind is Kind.ROW and _WRONG_KEY.match(words):
        kind = Kind.ENDPOINT
    if not words and 300 <= reply.status < 400:  # noqa: PLR2004
        words = "redirects are not followed; check base_url"
    title = f"HTTP {reply.status}{_phrase(reply.status)}"
    return Failure(
        kind=kind,
        message=f"{title}: {words}" if words else title,
        status=reply.status,
        wait=wait_of(reply.headers) if kind in _RETRIED else None,
        request_id=request_id,
    )


def one_line(text: str, longest: int = SHOWN) -> str:
    """Return a foreign text as one line that a terminal may show: no control characters, at most `longest` long."""
    plain = text[: longest * 4]
    if not plain.isprintable():
        plain = "".join(c if c.isprintable() else " " for c in plain)
    plain = " ".join(plain.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def _phrase(status: int) -> str:
    try:
        return " " + http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def request_id_of(headers: Mapping[str, str], body_id: object = None) -> str:
    """Return the id that the provider's support asks for: the header's, else the body's."""
    given = headers.get("x-request-id") or headers.get("request-id") or (body_id if isinstance(body_id, str) else "")
    return one_line(given, 128)
