"""`ddb-aiquery endpoints`: what settings and workspaces have; with `--test`, which of them answer."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from ddb_aiquery._cache import open_store
from ddb_aiquery._databricks_login import PROFILE_VARIABLE
from ddb_aiquery._engine.rates import read_limit
from ddb_aiquery._engine.shared import endpoint_id
from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._settings import Settings, load
from ddb_aiquery._transport import Transport
from ddb_aiquery._transport.workspace import Served, served
from ddb_aiquery._values import Endpoint, Failure, Form, Kind, Question
from ddb_aiquery.errors import AiQueryError

COLUMNS = ("name", "provider", "task", "model", "state", "latency", "limits")
_TASKS = {"llm/v1/chat": "chat", "llm/v1/embeddings": "embedding", "": "custom"}
_QUESTIONS = {
    "chat": Question("", "Say OK.", Form.TEXT, '{"max_tokens":16}'),
    "embedding": Question("", "OK", Form.EMBED),
}
_UNBOUND = 10_000
Row = dict[str, str]


def run(config: Any = None, *, test: bool = False) -> int:
    """Print a line an endpoint; 1 when one cannot be used, or with `test` does not answer.

    A test asks each endpoint once, past the cache, all at the same time.
    """
    settings = load(config)
    rows = asyncio.run(_rows(settings, test=test))
    if not rows:
        sys.stdout.write(f"No endpoint is set up: add [endpoints.NAME] with base_url and model to {settings.source}\n")
        return 0
    table = Table(*(Column(name, overflow="fold") for name in COLUMNS))
    for row in rows:
        table.add_row(*(row.get(column, "") for column in COLUMNS))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _UNBOUND  # a pipe has no width at which words would have to be cut
    console.print(table)
    return int(any(row.get("failed") for row in rows))


async def _rows(settings: Settings, *, test: bool) -> list[Row]:
    own: list[Row] = []
    usable: list[Endpoint] = []
    for name in settings.entries:
        try:
            usable.append(settings.endpoint(name))
        except AiQueryError as error:
            own.append({"name": name, "state": str(error), "failed": "yes"})
    transport = Transport()
    try:
        own += await asyncio.gather(*(_row(transport, settings, endpoint, test=test) for endpoint in usable))
    finally:
        await transport.close()
    own.sort(key=lambda row: list(settings.entries).index(row["name"]))
    return own + await _workspaces(settings, usable)


async def _row(transport: Transport, settings: Settings, endpoint: Endpoint, *, test: bool) -> Row:
    row = {name: getattr(endpoint, name) for name in ("name", "provider", "task", "model")}
    limits = [f"{endpoint.max_concurrency} at once", *_lessons(settings, endpoint)]
    if endpoint.requests_per_minute:
        limits.append(f"{endpoint.requests_per_minute:,.0f} requests/min")
    if endpoint.tokens_per_minute:
        limits.append(f"{endpoint.tokens_per_minute:,.0f} tokens/min")
    if not test:
        return {**row, "state": "set up", "limits": ", ".join(limits)}
    found, told = await _tried(transport, endpoint)
    return {**row, **found, "limits": ", ".join(dict.fromkeys(limits + told))}


def _lessons(settings: Settings, endpoint: Endpoint) -> list[str]:
    """Return what was learnt of an endpoint by whoever shares this cache."""
    if settings.cache_directory is None or not settings.cache_directory.exists():
        return []
    try:
        with open_store(settings.cache_directory) as store:
            return [f"{what}: {instead}" for what, instead in store.lessons(endpoint_id(endpoint)).items()]
    except AiQueryError:  # the list is worth more than a note beside it
        return []


async def _tried(transport: Transport, endpoint: Endpoint) -> tuple[Row, list[str]]:
    """Ask an endpoint one small question, and return what came of it and the limits that its reply tells."""
    question = _QUESTIONS.get(endpoint.task)
    if question is None:
        return {"state": "not tried: a custom endpoint needs a record"}, []
    begun = time.monotonic()
    try:
        outcome, headers = await transport.send(endpoint, transport.seal(endpoint, question))
    except AiQueryError as error:
        return {"state": str(error), "failed": "yes"}, []
    latency = f"{time.monotonic() - begun:.2f} s"
    # A cut-off answer or a refusal is an answer too: the endpoint is there, and so is the model.
    if isinstance(outcome, Failure) and outcome.kind not in {Kind.TRUNCATED, Kind.REFUSED}:
        return {"state": REDACTOR.clean(outcome.message, limit=200), "failed": "yes"}, _told(headers)
    model = "" if isinstance(outcome, Failure) else outcome.model
    return {"state": "answers", "latency": latency, **({"model": model} if model else {})}, _told(headers)


def _told(headers: Mapping[str, str]) -> list[str]:
    told = ((what, read_limit(headers, what)[0]) for what in ("requests", "tokens"))
    return [f"{limit:,.0f} {what}/min" for what, limit in told if limit is not None]


async def _workspaces(settings: Settings, usable: list[Endpoint]) -> list[Row]:
    """Return what the workspaces of the settings and of the environment serve besides."""
    logins = {endpoint.base_url: endpoint for endpoint in usable if endpoint.provider == "databricks"}
    if os.environ.get("DATABRICKS_HOST") or os.environ.get(PROFILE_VARIABLE):
        try:
            implied = settings.endpoint("workspace")
            logins.setdefault(implied.base_url, implied)
        except AiQueryError as error:
            return [{"name": "(workspace)", "provider": "databricks", "state": str(error), "failed": "yes"}]
    known = {endpoint.model for endpoint in usable if endpoint.provider == "databricks"}
    lists = await asyncio.gather(*(served(login) for login in logins.values()))
    rows: list[Row] = []
    for url, found in zip(logins, lists, strict=True):
        if isinstance(found, Failure):
            rows.append({"name": f"({url})", "provider": "databricks", "state": found.message, "failed": "yes"})
        else:
            rows += [_served_row(one) for one in found if one.name not in known]
    return rows


def _served_row(one: Served) -> Row:
    task = _TASKS.get(one.task, one.task)
    state = "ready" if one.ready else "not ready"
    return {"name": one.name, "provider": "databricks", "task": task, "model": one.model, "state": state}
