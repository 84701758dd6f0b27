"""Answer text to a value of the declared type, with the repairs that leave no doubt, or the Failure that says why not.

What a model wrote is data: nothing of it is executed, and nothing of it can raise, recurse or take long.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as Exact
from typing import Any

import orjson

from ddb_aiquery._results.conform import conform
from ddb_aiquery._results.scalars import Misfit, Notes
from ddb_aiquery._results.types import JSON, TEXT, Decimal, Enum, List, Map, Scalar, Struct, Type, duckdb_text
from ddb_aiquery._results.wording import shortened
from ddb_aiquery._values import Answer, Failure, Kind, Outcome

MAX_TEXT = 4_000_000
"""Characters of a typed reply; a plain VARCHAR may have any length. No model writes a tenth of it in one reply."""
MAX_PROSE = 200_000
"""Characters in which JSON is looked for among other text."""
SHOWN = 200

_FENCE = re.compile(r"```(?:[\w+-]*[ \t]*\r?\n)?(.*?)```", re.DOTALL)
_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+")|,(?=\s*[}\]])', re.DOTALL)
_OBJECT = re.compile(r"\{(?=\s*[\"}])")
_LIST = re.compile(r"\[(?=\s*(?:[\[{\"\]\d-]|(?:true|false|null)\b))")
_ANY = re.compile(f"{_OBJECT.pattern}|{_LIST.pattern}")
_SPELLINGS = {"number given as text", "boolean given as text"}
_TEXTUAL = ("VARCHAR", "DATE", "TIME", "INTERVAL", "UUID")

_LIMITED = reprlib.Repr()
_LIMITED.maxlevel = 3
_LOOSE = json.JSONDecoder(strict=False)
_EXACT = json.JSONDecoder(strict=False, parse_float=Exact)


class Columns(Misfit):
    """A record where one value is wanted."""


def read(kind: Type, answer: Answer) -> Outcome:
    """Return the answer with its text as canonical JSON of the type, and what was repaired in its note.

    VARCHAR takes any text as it is. A Failure has the kind CAST, one of Databricks' two names, the type and the reply.
    """
    if kind is TEXT:
        return answer
    if len(answer.text) > MAX_TEXT:
        return _failure(kind, answer, f"it has {len(answer.text):,} characters, the limit is {MAX_TEXT:,}")
    try:
        return _typed(kind, answer)
    except Columns as misfit:
        return _failure(kind, answer, f"it has {misfit.wanted}, and the type is one value", "COLUMNS")
    except Misfit as misfit:
        place = "".join(reversed(misfit.path))
        return _failure(kind, answer, f"{place or 'it'} is {_brief(misfit.value)}, not {misfit.wanted}")
    except (ArithmeticError, MemoryError, RecursionError, TypeError, ValueError) as error:
        return _failure(kind, answer, str(error))


def _typed(kind: Type, answer: Answer) -> Outcome:
    text = answer.text.strip().removeprefix("\ufeff")
    notes: Notes = set()
    if isinstance(kind, Struct | List | Map) or kind == JSON:
        value = _composite(kind, text, notes)
    else:
        value = conform(kind, _plain(kind, text, notes), notes)
        notes -= _SPELLINGS  # a bare value is text by nature
    written = orjson.dumps(value, default=float).decode()
    if not notes:
        return replace(answer, text=written)
    said = "repaired: " + ", ".join(sorted(notes))
    known = answer.note.split("; ") if answer.note else []  # an answer that was kept says so already
    return replace(answer, text=written, note=answer.note if said in known else "; ".join([*known, said]))


def _composite(kind: Type, text: str, notes: Notes) -> Any:
    """Read a reply that is JSON, else the one fitting JSON value that stands somewhere in it."""
    try:
        value = _decoder(kind).decode(text) if _needs_exact(kind) else orjson.loads(text)
    except ValueError:
        bare = isinstance(kind, List) and isinstance(kind.item, Enum) and not _LIST.search(text)
        return conform(kind, [_bare(text)], notes) if bare else _embedded(kind, text, notes)
    return conform(kind, _unwrapped(kind, value, notes), notes)


def _embedded(kind: Type, text: str, notes: Notes) -> Any:
    if len(text) > MAX_PROSE:
        raise Misfit(text, f"JSON, and too long to look for JSON in it (over {MAX_PROSE:,} characters)")
    try:
        found = list(_found(kind, text))
    except Misfit:
        text = _COMMA.sub(lambda match: match[1] or "", text)
        found = list(_found(kind, text))
        notes.add("trailing comma removed")
    fitting: dict[bytes, tuple[Any, Notes, slice]] = {}
    misfit = Misfit(text, "JSON")
    for value, place in found:
        mended: Notes = set()
        try:
            fit = conform(kind, _unwrapped(kind, value, mended), mended)
            fitting[orjson.dumps(fit, default=float)] = fit, mended, place
        except Misfit as error:
            misfit = error
    if not fitting:
        raise misfit
    if len(fitting) > 1:
        raise Misfit(text, f"one value: {len(fitting)} different ones in it fit")
    ((fit, mended, place),) = fitting.values()
    notes |= mended | _around(text, place)
    return fit


def _found(kind: Type, text: str) -> Iterator[tuple[Any, slice]]:
    """Yield every whole JSON value in the text that opens as the type does; one that breaks off ends the search."""
    opening = _ANY if kind == JSON else _LIST if isinstance(kind, List) else _OBJECT
    decoder = _decoder(kind)
    end = 0
    while match := opening.search(text, end):
        try:
            value, end = decoder.raw_decode(text, match.start())
        except ValueError:
            raise Misfit(text[match.start() :], "whole JSON") from None
        yield value, slice(match.start(), end)


def _around(text: str, place: slice) -> Notes:
    """Name what had to be done to find the JSON at this place."""
    if place.stop - place.start == len(text):
        return {"control character in a text"} if any(ord(letter) < ord(" ") for letter in text) else set()
    return {"code fence removed" if "```" in text else "text around the JSON removed"}


def _unwrapped(kind: Type, value: Any, notes: Notes) -> Any:
    """Take the value out of an object or list that only wraps it: {"result": {...}}, [{...}]."""
    inner = value
    if isinstance(value, dict) and len(value) == 1 and not (isinstance(kind, Map) or kind == JSON):
        ((name, only),) = value.items()
        named = isinstance(kind, Struct) and name.casefold() in {one.name.casefold() for one in kind.fields}
        if not named and (isinstance(only, dict) or not isinstance(kind, Struct)):
            inner = only
    if isinstance(inner, list) and len(inner) == 1 and not (isinstance(kind, List | Map) or kind == JSON):
        inner = inner[0]
    if inner is not value:
        notes.add("taken out of a wrapper")
    return inner


def _plain(kind: Type, text: str, notes: Notes) -> Any:
    """Read the reply for a type without parts: JSON, or the bare text, perhaps in marks or a fence."""
    fences = _FENCE.findall(text) if text.startswith("```") else []
    if len(fences) == 1:
        text = fences[0].strip()
        notes.add("code fence removed")
    try:
        value = _decoder(kind).decode(text)
    except ValueError:
        if _bare(text) != text:
            notes.add("marks around the value removed")
        return _bare(text)
    if isinstance(value, dict) and len(value) > 1:
        raise Columns(value, f"{len(value)} fields ({', '.join(map(repr, list(value)[:10]))})")
    if isinstance(value, dict | list):
        return _unwrapped(kind, value, notes)
    textual = isinstance(kind, Enum) or (isinstance(kind, Scalar) and kind.name in _TEXTUAL)
    return text if textual and not isinstance(value, str | None) else value


def _bare(text: str) -> str:
    return text.strip("*`\"'").removesuffix(".")


def _decoder(kind: Type) -> json.JSONDecoder:
    return _EXACT if _needs_exact(kind) else _LOOSE


def _needs_exact(kind: Type) -> bool:
    """Tell whether a part of the type holds more digits than a float."""
    match kind:
        case Decimal() | Scalar("HUGEINT" | "UHUGEINT"):
            return True
        case List(item):
            return _needs_exact(item)
        case Map(key, value):
            return _needs_exact(key) or _needs_exact(value)
        case Struct(fields):
            return any(_needs_exact(one.type) for one in fields)
        case _:
            return False


def _failure(kind: Type, answer: Answer, why: str, condition: str = "CAST") -> Failure:
    message = (
        f"[AI_FUNCTION_HTTP_PARSE_{condition}_ERROR] the reply does not fit {_brief(duckdb_text(kind))}: "
        f"{_brief(why)}; reply: {_brief(answer.text)}"
    )
    return Failure(Kind.CAST, message, usage=answer.usage, text=answer.text, request_id=answer.request_id)


def _brief(value: Any) -> str:
    """Return a value on one line, shortened; characters that steer a terminal are left out."""
    if not isinstance(value, str):
        value = _LIMITED.repr(value)
    line = "".join(letter if letter.isprintable() else " " for letter in value[: SHOWN + 1])
    return shortened(line, SHOWN)
