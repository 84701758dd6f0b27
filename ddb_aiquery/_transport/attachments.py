"""Files that go along with a question: their type by their first bytes, and their data URL."""

from __future__ import annotations

from base64 import b64encode

from ddb_aiquery.errors import RowError

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def media_type(data: bytes) -> str:
    """Return the media type of a PNG, JPEG, WebP, GIF or PDF file.

    Raises:
        RowError: it is none of them.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    raise RowError(f"a file of {len(data)} bytes is no PNG, JPEG, WebP, GIF or PDF; other files cannot be sent")


def data_url(data: bytes) -> str:
    """Return the file as a data URL.

    Raises:
        RowError: its type is not known.
    """
    return f"data:{media_type(data)};base64,{b64encode(data).decode('ascii')}"
