"""A child of the bridge that answers with what it got, or misbehaves as the text of the request says."""

import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

import pyarrow as pa

from ddb_aiquery._shell.native import child
from ddb_aiquery._shell.native.wire import What
from ddb_aiquery.errors import AiQueryError

waiting: list[str] = []


def answer(what: What, columns: Sequence[pa.Array]) -> pa.Array:
    """Answer each row with the Python form of its last argument; NULL with NULL; `wait` with how many came so far."""
    if what is What.STRUCTURE:
        return pa.array(['"VARCHAR"'] * len(columns[0]))
    values = columns[-1].to_pylist()
    match values[0]:
        case "die":
            os.kill(os.getpid(), 9)
        case "fail":
            raise AiQueryError("this went wrong")
        case "crash":
            raise KeyError("no such thing")
        case "long":
            return pa.array(["x" * 5_000_000] * len(values), pa.large_string())
        case str(text) if text.startswith("wait"):
            waiting.append(text)
            time.sleep(float(text.removeprefix("wait ")))
            peak = len(waiting)
            return pa.array([str(peak)] * len(values))
    return pa.array([None if value is None else repr(value) for value in values], pa.large_string())


child._detach()
child.serve(socket.socket(fileno=os.dup(0)), answer, lambda: None)
