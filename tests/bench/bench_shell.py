"""How long the shell takes from its start to its prompt, in a real terminal, and to the first answer of DuckDB;
and what a connection costs: the first of a process with its imports, and each one after it.

python tests/bench/bench_shell.py [TIMES]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "shell"))
from terminal import CTRL_D, ENTER, PROGRAM, ROOT, Terminal


def measure(environ: dict[str, str], home: Path) -> tuple[float, float]:
    """Return the seconds to the prompt and to the first result."""
    begun = time.perf_counter()
    terminal = Terminal(PROGRAM, environ, cwd=home, rows=24)
    terminal.wait_for("memory D")
    prompt = time.perf_counter() - begun
    terminal.type("SELECT 42 AS answer;" + ENTER)
    terminal.wait_for("│     42 │")
    result = time.perf_counter() - begun
    terminal.wait_for("memory D", times=2)
    terminal.type(CTRL_D)
    terminal.wait_end()
    terminal.close()
    return prompt, result


CONNECTING = """
import time
begun = time.perf_counter()
import ddb_aiquery
ddb_aiquery.connect(config={})
first = time.perf_counter()
ddb_aiquery.connect(config={})
print(first - begun, time.perf_counter() - first)
"""


def connecting(environ: dict[str, str]) -> tuple[float, ...]:
    """Return the seconds that the first connection of a new process takes, and the second."""
    done = subprocess.run(
        [sys.executable, "-c", CONNECTING], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    return tuple(map(float, done.stdout.split()))


def main(times: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"HOME": folder, "XDG_STATE_HOME": folder, "DDB_AIQUERY_CACHE": folder}
        environ |= {"PYTHONPATH": str(ROOT), "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm-256color"}
        measure(environ, Path(folder))  # once for the bytecode
        runs = [(*measure(environ, Path(folder)), *connecting(environ)) for _ in range(times)]
    names = ("prompt", "first result", "first connect", "next connect")
    for name, figures in zip(names, zip(*runs, strict=True), strict=True):
        print(f"{name:<13} median {statistics.median(figures):.3f} s, best {min(figures):.3f} s of {times}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
