"""`ddb-aiquery translate`: Databricks SQL, from the command line, a file or standard input, as DuckDB SQL."""

from __future__ import annotations

import os.path
import sys
from pathlib import Path

from ddb_aiquery._translate import translate
from ddb_aiquery.errors import AiQueryError


def run(given: str) -> int:
    """Print the translation.

    Raises:
        AiQueryError: the text cannot be translated, or the file not be read.
    """
    print(translate(_text(given)))  # noqa: T201 (a command prints)
    return 0


def _text(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    is_name = given.lower().endswith(".sql") and len(given.split()) == 1
    if not is_name and not os.path.isfile(given):  # noqa: PTH113 (a statement may be longer than any name)
        return given
    try:
        return Path(given).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise AiQueryError(f"cannot read {given}: {reason}") from None
