"""What kind of file some bytes are, told by the first of them."""

from __future__ import annotations

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def media_type(content: bytes) -> str | None:
    """Return the media type of a PNG, JPEG, WebP, GIF or PDF file; None for any other."""
    for magic, name in _MAGIC:
        if content.startswith(magic):
            return name
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None
