"""Answers on their way into a table: DuckDB cannot take them in while the questions are still streaming out of it."""

from __future__ import annotations

import io
import tempfile
from threading import Lock
from typing import IO, Any

import pyarrow as pa

IN_MEMORY = 64 << 20
"""Bytes of answers that are held before all go to an unlinked temporary file."""


class Spill:
    """Collects tables of one schema; what does not fit `IN_MEMORY` waits on disk.

    DuckDB reads it through Arrow's PyCapsule interface, as often and in as many places at once as it likes.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self._lock = Lock()
        self.rows = 0

    @property
    def on_disk(self) -> bool:
        """Tell whether the tables did not fit in memory."""
        return self._file is not None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch in."""
        self.rows += batch.num_rows
        self._held.append(batch)
        self._bytes += batch.nbytes
        if self._bytes > IN_MEMORY:
            self._flush()

    def reader(self) -> pa.RecordBatchReader:
        """Return all that was taken in; nothing can be added afterwards."""
        if self._file is None:
            return pa.RecordBatchReader.from_batches(self._schema, self._held)
        if self._writer is not None:
            self._flush()
            self._writer.close()
            self._writer = None
        return pa.ipc.open_stream(pa.PythonFile(_View(self._file, self._lock), "r"))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.reader().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        return self._schema.__arrow_c_schema__()

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


class _View(io.RawIOBase):
    """A place of one's own in a file that others read too."""

    def __init__(self, file: IO[bytes], lock: Lock) -> None:
        self._file, self._lock, self._at = file, lock, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._lock:
            self._file.seek(self._at)
            count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._at += count
        return count
