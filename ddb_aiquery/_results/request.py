"""request and files: what SQL hands over, as the form and the text of a Question."""

from __future__ import annotations

import base64
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from ddb_aiquery._media import media_type
from ddb_aiquery._results.types import MAX_DEPTH
from ddb_aiquery._values import Form
from ddb_aiquery.errors import RowError

ROLES = ("system", "developer", "user", "assistant", "tool")
MAX_FILE_BYTES = 20 * 2**20


def read_request(value: Any, task: str = "chat") -> tuple[Form, str]:
    """Return how a request that is not NULL is meant, and its text; `task` is the endpoint's.

    Text is one user message, whatever it holds; a list of STRUCT(role, content) is a conversation. Any value is a
    record for a custom endpoint, and only for one.

    Raises:
        RowError: this row's request cannot be asked; the message says what is wrong with it.
    """
    if task == "custom":
        return Form.RECORD, _json(_plain(value, 0))
    if isinstance(value, str):
        return (Form.EMBED if task == "embedding" else Form.TEXT), value
    if task == "embedding":
        raise RowError(f"The request is {_kind(value)}: an embedding endpoint takes text")
    if isinstance(value, list) and not any(isinstance(item, tuple) for item in value):
        return Form.MESSAGES, _json(_conversation(value))
    if isinstance(value, dict):
        raise RowError(
            "The request is a STRUCT, which only a custom endpoint takes: give text or a list of "
            'STRUCT(role, content), or set task = "custom" for the endpoint'
        )
    raise RowError(f"The request is {_kind(value)}: cast it to VARCHAR")


def read_files(value: Any, task: str = "chat") -> tuple[bytes, ...]:
    """Return the files of one row, of known type and size; NULL gives none, NULLs in a list are left out.

    Raises:
        RowError: a file is empty, too large, or neither PNG, JPEG, WebP, GIF nor PDF; or the endpoint takes none.
    """
    files = value if isinstance(value, list) else [value]
    found = tuple(_file(one, place) for place, one in enumerate(files, 1) if one is not None)
    if found and task != "chat":
        raise RowError(f"The endpoint has the task {task}, and only chat endpoints take files: leave files out")
    return found


def _file(value: Any, place: int) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise RowError(f"File {place} is {_kind(value)}: files takes a BLOB or a list of them, as read_blob gives")
    content = bytes(value)
    if len(content) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 2**20
        raise RowError(f"File {place} has {len(content):,} bytes: the limit is {limit} MB; make it smaller")
    if media_type(content) is None:
        raise RowError(f"File {place} ({len(content):,} bytes) is neither PNG, JPEG, WebP, GIF nor PDF: convert it")
    return content


def _conversation(value: list[Any]) -> list[dict[str, Any]]:
    if not value:
        raise RowError("The request is an empty list: give at least one message")
    return [_message(item, place) for place, item in enumerate(value, 1)]


def _message(item: Any, place: int) -> dict[str, Any]:
    if not isinstance(item, dict) or "role" not in item or "content" not in item:
        raise RowError(
            f"Message {place} of the request is no STRUCT(role, content): write {{'role': 'user', 'content': ...}}"
        )
    message = {str(name): _plain(part, 0) for name, part in item.items() if part is not None}
    role = message.get("role")
    if role not in ROLES:
        raise RowError(f"Message {place} of the request has the role {role!r}: take {', '.join(ROLES)}")
    if "content" not in message and "tool_calls" not in message:
        raise RowError(f"Message {place} of the request has no content: filter NULLs, or use coalesce")
    if not isinstance(message.get("content", ""), str | list):
        raise RowError(f"Message {place} of the request has {_kind(message['content'])} as content: cast it to VARCHAR")
    return message


def _plain(value: Any, depth: int) -> Any:
    """Return the value with every MAP, which Arrow gives as a list of pairs, as a dict."""
    if depth > MAX_DEPTH:
        raise RowError(f"The request is nested more than {MAX_DEPTH} deep: make it flatter")
    if isinstance(value, list) and value and all(isinstance(pair, tuple) for pair in value):
        value = dict(value)
    if isinstance(value, dict):
        return {str(name): _plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    return value


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=_scalar).decode()
    except TypeError as error:
        raise RowError(f"The request cannot be written as JSON: {error}") from None


def _scalar(value: Any) -> Any:
    """Return what JSON has no kind for, as serving endpoints expect it: numbers as numbers, bytes in base64."""
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"cast {_kind(value)} to VARCHAR")


def _kind(value: Any) -> str:
    return f"a value of type {type(value).__name__}"
