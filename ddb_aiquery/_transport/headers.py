"""Numbers from a reply's headers, which nobody has to believe: every one is checked and clamped."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0
_LONGEST_TEXT = 64


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the endpoint asks to wait, 0 to 3600, or None where it says nothing that makes sense.

    `retry-after-ms` stands before `retry-after`; a date is read against the reply's own Date header.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return min(milliseconds / 1000, LONGEST_WAIT)
    written = headers.get("retry-after")
    seconds = _number(written)
    if seconds is not None:
        return min(seconds, LONGEST_WAIT)
    until = _date(written)
    if until is None:
        return None
    now = _date(headers.get("date"))
    return min(max(0.0, until - (time.time() if now is None else now)), LONGEST_WAIT)


def _number(text: str | None) -> float | None:
    """A finite number of 0 or more; a text too long to be one is not tried."""
    if text is None or len(text) > _LONGEST_TEXT:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(text: str | None) -> float | None:
    if text is None or len(text) > _LONGEST_TEXT:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
