"""What the store shows of itself: runs, answers, failures, figures, an export; and how it is cleared."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import apsw
import orjson
import pyarrow as pa

from ddb_aiquery._cache.database import Part
from ddb_aiquery._cache.records import Row, Stats, bounded, encode, show, unpack
from ddb_aiquery._cache.sqlite import SQL, rows
from ddb_aiquery.errors import CacheError

_AT_ONCE = 2_048
_PROMPT_CHARACTERS = 200
_LAST_SECOND = 253_402_300_799  # 9999-12-31: a planted time beyond it is shown as NULL

_COMMON = [
    ("key", pa.string()),
    ("endpoint", pa.string()),
    ("created", pa.timestamp("us", "UTC")),
    ("prompt", pa.string()),
    ("text", pa.large_string()),
    ("input_tokens", pa.int64()),
    ("output_tokens", pa.int64()),
    ("estimated", pa.bool_()),
    ("cost_usd", pa.float64()),
    ("request_id", pa.string()),
]
ANSWERS = pa.schema([*_COMMON, ("model", pa.string()), ("finish", pa.string()), ("note", pa.string())])
FAILURES = pa.schema(
    [*_COMMON, ("kind", pa.string()), ("message", pa.string()), ("status", pa.int64()), ("times", pa.int64())]
)
_REQUEST = pa.field("request", pa.large_string())

_RUN_TEXTS = ("id", "endpoint", "label", "sql")
_RUN_NUMBERS = (
    *("rows", "questions", "cached", "sent", "retried", "failed"),
    *("input_tokens", "output_tokens", "cost_micro", "saved_micro"),
)


class Listing(Part):
    """The part of the store that table functions and the command line read."""

    def record_run(self, row: Mapping[str, Any]) -> None:
        """Write down what a statement did; `id` and `at` are needed, of the rest what is missing becomes NULL.

        Keys: id, at (seconds since 1970), endpoint, label, sql, rows, questions, cached, sent, retried, failed,
        input_tokens, output_tokens, cost_micro, saved_micro, seconds. Others are passed over.
        """
        texts = {name: None if row.get(name) is None else encode(str(row[name])) for name in _RUN_TEXTS}
        numbers = {name: None if row.get(name) is None else bounded(int(row[name])) for name in _RUN_NUMBERS}
        seconds = {"at": row["at"], "seconds": row.get("seconds")}
        self._database.write(lambda it: it.execute(SQL["put_run"], texts | numbers | seconds), durable=False)

    def runs(self) -> list[dict[str, Any]]:
        """Return the rows of `record_run`, oldest first, each with every key."""
        names = ["id", "at", *_RUN_TEXTS[1:], *_RUN_NUMBERS, "seconds"]
        read = self._database.read(lambda it: rows(it, "runs"))
        return [{name: show(v) if isinstance(v, bytes) else v for name, v in zip(names, r, strict=True)} for r in read]

    def answers(self, *, whole: bool = False) -> Iterator[pa.RecordBatch]:
        """Yield the answers with the schema `ANSWERS`, the prompts shortened; `whole` adds the request as it was sent.

        The store may change between two batches.
        """
        return self._list("list_answers", ANSWERS, _answer, whole)

    def failures(self, *, whole: bool = False) -> Iterator[pa.RecordBatch]:
        """Yield the failures with the schema `FAILURES`, otherwise as `answers` does."""
        return self._list("list_failures", FAILURES, _failure, whole)

    def stats(self) -> Stats:
        """Return the store in figures."""
        return Stats(*self._database.read(lambda it: rows(it, "stats"))[0])

    def clear(self, older_than: float | None = None, endpoint: str | None = None) -> int:
        """Forget answers and failures and give the space back; return how many answers.

        `older_than` is in seconds since 1970. Nothing else ever removes an answer.
        """
        which = {"before": older_than, "endpoint": None if endpoint is None else encode(endpoint)}

        def work(connection: apsw.Connection) -> int:
            connection.execute(SQL["clear_failures"], which)
            connection.execute(SQL["clear_answers"], which)
            return connection.changes()

        gone = self._database.write(work)
        with contextlib.suppress(CacheError):  # another process is busy with the file: it is smaller another day
            self._database.tidy()
        return gone

    def export(self, path: Path) -> int:
        """Write every answer with its whole request to a new file that only its owner can read; return how many.

        `.parquet` gives Parquet, `.jsonl`, `.ndjson` and `.json` give JSON lines.

        Raises:
            CacheError: the suffix is another one, or the file is there already or cannot be written.
        """
        write = {".parquet": _parquet, ".jsonl": _lines, ".ndjson": _lines, ".json": _lines}.get(path.suffix.lower())
        if write is None:
            raise CacheError(f"cannot export to {path}: its name must end in .parquet or .jsonl")
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as file:
                return write(file, self.answers(whole=True))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise CacheError(f"cannot export to {path}: {reason}; choose another place or name") from None

    def _list(
        self, statement: str, schema: pa.Schema, read: Callable[[Row], Row], whole: bool
    ) -> Iterator[pa.RecordBatch]:
        schema = schema.append(_REQUEST) if whole else schema
        after = 0
        while True:
            found = self._database.read(lambda it, after=after: rows(it, statement, (after, _AT_ONCE)))  # type: ignore[misc]
            if not found:
                return
            after = found[-1][0]
            columns = zip(*([*read(row), *([show(_request(row))] if whole else [])] for row in found), strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _common(row: Row) -> Row:
    """Read the columns that answers and failures share; a value of the wrong type is shown as NULL, zero or empty."""
    _, key, endpoint, created, text, request_id, tokens_in, tokens_out, estimated, cost_micro, *_ = row
    at = int(created * 1e6) if isinstance(created, float) and 0 <= created <= _LAST_SECOND else None
    # fmt: off
    return (
        key.hex() if isinstance(key, bytes) else "", show(endpoint), at, _prompt(_request(row)), show(text),
        _count(tokens_in), _count(tokens_out), estimated == 1, _count(cost_micro) / 1e6, show(request_id),
    )
    # fmt: on


def _answer(row: Row) -> Row:
    return (*_common(row), *map(show, row[12:]))


def _failure(row: Row) -> Row:
    kind, message, status, times = row[12:]
    return (*_common(row), show(kind), show(message), None if status is None else _count(status), _count(times))


def _request(row: Row) -> bytes:
    return unpack(row[10], row[11])


def _count(number: object) -> int:
    return number if isinstance(number, int) else 0


def _prompt(request: bytes) -> str:
    """Return what a reader knows the question by: the last message's text or the input, shortened."""
    text = show(request)
    with contextlib.suppress(orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        body = orjson.loads(request)
        said = body["messages"][-1]["content"] if "messages" in body else body["input"]
        text = said if isinstance(said, str) else orjson.dumps(said).decode()
    return text if len(text) <= _PROMPT_CHARACTERS else text[: _PROMPT_CHARACTERS - 1] + "…"


def _parquet(file: Any, batches: Iterator[pa.RecordBatch]) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415 (a first answer needs none of it)

    written = 0
    with pq.ParquetWriter(file, ANSWERS.append(_REQUEST), compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            written += batch.num_rows
    return written


def _lines(file: Any, batches: Iterator[pa.RecordBatch]) -> int:
    written = 0
    for batch in batches:
        file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in batch.to_pylist())
        written += batch.num_rows
    return written
