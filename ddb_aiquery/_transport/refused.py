"""Which parameter a 400 refused, in the words of the servers that refuse some."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from ddb_aiquery._transport import json_text
from ddb_aiquery._values import Reply

_QUOTE = r"[`'\"]?"
_WORDS = re.compile(
    r"(?i)extra_forbidden|not supported|unsupported|unrecogni[sz]ed|unknown|not permitted|does not support|not allowed"
    r"|deprecated|unexpected|unexpectedly|invalid parameter|not valid for|cannot be used|only the default"
)
_MISTAKE = re.compile(r"(?i)invalid schema")


def refused_parameter(reply: Reply, sent: Collection[str]) -> str:
    """Return the parameter among those `sent` that the reply refuses; empty where it refuses something else.

    Read are OpenAI's `error.param`, the places that FastAPI's validation names, and the message. A parameter whose
    value is wrong, a temperature of 5 or a schema with a mistake, is not refused: that is for the user to mend.
    """
    value, _ = json_text.read(reply.body)
    fields = json_text.mapping(value)
    error = fields.get("error")
    error = error if isinstance(error, dict) else fields
    text = error.get("message") or fields.get("detail") or fields.get("error") or ""
    text = text if isinstance(text, str) else ""
    named = error.get("param")
    if _MISTAKE.search(text):
        return ""
    if isinstance(named, str) and _WORDS.search(text) and (last := named.rpartition(".")[2]) in sent:
        return last
    for place in _places(fields.get("detail")):
        if place in sent:
            return place
    return _in_words(text, sent)


def _places(detail: Any) -> list[str]:
    """Return the last names of the places in FastAPI's list of complaints that are about more than a value."""
    complaints = [c for c in detail if isinstance(c, dict)] if isinstance(detail, list) else []
    places = [c.get("loc") for c in complaints if _WORDS.search(f"{c.get('type')} {c.get('msg')}")]
    return [loc[-1] for loc in places if isinstance(loc, list) and loc and isinstance(loc[-1], str)]


def _in_words(text: str, sent: Collection[str]) -> str:
    if not _WORDS.search(text):
        return ""
    found = [
        (m.start(), name) for name in sent if (m := re.search(rf"(?<!\w){_QUOTE}{re.escape(name)}(?!\w|\.\w)", text))
    ]
    return min(found)[1] if found else ""
