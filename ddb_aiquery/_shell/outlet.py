"""Where results go when it is not stdout: a file, or a command that reads them."""

from __future__ import annotations

import contextlib
import io
import subprocess
from pathlib import Path

from ddb_aiquery.errors import AiQueryError


class Outlet(io.TextIOWrapper):
    """A text stream into a file, or after `|` into a command of the system's shell; closing it waits for its end.

    Raises:
        AiQueryError: the file cannot be written.
    """

    def __init__(self, target: str) -> None:
        self._reader: subprocess.Popen[bytes] | None = None
        if target.startswith("|"):
            self._reader = subprocess.Popen(target[1:], shell=True, stdin=subprocess.PIPE)  # noqa: S602 (the user's own)
            stream = self._reader.stdin
        else:
            try:
                stream = Path(target).expanduser().open("wb")
            except OSError as error:
                raise AiQueryError(f"cannot write {target}: {error.strerror}") from None
        super().__init__(stream, encoding="utf-8", errors="surrogateescape")  # type: ignore[arg-type]  # it is a pipe

    def close(self) -> None:
        """Hand over what is left, and wait until a command has read it."""
        with contextlib.suppress(BrokenPipeError):  # the command has seen enough
            super().close()
        if self._reader is not None:
            self._reader.wait()
