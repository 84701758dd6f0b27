from __future__ import annotations

import re
import subprocess
import sys


def test_the_demo_runs_three_queries_and_its_second_run_sends_nothing() -> None:
    """`ddb-aiquery demo` says that it is simulated, asks 307 questions, and answers its second run from the cache."""
    done = subprocess.run([sys.executable, "-m", "ddb_aiquery", "demo"], capture_output=True, text=True, check=True)
    assert "imulated" in done.stdout
    first, _, second = done.stdout.partition("Second run")
    assert [int(n) for n in re.findall(r"(\d+) sent", first)] == [7, 195, 105]
    assert [int(n) for n in re.findall(r"(\d+) sent", second)] == [0, 0, 0]
    assert [int(n) for n in re.findall(r"(\d+)\s+cached", second)] == [7, 195, 105]
    assert re.findall(r"([\d,]+) rows, ", first) == ["7", "3,000", "5,000"]
    assert len(re.findall(r"7 of [\d,]+ rows", first)) == 1
