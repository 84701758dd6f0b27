"""The key of a question in wire form: equal keys mean the same bill."""

from __future__ import annotations

import hashlib
from typing import Any

_VERSION = b"ddb_aiquery\0v1\0"


def sealer(dialect: str, origin: str, path: str) -> Any:
    """Return a SHA-256 that has taken in the version and all fields of a key but the body."""
    return hashlib.sha256(_VERSION + b"".join(_framed(field.encode()) for field in (dialect, origin, path)))


def key_of(sealer: Any, body: bytes) -> bytes:
    """Return the 32 bytes that stand for the request with this body; the sealer stays as it is."""
    digest = sealer.copy()
    digest.update(_framed(body))
    key: bytes = digest.digest()
    return key


def _framed(field: bytes) -> bytes:
    """Return a field with its length (8 bytes, big end first) before it, so that no two lists of fields look alike."""
    return len(field).to_bytes(8, "big") + field
