"""Answers on their way into a table: DuckDB cannot take them in while the questions are still streaming out of it."""

from __future__ import annotations

import tempfile
from typing import IO

import pyarrow as pa

IN_MEMORY = 64 << 20
"""Bytes of answers that are held before the rest goes to an unlinked temporary file."""


class Spill:
    """Collects tables of one schema; what does not fit `IN_MEMORY` waits on disk."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch in."""
        self.rows += batch.num_rows
        self._held.append(batch)
        self._bytes += batch.nbytes
        if self._bytes > IN_MEMORY:
            self._flush()

    def reader(self) -> pa.RecordBatchReader:
        """Return all that was taken in; nothing can be added afterwards."""
        if self._writer is None or self._file is None:
            return pa.RecordBatchReader.from_batches(self._schema, self._held)
        self._flush()
        self._writer.close()
        self._file.seek(0)
        return pa.ipc.open_stream(self._file)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        if self._writer is None:
            self._file = tempfile.TemporaryFile(prefix="ddb_aiquery-")  # noqa: SIM115 (closed by close)
            self._writer = pa.ipc.new_stream(self._file, self._schema)
        for batch in self._held:
            self._writer.write_batch(batch)
        self._held, self._bytes = [], 0
