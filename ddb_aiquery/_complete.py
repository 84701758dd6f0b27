"""The same engine without SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ddb_aiquery import _failures
from ddb_aiquery._results.parameters import read_parameters
from ddb_aiquery._results.request import read_files, read_request
from ddb_aiquery._results.shape import shape
from ddb_aiquery._running import Running
from ddb_aiquery._session import Session
from ddb_aiquery._settings import load
from ddb_aiquery._values import Answer, Endpoint, Failure, Outcome, Question
from ddb_aiquery.errors import CallError


def complete(
    endpoint: str,
    prompts: Iterable[Any],
    *,
    config: Any = None,
    parameters: Mapping[str, Any] | str | None = None,
    response_format: str | None = None,
    files: Iterable[bytes] | bytes | None = None,
    fail_on_error: bool = True,
) -> list[Answer] | list[Outcome]:
    """Answer every prompt, equal ones once, from the cache where it can; answers stand in the prompts' order.

    A prompt is a text, a list of messages (`role`, `content`), or a record for a custom endpoint. With
    `fail_on_error=False` a Failure stands in the place of the answer that could not be had.

    Raises:
        CallError: `prompts` is one text.
        AiQueryError: the settings, the endpoint, the budget, or (with `fail_on_error`) a prompt's failure.
    """
    if isinstance(prompts, str):
        raise CallError("complete takes a list of prompts, and this is one text: put it into a list, [prompt]")
    config = load(config)  # a dict may hold a key, which no traceback's locals are to show
    session = Session(config)
    where = session.settings.endpoint(endpoint)
    wire_format = shape(None, response_format, True).response_format
    given, attached = read_parameters(parameters), read_files(files)
    questions = []
    for prompt in prompts:
        form, text = read_request(prompt, where.task)
        questions.append(Question(where.name, text, form, given, wire_format, attached))
    running = session.begin(f"complete({endpoint!r})")
    try:
        outcomes = _asked(session, running, where, questions, fail_on_error)
    finally:
        session.finish(running)
    return outcomes


def _asked(
    session: Session, running: Running, where: Endpoint, questions: list[Question], fail_on_error: bool
) -> list[Outcome]:
    running.tally.add(rows=len(questions))
    running.tally.endpoints.add(where.name)
    asking = replace(running.asking, fail_fast=fail_on_error)
    distinct = list(dict.fromkeys(questions))
    batch = session.engine.submit(where, distinct, asking)
    outcomes = session.engine.wait(batch, asking, running.progress.tick)
    if batch.failure is not None:
        raise _failures.error(batch.failure, where.name, distinct[batch.failed_at].request)
    for question, outcome in zip(distinct, outcomes, strict=True):
        if isinstance(outcome, Failure) and _failures.ends_statement(outcome):
            raise _failures.error(outcome, where.name, question.request)
    found = dict(zip(distinct, outcomes, strict=True))
    return [found[question] for question in questions]
