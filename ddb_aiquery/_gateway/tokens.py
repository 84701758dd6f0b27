"""The gateway's token: made once, kept where only its owner reads it."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path

import platformdirs

from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._values import Secret
from ddb_aiquery.errors import SettingsError

VARIABLE = "DDB_AIQUERY_GATEWAY_TOKEN"
BYTES = 32
_SHORTEST = 32
"""Characters below which a token could be guessed; ours have 43."""


def usual_file() -> Path:
    """Return where the token is kept when nobody names a file."""
    return Path(platformdirs.user_state_dir("ddb_aiquery", appauthor=False)) / "gateway-token"


def given(text: str, source: str) -> Secret:
    """Return a token that the user chose.

    Raises:
        SettingsError: it is too short, or cannot stand in a header.
    """
    text = text.strip()
    if len(text) < _SHORTEST or not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError(
            f"the token in {source} must have at least {_SHORTEST} printable ASCII characters, no spaces"
        )
    REDACTOR.register(text)
    return Secret(text)


def kept(path: Path) -> Secret:
    """Read the token of a file.

    Raises:
        SettingsError: it cannot be read, or others than its owner can read it too.
    """
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4096)
    except OSError as error:
        raise SettingsError(f"cannot read the token file {path}: {error.strerror}") from None
    if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"others can read the token file {path}: run chmod 600 '{path}'")
    return given(text, str(path))


def made(path: Path) -> Secret:
    """Make a token of 256 bits and keep it in a new file with mode 0600.

    Raises:
        SettingsError: the file cannot be made.
    """
    token = secrets.token_urlsafe(BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingsError(f"cannot make the token file {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return given(token, str(path))
