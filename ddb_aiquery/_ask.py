"""Columns of arguments to Questions, and outcomes to a column of documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import pyarrow as pa

from ddb_aiquery import _arrow, _failures
from ddb_aiquery._engine.engine import Asking, Engine
from ddb_aiquery._engine.flight import Batch
from ddb_aiquery._engine.noting import Finding
from ddb_aiquery._memo import Memo
from ddb_aiquery._results.request import read_files, read_request
from ddb_aiquery._terms import OPTIONS, ReadTerms, Terms
from ddb_aiquery._values import Answer, Failure, Form, Kind, Outcome, Question
from ddb_aiquery.errors import AiQueryError, RowError


@dataclass(slots=True)
class Group:
    """The rows of a chunk that share their Terms: what they ask, and which row asks what."""

    terms: Terms
    asks: Sequence[str | Question | None]
    """Distinct: the bare text of a plain question, a whole Question of any other, None where nothing can be asked."""
    form: Form
    """How a bare text is meant."""
    which: pa.Array
    """For each row the position in `asks`, NULL for a NULL request."""
    rows: list[int] | None = None
    """The rows' places in the chunk; None for all of it."""
    unasked: Mapping[int, Failure] = field(default_factory=dict)
    """By the position in `asks`, what cannot be asked and need not end the statement."""
    documents: list[str | None] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    batch: Batch | None = None
    asking: Asking | None = None

    def question(self, place: int) -> Question:
        """Return the Question at a place that is not NULL."""
        ask = self.asks[place]
        return ask if isinstance(ask, Question) else _question(self.terms, self.form, str(ask), ())


def grouped(columns: Sequence[pa.Array], terms: ReadTerms) -> list[Group]:
    """Split a chunk's argument columns by their options and find the distinct Questions of each Group."""
    if not len(columns[0]):
        return []
    if all(_constant(columns[position]) for position in OPTIONS):
        options = [columns[position][0].as_py() for position in OPTIONS]
        return [_group(terms(options), columns[1], columns[6], None)]
    by_options: dict[str, tuple[Sequence[Any], list[int]]] = {}
    for row, given in enumerate(zip(*(columns[p].to_pylist() for p in OPTIONS), strict=True)):
        by_options.setdefault(repr(given), (given, []))[1].append(row)
    return [
        _group(terms(given), columns[1].take(_arrow.places(rows)), columns[6].take(_arrow.places(rows)), rows)
        for given, rows in by_options.values()
    ]


def _constant(column: pa.Array) -> bool:
    return len(column) < 2 or column.slice(1).equals(column.slice(0, len(column) - 1))  # noqa: PLR2004


def _group(terms: Terms, requests: pa.Array, files: pa.Array, rows: list[int] | None) -> Group:
    bare = pa.types.is_null(files.type) or files.null_count == len(files)
    if bare and (pa.types.is_string(requests.type) or pa.types.is_large_string(requests.type)):
        coded = requests.dictionary_encode()
        form = Form.EMBED if terms.endpoint.task == "embedding" else Form.TEXT
        return Group(terms, coded.dictionary.to_pylist(), form, coded.indices, rows)
    return _distinct(terms, requests.to_pylist(), [None] * len(requests) if bare else files.to_pylist(), rows)


def _distinct(terms: Terms, requests: list[Any], files: list[Any], rows: list[int] | None) -> Group:
    """Find the distinct Questions among requests that are not plain text, or come with files."""
    places: dict[Question | Failure, int] = {}
    which: list[int | None] = []
    for request, attached in zip(requests, files, strict=True):
        if request is None:
            which.append(None)
            continue
        try:
            form, text = read_request(request, terms.endpoint.task)
            ask: Question | Failure = _question(terms, form, text, read_files(attached, terms.endpoint.task))
        except RowError as error:
            if terms.shape.fail_on_error:
                raise
            ask = Failure(Kind.ROW, str(error))
        which.append(places.setdefault(ask, len(places)))
    asks = [ask if isinstance(ask, Question) else None for ask in places]
    unasked = {place: ask for place, ask in enumerate(places) if isinstance(ask, Failure)}
    return Group(terms, asks, Form.TEXT, _arrow.places(which), rows, unasked)


def _question(terms: Terms, form: Form, text: str, files: tuple[bytes, ...]) -> Question:
    return Question(terms.endpoint.name, text, form, terms.parameters, terms.shape.response_format, files)


def send(groups: Sequence[Group], engine: Engine, memo: Memo, asking: Asking) -> None:
    """Set the Questions of every Group going that the Memo does not know."""
    for group in groups:
        terms = group.terms
        made = memo.of(terms)
        group.documents = [made.get(ask) for ask in group.asks]
        group.pending = [
            place
            for place, document in enumerate(group.documents)
            if document is None and group.asks[place] is not None
        ]
        for place in group.pending:
            failure = memo.failure(terms, group.asks[place])
            if failure is not None:
                raise _error(failure, group, place)
        for place, failure in group.unasked.items():
            asking.tally.add(failed=1)
            group.documents[place] = _told(failure, group)
        asking.tally.endpoints.add(terms.endpoint.name)
        if group.pending:
            group.asking = replace(asking, fail_fast=terms.shape.fail_on_error)
            group.batch = engine.submit(terms.endpoint, [group.question(i) for i in group.pending], group.asking)


def receive(groups: Sequence[Group], engine: Engine, memo: Memo, tick: Callable[[], None]) -> None:
    """Wait for every Group's outcomes and make documents of them.

    Raises:
        AiQueryError: a Failure that ends the statement.
    """
    for group in groups:
        if group.batch is None or group.asking is None:
            continue
        outcomes = engine.wait(group.batch, group.asking, tick)
        if group.batch.failure is not None:
            _end(group.batch.failure, group, group.pending[group.batch.failed_at], memo)
        if findings := _fill(group, group.batch, outcomes, memo):
            engine.note(group.terms.endpoint, findings)


def _fill(group: Group, batch: Batch, outcomes: Sequence[Outcome], memo: Memo) -> list[Finding]:
    """Make documents of a Group's outcomes, and return the answers whose text had to be mended for their type."""
    findings: list[Finding] = []
    shaped, made = group.terms.shape, memo.of(group.terms)
    for place, outcome in zip(group.pending, outcomes, strict=True):
        read = shaped.read(outcome) if isinstance(outcome, Answer) else outcome
        if isinstance(read, Failure):
            if isinstance(outcome, Answer):  # a failed call was counted when it came
                batch.tally.add(failed=1)
            if shaped.fail_on_error or _failures.ends_statement(read):
                _end(read, group, place, memo)
            document = _told(read, group)
        else:
            if isinstance(outcome, Answer) and read.note != outcome.note:
                findings.append(Finding(group.question(place), outcome, read.note))
            document = shaped.document(read)
        group.documents[place] = document
        if document is not None:
            memo.put(made, group.asks[place], document)
    return findings


def _told(failure: Failure, group: Group) -> str | None:
    """Return the document of a row that failed alone."""
    said = _failures.sentence(_failures.with_condition(failure, group.terms.parameters), group.terms.endpoint.name)
    return group.terms.shape.document(replace(failure, message=said))


def _end(failure: Failure, group: Group, place: int, memo: Memo) -> NoReturn:
    memo.failed(group.terms, group.asks[place], failure)
    raise _error(failure, group, place)


def _error(failure: Failure, group: Group, place: int) -> AiQueryError:
    failure = _failures.with_condition(failure, group.terms.parameters)
    return _failures.error(failure, group.terms.endpoint.name, group.question(place).request)


def column(groups: Sequence[Group], length: int) -> pa.Array:
    """Put the Groups' documents back into the order of the chunk's rows."""
    if len(groups) == 1 and groups[0].rows is None:
        return _spread(groups[0])
    values: list[str | None] = [None] * length
    for group in groups:
        for row, document in zip(group.rows or [], _spread(group).to_pylist(), strict=True):
            values[row] = document
    return _arrow.texts(values)


def _spread(group: Group) -> pa.Array:
    return _arrow.texts(group.documents).take(group.which)
