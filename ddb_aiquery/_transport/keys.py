"""The key of a question in wire form: equal keys mean the same bill (research/reliability.md 3.4)."""

from __future__ import annotations

import hashlib
from typing import Any

_VERSION = b"ddb_aiquery\0v1\0"


def sealer(dialect: str, origin: str, path: str) -> Any:
    """Return a SHA-256 that has taken in all fields but the body; copy it, then `add` the body and take the digest."""
    digest = hashlib.sha256(_VERSION)
    for field in (dialect, origin, path):
        add(digest, field.encode())
    return digest


def add(digest: Any, field: bytes) -> None:
    """Take one field in, its length (8 bytes, big end first) before it, so that no two lists of fields look alike."""
    digest.update(len(field).to_bytes(8, "big"))
    digest.update(field)


def seal(dialect: str, origin: str, path: str, body: bytes) -> bytes:
    """Return the 32 bytes that stand for this request: SHA-256 over the version and every field with its length."""
    digest = sealer(dialect, origin, path)
    add(digest, body)
    result: bytes = digest.digest()
    return result
