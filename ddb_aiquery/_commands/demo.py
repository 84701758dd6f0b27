"""`ddb-aiquery demo`: three queries over the shipped data, twice, against a simulated or a real endpoint."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import ddb_aiquery
from ddb_aiquery._settings import Settings, load
from ddb_aiquery._sql import literal, named
from ddb_aiquery.testing import ScriptedEndpoint

LATENCY = 0.15
"""Seconds that the simulated endpoint takes to answer."""
PRICES = {"input_price": 0.15, "output_price": 0.60}
SHOWN = 7
"""Rows of each result that are printed."""
_TOPICS = {
    "charged|invoice|refund one": "billing",
    "delivered|send order": "delivery",
    "switch on|cracked": "defect",
    "safe|size": "question",
}


def run(endpoint: str | None, config: Any = None) -> int:
    """Run the demo and print each query with its first rows and its figures; 0 when all went well."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="ddb_aiquery-demo-") as folder, _settings(endpoint, config, folder) as used:
        name = endpoint or "simulated"
        if endpoint is None:
            console.print("[bold yellow]Simulated:[/] a scripted endpoint on this machine answers; no model is called.")
        with ddb_aiquery.connect(config=used) as con:
            _views(con)
            for title, again in (("First run", False), ("Second run, answered from the cache", True)):
                console.rule(title)
                for statement in named("demo.sql").values():
                    _show(console, con, statement.replace("'demo'", literal(name)), quietly=again)
    return 0


@contextlib.contextmanager
def _settings(endpoint: str | None, config: Any, folder: str) -> Iterator[Settings]:
    if endpoint is not None:
        yield load(config)
        return
    with ScriptedEndpoint(answer, latency=LATENCY) as server:
        given = server.settings("simulated", max_concurrency=64, **PRICES)
        yield load({**given, "cache": {"directory": folder}})


def _views(con: Any) -> None:
    data = Path(str(resources.files("ddb_aiquery"))) / "examples" / "data"
    if not data.exists():  # a source tree: the wheel puts examples/ inside the package
        data = Path(__file__).parents[2] / "examples" / "data"
    con.execute("CREATE TABLE tickets AS FROM read_csv(?)", [str(data / "tickets.csv")])
    con.execute("CREATE TABLE reviews AS FROM read_parquet(?)", [str(data / "reviews.parquet")])


def _show(console: Console, con: Any, statement: str, *, quietly: bool) -> None:
    result = con.execute(statement)
    rows = result.fetchall()
    if not quietly:
        console.print(statement.strip(), style="dim", markup=False, highlight=False, soft_wrap=True)
        table = Table(*[column[0] for column in result.description])
        table.caption = f"{SHOWN} of {len(rows):,} rows" if len(rows) > SHOWN else None
        for row in rows[:SHOWN]:
            table.add_row(*[str(value) for value in row])
        console.print(table)
    console.print(str(con.last_run), style="bold green", markup=False, highlight=False, soft_wrap=True)


def answer(prompt: str, _request: dict[str, Any]) -> str:
    """Answer as a careful model would, by rules: the simulated endpoint's whole mind."""
    if prompt.startswith("Classify"):
        return next((topic for words, topic in _TOPICS.items() if re.search(words, prompt)), "praise")
    if prompt.startswith("Extract"):
        text = prompt.partition("\n")[2]
        product, _, opinion = text.partition(": ")
        days = re.search(r"after (\d+) days", opinion)
        return json.dumps(
            {
                "product": product,
                "complaint": bool(re.search("Stopped|not|broken|loud|cannot|poor", opinion)),
                "days": int(days[1]) if days else None,
            }
        )
    return " ".join(prompt.rpartition("\n")[2].split()[-7:])
