"""Files that go along with a question, as data URLs."""

from __future__ import annotations

from base64 import b64encode

from ddb_aiquery._media import media_type
from ddb_aiquery.errors import RowError


def data_url(data: bytes) -> str:
    """Return a PNG, JPEG, WebP, GIF or PDF file as a data URL.

    Raises:
        RowError: it is none of them.
    """
    name = media_type(data)
    if name is None:
        raise RowError(f"a file of {len(data)} bytes is no PNG, JPEG, WebP, GIF or PDF; other files cannot be sent")
    return f"data:{name};base64,{b64encode(data).decode('ascii')}"
