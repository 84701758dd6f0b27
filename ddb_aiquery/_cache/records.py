"""What goes into the store and comes out of it, and how an Answer becomes a row and a row an Answer."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ddb_aiquery._values import Answer, Failure, Record, Usage

Row = tuple[Any, ...]

_MOST = 2**62  # an endpoint may report any number of tokens; SQLite takes 63 bits, and sums need room
_PACK_FROM = 1024
_UNPACK_AT_MOST = 64 << 20


@dataclass(frozen=True, slots=True)
class Stats:
    """The store in figures: rows, bytes on disk, micro-dollars paid, first and last answer in seconds since 1970."""

    answers: int
    failures: int
    bytes: int
    cost_micro: int
    oldest: float | None
    newest: float | None


def encode(text: str) -> bytes:
    """Return UTF-8 that keeps everything a str may hold: NUL, and the lone surrogates that JSON lets through."""
    return text.encode("utf-8", "surrogatepass")


_encoded = lru_cache(maxsize=1024)(encode)
"""Encodes texts of the kind that many rows have in common: names of endpoints and models, how an answer ended."""


def decode(data: bytes) -> str:
    """Return the very str that `encode` was given."""
    return data.decode("utf-8", "surrogatepass")


def show(data: object) -> str:
    """Return stored text for a listing: always valid Unicode, with U+FFFD where the bytes are not."""
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else ""


def pack(request: bytes) -> tuple[int, bytes]:
    """Return (1, compressed) where that pays, else (0, request)."""
    if len(request) <= _PACK_FROM:
        return 0, request
    packed = zlib.compress(request, 1)
    return (1, packed) if len(packed) < len(request) else (0, request)


def unpack(packed: object, request: object) -> bytes:
    """Return the request that `pack` was given; empty where the row is damaged, cut at 64 MiB where it is a bomb."""
    if not isinstance(request, bytes):
        return b""
    if packed != 1:
        return request
    try:
        return zlib.decompressobj().decompress(request, _UNPACK_AT_MOST)
    except zlib.error:
        return b""


def answer_row(record: Record, answer: Answer) -> Row:
    """Return the parameters of `put_answer`."""
    key, text, reasoning, finish, model, note, request_id, *tokens, checksum = answer_fields(record.key, answer)
    packed, request = pack(record.request)
    # fmt: off
    return (
        key, record.at, _encoded(record.endpoint), model, finish, note, request_id, *tokens,
        bounded(record.cost_micro), checksum, packed, text, reasoning, request,
    )
    # fmt: on


def answer_fields(key: bytes, answer: Answer) -> Row:
    """Return what is served of an answer, in the order of `look`: the key first, the note sixth, the checksum last."""
    usage = answer.usage
    # fmt: off
    fields = (
        key, encode(answer.text), encode(answer.reasoning) if answer.reasoning else b"", _encoded(answer.finish),
        _encoded(answer.model), _encoded(answer.note), encode(answer.request_id), bounded(usage.input_tokens),
        bounded(usage.output_tokens), int(usage.estimated),
    )
    # fmt: on
    return (*fields, _checksum(fields))


def failure_row(record: Record, failure: Failure) -> Row:
    """Return the parameters of `put_failure`."""
    packed, request = pack(record.request)
    usage = failure.usage
    # fmt: off
    return (
        record.key, record.at, encode(record.endpoint), encode(failure.kind.value), encode(failure.message),
        failure.status, encode(failure.request_id), bounded(usage.input_tokens), bounded(usage.output_tokens),
        int(usage.estimated), bounded(record.cost_micro), packed, encode(failure.text), request,
    )
    # fmt: on


def served(rows: Sequence[Row]) -> dict[bytes, Answer]:
    """Read the rows of `look`; one whose types or checksum are wrong is left out: a miss, never a wrong answer."""
    answers: dict[bytes, Answer] = {}
    known = _Texts()
    for row in rows:
        try:
            key, text, reasoning, finish, model, note, request_id, tokens_in, tokens_out, estimated, checksum = row
            if checksum != _checksum(row[:10]):
                continue
            # fmt: off
            answers[key] = Answer(
                text.decode("utf-8", "surrogatepass"), Usage(tokens_in, tokens_out, estimated == 1), known[finish],
                known[model], decode(reasoning) if reasoning else "", decode(request_id), True, known[note],
            )
            # fmt: on
        except (TypeError, ValueError, AttributeError):
            continue
    return answers


class _Texts(dict[bytes, str]):
    """Decoded texts of the kind that many rows have in common."""

    def __missing__(self, data: bytes) -> str:
        self[data] = decode(data)
        return self[data]


def _checksum(served: Row) -> int:
    """Return the CRC-32 of what `look` selects, which costs a tenth of reading the row."""
    key, text, reasoning, *rest = served
    head = b"%b\0%b\0%b\0%b\0%b\0%d %d %d\0" % (key, *rest)
    return zlib.crc32(text, zlib.crc32(reasoning, zlib.crc32(head)))


def bounded(number: int) -> int:
    """Return the number within what SQLite can hold and add up."""
    return number if -_MOST < number < _MOST else min(max(number, -_MOST), _MOST)
