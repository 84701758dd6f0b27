"""Where an Answer is kept that a Question got, so that what reading it showed can be written beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ddb_aiquery._engine.flight import Diversion
from ddb_aiquery._values import Answer, Endpoint, Envelope, Question


@dataclass(frozen=True, slots=True)
class Finding:
    """An Answer as the engine gave it, and the note that it has since it was read."""

    question: Question
    answer: Answer
    note: str


def kept(
    endpoint: Endpoint, found: Finding, seal: Callable[[Endpoint, Question], Envelope]
) -> tuple[bytes, Answer, str]:
    """Return the key under which the answer is stored, the answer as it is there, and the note that it should have.

    What a fallback gave is stored under the fallback's key, and without its mark.
    """
    for other in endpoint.fallbacks:
        mark = Diversion.sign(other.name)
        if found.note.split("; ")[0] == mark:
            before, after = (note.removeprefix(mark).removeprefix("; ") for note in (found.answer.note, found.note))
            key = seal(other, replace(found.question, endpoint=other.name)).key
            return key, replace(found.answer, note=before), after
    return seal(endpoint, found.question).key, found.answer, found.note
