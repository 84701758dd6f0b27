"""What a Run remembers of its own Questions."""

from __future__ import annotations

from ddb_aiquery._terms import Terms
from ddb_aiquery._values import Failure, Question


class Memo:
    """What this Run has already made of its Questions, so that a repeated chunk costs one look-up a question.

    Failures are kept too: DuckDB calls a function of constants again after it failed, up to six times a statement.
    """

    __slots__ = ("_bytes", "_documents", "_failures", "_limit")

    def __init__(self, limit: int = 64 << 20) -> None:
        self._documents: dict[object, dict[str | Question | None, str]] = {}
        self._failures: dict[tuple[object, str | Question | None], Failure] = {}
        self._bytes = 0
        self._limit = limit

    def of(self, terms: Terms) -> dict[str | Question | None, str]:
        """Return the documents made under these Terms."""
        return self._documents.setdefault(_key(terms), {})

    def failed(self, terms: Terms, ask: str | Question | None, failure: Failure) -> None:
        """Keep a Failure that ends the statement."""
        self._failures[_key(terms), ask] = failure

    def failure(self, terms: Terms, ask: str | Question | None) -> Failure | None:
        """Return the Failure that a Question has had in this Run."""
        return self._failures.get((_key(terms), ask)) if self._failures else None

    def put(self, made: dict[str | Question | None, str], ask: str | Question | None, document: str) -> None:
        """Keep a document among those that `of` gave, while there is room; forget all when there is none."""
        self._bytes += 2 * len(document) + (len(ask) if isinstance(ask, str) else 0)
        if self._bytes > self._limit:
            for documents in list(self._documents.values()):  # other threads may add to it
                documents.clear()
            self._bytes = 0
        made[ask] = document


def _key(terms: Terms) -> object:
    return terms.endpoint.name, terms.parameters, terms.shape
