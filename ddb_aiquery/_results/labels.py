"""ai_classify's labels as a type: `JSON LABEL false ["a", "b"]`, one of them, or `JSON LABELS ...`, a list.

The word after it is the option multilabel. The limits are Databricks'.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import orjson

from ddb_aiquery._results.types import Enum, List, Type
from ddb_aiquery._results.wording import as_json
from ddb_aiquery.errors import CallError

LABELS = re.compile(r"\s*JSON\s+LABEL(S?)\s+(\w*)\s*", re.IGNORECASE)
MAX_LENGTH = 1_000_000
FEWEST, MOST = 2, 500
MAX_LABEL, MAX_DESCRIPTION = 100, 1_000


def from_labels(text: str) -> Type:
    """Return the type of an answer that is one of the labels, a list of one of them, or a list of any number.

    Raises:
        CallError: the labels or multilabel are not as ai_classify takes them.
    """
    found = LABELS.match(text)
    if found is None or len(text) > MAX_LENGTH:
        _refuse(f"have {len(text):,} characters", f"give at most {MAX_LENGTH:,}")
    labels = Enum(_checked(text[found.end() :]))
    listed, several = found[1] != "", found[2].casefold()
    if several not in ("true", "false"):
        raise CallError(f"ai_classify's option multilabel is {found[2]!r}: give 'true' or 'false'")
    if several == "true" and not listed:
        raise CallError('ai_classify\'s option multilabel needs labels as JSON text: write \'["a", "b"]\'')
    if not listed:
        return labels
    return List(labels) if several == "true" else List(labels, 1)


def _checked(text: str) -> tuple[str, ...]:
    try:
        given: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        _refuse(f"are no JSON: {error.msg} at character {error.pos + 1}", "write '[\"a\", \"b\"]' or ['a', 'b']")
    if isinstance(given, dict):
        _describe(given)
        given = list(given)
    if not isinstance(given, list):
        _refuse(f"are {as_json(given)}", "give a list of texts, or JSON with a description for each label")
    if not FEWEST <= len(given) <= MOST:
        _refuse(f"are {len(given)}", f"give {FEWEST} to {MOST}")
    for label in given:
        if not isinstance(label, str) or not 1 <= len(label) <= MAX_LABEL:
            _refuse(f"have {as_json(label)} among them", f"each is a text of 1 to {MAX_LABEL} characters")
    if twice := next((label for label in given if given.count(label) > 1), None):
        _refuse(f"have {as_json(twice)} twice", "remove one")
    return tuple(given)


def _describe(given: dict[str, Any]) -> None:
    for label, said in given.items():
        if not isinstance(said, str) or len(said) > MAX_DESCRIPTION:
            _refuse(
                f"describe {as_json(label)} by {as_json(said)}",
                f"give a text of at most {MAX_DESCRIPTION:,} characters",
            )


def _refuse(what: str, remedy: str) -> NoReturn:
    raise CallError(f"ai_classify's labels {what}: {remedy}")
