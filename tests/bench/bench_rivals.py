"""The same rows asked in other ways: `python tests/bench/bench_rivals.py [VENV]` installs those into a folder of their own.

1,000 rows with 100 distinct prompts; an endpoint that takes 50 ms. Each way runs twice in a process of its own; then on
an endpoint that says 429 to every fifth request. DuckDB's C++ extensions are left out: none could be had for DuckDB 2.0.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS, PROMPTS, LATENCY, WIDTH, FIFTH = 1_000, 100, 0.05, 64, 5
PACKAGES = ("duckdb", "daft[openai]", "polars-llm[openai]")
MODEL = "test-model"


def ours(path: str, url: str) -> int:
    """Count answered rows by `ai_query`."""
    import ddb_aiquery  # noqa: PLC0415 (each way imports its own)

    settings = {"endpoints": {"test": {"base_url": url, "model": MODEL, "api_key": "test-key"}}}
    with ddb_aiquery.connect(config=settings) as con:
        (answered,) = con.execute("SELECT count(ai_query('test', prompt)) FROM read_parquet(?)", [path]).fetchone()
    return int(answered)


def function(path: str, url: str) -> int:
    """Count answered rows by the function that one writes first: OpenAI's client in DuckDB's create_function."""
    import duckdb  # noqa: PLC0415
    from openai import OpenAI  # noqa: PLC0415

    con = duckdb.connect()
    con.create_function("ask", lambda prompt: _ask(OpenAI, url, prompt), ["VARCHAR"], "VARCHAR")
    return int(con.execute("SELECT count(ask(prompt)) FROM read_parquet(?)", [path]).fetchall()[0][0])


def by_hand(path: str, url: str) -> int:
    """Count answered rows by the script that one writes next: distinct prompts, 64 threads, a join."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    import duckdb  # noqa: PLC0415
    from openai import OpenAI  # noqa: PLC0415

    con = duckdb.connect()
    con.execute("CREATE TABLE answers (prompt VARCHAR, answer VARCHAR)")
    prompts = [prompt for (prompt,) in con.execute("SELECT DISTINCT prompt FROM read_parquet(?)", [path]).fetchall()]
    with ThreadPoolExecutor(WIDTH) as threads:
        answers = threads.map(lambda prompt: (prompt, _ask(OpenAI, url, prompt)), prompts)
        con.executemany("INSERT INTO answers VALUES (?, ?)", list(answers))
    counted = con.execute("SELECT count(answer) FROM read_parquet(?) JOIN answers USING (prompt)", [path])
    return int(counted.fetchall()[0][0])


def daft(path: str, url: str) -> int:
    """Count answered rows by Daft's `prompt`."""
    import daft as library  # noqa: PLC0415
    from daft.functions import prompt  # noqa: PLC0415

    library.set_provider("openai", base_url=url, api_key="test-key")
    asked = prompt(library.col("prompt"), model=MODEL, use_chat_completions=True)
    return int(library.read_parquet(path).with_column("answer", asked).count("answer").to_pydict()["answer"][0])


def polars(path: str, url: str) -> int:
    """Count answered rows by polars-llm, with what it has to remember equal inputs and to try again."""
    import polars as pl  # noqa: PLC0415
    import polars_llm  # noqa: F401, PLC0415 (importing it adds `.llm`)

    asked = pl.col("prompt").llm.aopenai(
        model=MODEL, base_url=url, api_key="test-key", max_concurrency=WIDTH, cache=True, retries=2, backoff=0.5
    )
    return pl.read_parquet(path).select(asked.alias("answer"))["answer"].count()


def _ask(library: Callable[..., Any], url: str, prompt: str) -> str:
    client = _CLIENTS.get(url) or _CLIENTS.setdefault(url, library(base_url=url, api_key="test-key"))
    reply = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": prompt}])
    return str(reply.choices[0].message.content)


_CLIENTS: dict[str, Any] = {}
WAYS = {
    "ddb_aiquery": ours,
    "OpenAI's client in create_function": function,
    "the same by hand: distinct, 64 threads, join": by_hand,
    "Daft prompt": daft,
    "polars-llm, cache=True, retries=2": polars,
}


def main(venv: Path) -> None:
    """Print one line for each way."""
    import duckdb  # noqa: PLC0415 (the others' processes need none of these)

    from ddb_aiquery.testing import ScriptedEndpoint, Status  # noqa: PLC0415

    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "-q", *PACKAGES], check=True)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/rows.parquet"
        duckdb.sql(f"SELECT 'prompt ' || i % {PROMPTS} AS prompt FROM range({ROWS}) t(i)").write_parquet(path)
        for way in WAYS:
            python = sys.executable if way == "ddb_aiquery" else str(venv / "bin" / "python")
            with ScriptedEndpoint(latency=LATENCY, model=MODEL) as server:
                first = _run(python, way, path, server.base_url, f"{folder}/{way}")
                asked = server.requests
                again = _run(python, way, path, server.base_url, f"{folder}/{way}")
                asked_again = server.requests - asked
            turns = itertools.count(1)
            with ScriptedEndpoint(
                latency=LATENCY, model=MODEL, script=lambda *_, n=turns: None if next(n) % FIFTH else Status(429)
            ) as server:
                troubled = _run(python, way, path, server.base_url, f"{folder}/{way} troubled")
            print(f"{way}: {first}, {asked} requests; again {again}, {asked_again} requests; with 429s: {troubled}")


def _run(python: str, way: str, path: str, url: str, cache: str) -> str:
    environ = {**os.environ, "DDB_AIQUERY_CACHE": cache, "DO_NOT_TRACK": "true", "DAFT_PROGRESS_BAR": "0"}
    begun = time.perf_counter()
    done = subprocess.run(
        [python, __file__, "run", way, path, url], capture_output=True, text=True, check=False, env=environ
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        return f"failed ({done.stderr.strip().splitlines()[-1][:120]})"
    told = json.loads(done.stdout.splitlines()[-1])
    return f"{told['answered']} of {ROWS} rows in {told['seconds']:.1f} s ({seconds:.1f} s with start)"


def run(way: str, path: str, url: str) -> None:
    """Do the job in one way, in this process."""
    begun = time.perf_counter()
    answered = WAYS[way](path, url)
    print(json.dumps({"answered": answered, "seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(*sys.argv[2:])
    else:
        main(Path(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp()) / "rivals")
