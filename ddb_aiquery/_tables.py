"""What the package knows of itself: endpoints, usage, answers and errors as Arrow tables for `ai_...()` in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from ddb_aiquery._cache.listing import ANSWERS, FAILURES
from ddb_aiquery._engine.budget import MICRO
from ddb_aiquery._engine.pool import Pool
from ddb_aiquery._engine.shared import endpoint_id
from ddb_aiquery._session import Session
from ddb_aiquery._sql import identifier
from ddb_aiquery._values import Endpoint
from ddb_aiquery.errors import AiQueryError

ENDPOINTS = pa.schema(
    [
        *((name, pa.string()) for name in ("name", "provider", "task", "model", "base_url", "state")),
        ("max_concurrency", pa.int64()),
        ("concurrency_now", pa.int64()),
        ("in_flight", pa.int64()),
        ("requests_per_minute", pa.float64()),
        ("tokens_per_minute", pa.float64()),
        ("input_price", pa.float64()),
        ("output_price", pa.float64()),
        ("learnt", pa.string()),
    ]
)
USAGE = pa.schema(
    [
        ("id", pa.string()),
        ("created", pa.timestamp("us")),
        *((name, pa.string()) for name in ("endpoint", "label", "sql")),
        *((name, pa.int64()) for name in ("rows", "questions", "cached", "sent", "retried", "failed")),
        *((name, pa.int64()) for name in ("input_tokens", "output_tokens")),
        *((name, pa.float64()) for name in ("cost_usd", "saved_usd", "seconds")),
    ]
)


def endpoints(session: Session) -> pa.Table:
    """Return one row an endpoint: of the settings, and any other that was called; limits learnt included."""
    pools = {pool.endpoint.name: pool for pool in session.engine.pools()}
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys([*session.settings.entries, *pools]):
        pool = pools.get(name)
        try:
            endpoint, state = (pool.endpoint if pool else session.settings.endpoint(name)), "set up"
        except AiQueryError as error:
            rows.append({"name": name, "state": str(error)})
            continue
        row = {field: getattr(endpoint, field, None) for field in ENDPOINTS.names}
        row |= {"state": state, "learnt": _lessons(session, pool, endpoint)}
        if pool is not None:
            row |= {"state": "in use", "concurrency_now": pool.pace.limit, "in_flight": pool.pace.in_flight}
        rows.append(row)
    return pa.Table.from_pylist(rows, ENDPOINTS)


def _lessons(session: Session, pool: Pool | None, endpoint: Endpoint) -> str:
    """Return what the endpoint refuses and what is sent instead; empty where nothing was learnt."""
    lessons = pool.shared.lessons if pool is not None else session.engine.store.lessons(endpoint_id(endpoint))
    return "; ".join(f"{what}: {instead}" for what, instead in lessons.items())


def usage(session: Session) -> pa.Table:
    """Return one row a statement, oldest first, of every process that shares the cache."""
    session.end_past()
    rows = []
    for run in session.engine.store.runs():
        times = {"created": datetime.fromtimestamp(run["at"], UTC).replace(tzinfo=None)}
        money = {f"{name}_usd": (run[f"{name}_micro"] or 0) / MICRO for name in ("cost", "saved")}
        rows.append({**run, **times, **money})
    return pa.Table.from_pylist(rows, USAGE)


def answers(session: Session) -> pa.Table:
    """Return one row an answer that is kept."""
    return _without_zone(pa.Table.from_batches(session.engine.store.answers(), ANSWERS))


def failures(session: Session) -> pa.Table:
    """Return one row a question that failed, with the reason."""
    return _without_zone(pa.Table.from_batches(session.engine.store.failures(), FAILURES))


def _zoneless(schema: pa.Schema) -> pa.Schema:
    """Return the schema with UTC times as TIMESTAMP: DuckDB needs pytz to hand a TIMESTAMPTZ to Python."""
    plain = pa.timestamp("us")
    return pa.schema([field.with_type(plain) if pa.types.is_timestamp(field.type) else field for field in schema])


def _without_zone(table: pa.Table) -> pa.Table:
    return table.cast(_zoneless(table.schema))


TABLES: Mapping[str, tuple[Callable[[Session], pa.Table], pa.Schema]] = MappingProxyType(
    {
        "__ai_endpoints": (endpoints, ENDPOINTS),
        "__ai_usage": (usage, USAGE),
        "__ai_cache": (answers, _zoneless(ANSWERS)),
        "__ai_errors": (failures, _zoneless(FAILURES)),
    }
)
_TYPES = {
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us"): "TIMESTAMP",
}


def list_type(schema: pa.Schema) -> str:
    """Return DuckDB's type for all rows of a table as one value."""
    fields = ", ".join(f"{identifier(field.name)} {_TYPES[field.type]}" for field in schema)
    return f"STRUCT({fields})[]"


def as_value(table: pa.Table, count: int) -> Any:
    """Return an array of `count` times the whole table as a list of structs."""
    structs = table.to_struct_array().combine_chunks() if table.num_rows else pa.array([], pa.struct(table.schema))
    rows = pa.concat_arrays([structs] * count)
    offsets = pa.array([table.num_rows * i for i in range(count + 1)], pa.int64())
    return pa.LargeListArray.from_arrays(offsets, rows)
