"""The frames of `bridge.c` as Arrow arrays, and answers as frames; layouts are described there."""

from __future__ import annotations

import struct
from enum import IntEnum
from socket import socket
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HEAD = struct.Struct("=QII")


class What(IntEnum):
    """What a request asks for."""

    QUERY = 0
    STRUCTURE = 1
    DEFAULT_ENDPOINT = 2
    LISTING = 3
    CANCEL = 4


def receive(stream: socket) -> tuple[int, What, bytearray] | None:
    """Return the next request's id, kind and body, None at the end of the stream.

    Raises:
        OSError: the stream broke.
    """
    head = _exactly(stream, HEAD.size)
    if head is None:
        return None
    length, number, what = HEAD.unpack(head)
    body = _exactly(stream, length)
    return None if body is None else (number, What(what), body)


def _exactly(stream: socket, length: int) -> bytearray | None:
    data = bytearray(length)
    view = memoryview(data)
    while view:
        got = stream.recv_into(view)
        if not got:
            return None
        view = view[got:]
    return data


def answers(number: int, column: pa.Array) -> bytes:
    """Return the frame of one column of texts."""
    texts = column.cast(pa.large_string()).fill_null("")
    _, offset_buffer, data = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    text = memoryview(data or b"")[offsets[0] : offsets[-1]]
    sizes = np.diff(offsets)
    if column.null_count:
        sizes[np.asarray(column.is_null())] = -1
    return b"".join((HEAD.pack(sizes.nbytes + len(text), number, 0), sizes.tobytes(), text))


def error(number: int, message: str) -> bytes:
    """Return the frame of an error; C reads its text up to the first NUL."""
    text = message.replace("\0", " ").encode("utf-8", "replace")
    return HEAD.pack(len(text), number, 1) + text


def columns(body: bytearray) -> list[pa.Array]:
    """Return a request's argument columns, all of equal length, over the body's own memory where they can be."""
    reader = _Reader(body)
    _, count = reader.numbers("=II")
    return [reader.vector() for _ in range(count)]


class _Reader:
    """Reads vectors one after the other."""

    def __init__(self, body: bytearray) -> None:
        self._body = body
        self._buffer = pa.py_buffer(body)
        self._at = 0

    def vector(self) -> pa.Array:
        """Return the next vector with its children."""
        rows, kind, detail, form = self.numbers("=QIIQ")
        names = [self._name() for _ in range(detail)] if kind in (_ENUM, _STRUCT) else []
        self._align()
        equal, masked, width = form & 64, form & 32, form & 31
        mask = self._take((rows + 63) // 64 * 8) if masked else None
        if equal:
            return pa.repeat(self._flat(kind, detail, width, 1, names, mask)[0], rows)
        if kind == _STRUCT:
            fields = [self.vector() for _ in names]
            return pa.StructArray.from_arrays(fields, names, mask=_nulls(mask, rows)) if names else pa.nulls(rows)
        if kind in (_LIST, _MAP):
            entries = np.frombuffer(self._take(rows * width), np.int64).reshape(rows, 2)
            return _lists(entries, self.vector(), _nulls(mask, rows), is_map=kind == _MAP)
        return self._flat(kind, detail, width, rows, names, mask)

    def _flat(
        self, kind: int, detail: int, width: int, rows: int, names: list[str], mask: pa.Buffer | None
    ) -> pa.Array:
        if kind in _TEXTS:
            return self._texts(_TEXTS[kind], rows, mask)
        data = self._take(rows * width)
        self._align()
        if kind in _NUMBERS:
            return pa.Array.from_buffers(_NUMBERS[kind], rows, [mask, data])
        if kind == _BOOLEAN:
            return pa.Array.from_buffers(pa.uint8(), rows, [mask, data]).cast(pa.bool_())
        if kind == _DECIMAL:
            return _decimals(data, width, mask, pa.decimal128(detail & 255, detail >> 8))
        if kind == _ENUM:
            return pa.array(names, pa.large_string()).take(pa.Array.from_buffers(_UNSIGNED[width], rows, [mask, data]))
        return pa.nulls(rows)

    def _texts(self, kind: pa.DataType, rows: int, mask: pa.Buffer | None) -> pa.Array:
        offsets = self._take((rows + 1) * 8)
        (length,) = struct.unpack_from("=Q", offsets, rows * 8)
        data = self._take(length)
        self._align()
        return pa.Array.from_buffers(kind, rows, [mask, offsets, data])

    def numbers(self, form: str) -> tuple[int, ...]:
        """Return the next numbers."""
        found = struct.unpack_from(form, self._body, self._at)
        self._at += struct.calcsize(form)
        return found

    def _name(self) -> str:
        (length,) = self.numbers("=I")
        return bytes(self._take(length)).decode()

    def _take(self, length: int) -> pa.Buffer:
        part = self._buffer.slice(self._at, length)
        self._at += length
        return part

    def _align(self) -> None:
        self._at += -self._at % 8


def _nulls(mask: pa.Buffer | None, rows: int) -> pa.BooleanArray | None:
    """Return where a mask says NULL, as Arrow's constructors take it."""
    return None if mask is None else pc.invert(pa.Array.from_buffers(pa.bool_(), rows, [None, mask]))


def _decimals(data: pa.Buffer, width: int, mask: pa.Buffer | None, kind: pa.DataType) -> pa.Array:
    """Widen DuckDB's decimals of 2, 4 or 8 bytes to the 16 of Arrow."""
    if width < 16:  # noqa: PLR2004
        short = np.frombuffer(data, f"=i{width}").astype(np.int64)
        data = pa.py_buffer(np.stack((short, short >> 63), axis=1))
    return pa.Array.from_buffers(kind, data.size // 16, [mask, data])


def _lists(entries: Any, child: pa.Array, nulls: pa.BooleanArray | None, *, is_map: bool) -> pa.Array:
    """Put the lists, which DuckDB may hold in any order and with gaps, one after the other."""
    starts, sizes = entries[:, 0], entries[:, 1].copy()
    if nulls is not None:
        sizes[np.asarray(nulls)] = 0  # a NULL's entry holds anything
    ends = np.cumsum(sizes)
    places = np.arange(sizes.sum()) + np.repeat(starts - (ends - sizes), sizes)
    offsets = np.concatenate(([0], ends))
    child = child.take(pa.array(places))
    if is_map:
        keys, items = child.flatten()
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items, mask=nulls)
    return pa.LargeListArray.from_arrays(pa.array(offsets), child, mask=nulls)


_BOOLEAN, _DECIMAL, _ENUM, _LIST, _STRUCT, _MAP = 1, 19, 23, 24, 25, 26
_TEXTS = {17: pa.large_string(), 18: pa.large_binary()}
_UNSIGNED = {1: pa.uint8(), 2: pa.uint16(), 4: pa.uint32()}
_NUMBERS = {
    2: pa.int8(),
    3: pa.int16(),
    4: pa.int32(),
    5: pa.int64(),
    6: pa.uint8(),
    7: pa.uint16(),
    8: pa.uint32(),
    9: pa.uint64(),
    10: pa.float32(),
    11: pa.float64(),
    12: pa.timestamp("us"),
    13: pa.date32(),
    14: pa.time64("us"),
    16: pa.decimal128(38),  # HUGEINT
    20: pa.timestamp("s"),
    21: pa.timestamp("ms"),
    22: pa.timestamp("ns"),
    31: pa.timestamp("us", "UTC"),
}
"""DuckDB's type numbers whose values Arrow holds in the same bytes."""
