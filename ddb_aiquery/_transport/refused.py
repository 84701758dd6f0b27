"""Which parameter a 400 refused, in the words of the servers that refuse some."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ddb_aiquery._transport import json_text
from ddb_aiquery._values import Reply

_REFUSALS = frozenset({400, 422})
_QUOTE = r"[`'\"]?"
_WORDS = re.compile(
    r"(?i)not supported|unsupported|unrecogni[sz]ed|unknown|not permitted|does not support|not allowed|deprecated"
    r"|unexpected|unexpectedly|invalid parameter|not valid for|cannot be used|only the default"
)


def refused_parameter(reply: Reply, sent: Collection[str]) -> str:
    """Return the parameter among those `sent` that the reply refuses; empty where it refuses something else.

    Read are OpenAI's `error.param`, the places that FastAPI's validation names, and the message.
    """
    if reply.status not in _REFUSALS:
        return ""
    value, _ = json_text.read(reply.body)
    fields: Mapping[str, Any] = value if isinstance(value, dict) else {}
    error = fields.get("error")
    error = error if isinstance(error, dict) else fields
    named = error.get("param")
    if isinstance(named, str) and named in sent:
        return named
    for place in _places(fields.get("detail")):
        if place in sent:
            return place
    text = error.get("message") or fields.get("detail") or fields.get("error") or ""
    return _in_words(text, sent) if isinstance(text, str) else ""


def _places(detail: Any) -> list[str]:
    """Return the last names of the places in FastAPI's list of complaints."""
    complaints = [c.get("loc") for c in detail if isinstance(c, dict)] if isinstance(detail, list) else []
    return [loc[-1] for loc in complaints if isinstance(loc, list) and loc and isinstance(loc[-1], str)]


def _in_words(text: str, sent: Collection[str]) -> str:
    if not _WORDS.search(text):
        return ""
    found = [(m.start(), name) for name in sent if (m := re.search(rf"(?<!\w){_QUOTE}{re.escape(name)}(?!\w)", text))]
    return min(found)[1] if found else ""
