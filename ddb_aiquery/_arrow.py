"""Arrow arrays of Python values, made from their bytes.

`pa.array` imports pandas where it is installed, which takes longer than everything else in a first answer.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa


def texts(values: Sequence[str | None]) -> pa.Array:
    """Return texts as a large_string array; None is NULL."""
    known = None if None not in values else _bits([value is not None for value in values])
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = array("q", accumulate(map(len, encoded), initial=0))
    buffers = [known, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(values), buffers)


def flags(values: Sequence[bool]) -> pa.Array:
    """Return truth values as an Arrow array."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def places(values: Sequence[int | None]) -> pa.Array:
    """Return places in another array, for `take`; None is NULL."""
    known = None if None not in values else _bits([value is not None for value in values])
    numbers = array("q", [value or 0 for value in values])
    return pa.Array.from_buffers(pa.int64(), len(values), [known, pa.py_buffer(numbers)])


def _bits(values: Sequence[bool]) -> pa.Buffer:
    """Return one bit for each value, the first in the lowest bit of the first byte (Arrow's columnar format)."""
    number = int("".join("1" if value else "0" for value in reversed(values)) or "0", 2)
    return pa.py_buffer(number.to_bytes(-(-len(values) // 8), "little"))
