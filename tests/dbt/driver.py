"""Runs dbt commands for the tests, one after the other in one process: dbt takes two seconds to be imported.

Reads one JSON object a line, {"arguments", "environment"}, and answers with one:
what dbt logged and how each node ended.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any


def invoke(arguments: list[str]) -> dict[str, Any]:
    """Run one dbt command through dbt's own door for programs."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415 (after the environment is set)
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    log: list[str] = []
    runner = dbtRunner(callbacks=[lambda event: log.append(event.info.msg) if event.info.level != "debug" else None])
    outcome = runner.invoke(arguments)
    DuckDBConnectionManager.close_all_connections()  # dbt keeps the file locked for as long as the process lives
    nodes = {
        found.node.unique_id: {"status": str(found.status), "message": str(found.message)}
        for found in getattr(outcome.result, "results", None) or []
        if hasattr(found, "node")
    }
    return {"success": outcome.success, "exception": str(outcome.exception or ""), "log": log, "nodes": nodes}


def estimate(arguments: list[str]) -> dict[str, Any]:
    """Run our own command, which runs dbt."""
    from ddb_aiquery.cli import main as command  # noqa: PLC0415

    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = command(arguments)
    return {"success": status == 0, "exception": err.getvalue(), "log": [out.getvalue()], "nodes": {}}


def main() -> None:
    """Serve until stdin closes."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # dbt prints
    for line in sys.stdin:
        request = json.loads(line)
        os.environ.update(request["environment"])
        run = estimate if request["arguments"][0] == "estimate" else invoke
        replies.write(json.dumps(run(request["arguments"])) + "\n")


if __name__ == "__main__":
    main()
