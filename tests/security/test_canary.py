"""A canary key, looked for in everything that a process says, keeps and shows."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from ddb_aiquery.testing import ScriptedEndpoint, Status

CANARY = 'cnry/0815+"Zk&%=x7Qw'

CHILD = """
import contextlib, copy, io, json, logging, os, pathlib, pickle, sys, threading, traceback, warnings
warnings.simplefilter("always")
logs = io.StringIO()
logging.basicConfig(level=1, stream=logs)
logging.getLogger("test").debug("the log is read")
import duckdb, ddb_aiquery
from ddb_aiquery._process import PROCESS
folder, sinks = pathlib.Path(sys.argv[1]), {}

def failed(name, work):
    try:
        work()
    except BaseException as error:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        found.stack = traceback.StackSummary.from_list(f for f in found.stack if "ddb_aiquery" in f.filename)
        sinks[name + ": locals"] = "".join(found.format())
        sinks[name + ": message"] = str(error)
        sinks[name + ": repr"] = repr(error) + repr(error.args)
        seen = []
        while error is not None:
            seen.append(repr(vars(error)) + str(error))
            error = error.__cause__ or error.__context__
        sinks[name + ": chain"] = " ".join(seen)
    else:
        raise AssertionError(name + " did not fail")

con = duckdb.connect(str(folder / "user.duckdb"))
with contextlib.suppress(duckdb.Error):
    con.execute("CALL enable_logging()")
ddb_aiquery.register(con, config=str(folder / "config.toml"))
run = lambda sql: con.execute(sql).fetchall()
ok = "SELECT ai_query('{0}', 'p' || i) FROM range(3) t(i)"
for name in ("plain", "literal", "other"):
    run("CREATE TABLE answers_%s AS %s" % (name, ok.format(name)))
failed("refused key", lambda: run("SELECT ai_query('refuses', 'p')"))
failed("refused key, complete()", lambda: ddb_aiquery.complete("refuses", ["p"], config=str(folder / "config.toml")))
import tomllib
given = tomllib.loads((folder / "config.toml").read_text())
failed("no such database", lambda: ddb_aiquery.connect(str(folder / "no" / "such"), config=given))
failed("a dict of settings", lambda: ddb_aiquery.complete("refuses", ["q"], config=given))
failed("a row", lambda: run("SELECT ai_query('echoes', 'p')"))
failed("a missing variable", lambda: run("SELECT ai_query('missing', 'p')"))
failed("an unknown endpoint", lambda: run("SELECT ai_query('nobody', 'p')"))
failed("nobody there", lambda: run("SELECT ai_query('gone', 'p')"))
other = ddb_aiquery.register(duckdb.connect(), config=str(folder / "config.toml"))  # DuckDB logs the user's own text
failed("the key as endpoint", lambda: other.execute("SELECT ai_query('" + sys.argv[2].replace("'", "''") + "', 'p')").fetchall())
(folder / "broken.toml").write_text((folder / "config.toml").read_text() + "\\n[endpoints.x]\\ncolour = 1\\n")
failed("broken settings", lambda: ddb_aiquery.register(None, config=str(folder / "broken.toml")))
sinks["errorMessage"] = repr(run("SELECT ai_query('echoes', 'q' || i, failOnError => false) FROM range(3) t(i)"))
sinks["complete(), failures"] = repr(ddb_aiquery.complete("echoes", ["a", "b"], config=str(folder / "config.toml"), fail_on_error=False))
for table in ("ai_endpoints", "ai_usage", "ai_cache", "ai_errors"):
    sinks[table] = repr(run(f"SELECT * FROM {table}()"))
for table in ("duckdb_functions", "duckdb_settings", "duckdb_secrets", "duckdb_views", "duckdb_tables", "duckdb_temporary_files"):
    sinks[table] = repr(run(f"SELECT * FROM {table}()"))
with contextlib.suppress(duckdb.Error):
    sinks["duckdb_logs"] = repr(run("SELECT * FROM duckdb_logs"))
for how in ("EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN (FORMAT JSON)", "DESCRIBE"):
    sinks[how] = repr(run(f"{how} SELECT ai_query('plain', 'p0'), i FROM range(3) t(i)"))
run("PRAGMA enable_profiling = 'json'")
run(f"PRAGMA profiling_output = '{folder}/profile.json'")
run(ok.format("plain"))
run("PRAGMA disable_profiling")
run(f"EXPORT DATABASE '{folder}/export'")
session = next(iter(PROCESS.connections.values()))
settings = session.settings
endpoint = settings.endpoint("plain")
for name, thing in {"settings": settings, "session": session, "endpoint": endpoint, "last run": session.last_run,
                    "process": PROCESS, "engine": session.engine, "pools": session.engine.pools()}.items():
    sinks["repr of " + name] = repr(thing) + str(thing)
    sinks["vars of " + name] = repr({k: getattr(thing, k, None) for k in getattr(type(thing), "__slots__", ())}) + repr(getattr(thing, "__dict__", ""))
for name, thing in {"settings": settings, "endpoint": endpoint, "session": session}.items():
    try:
        sinks["pickle of " + name] = repr(pickle.dumps(thing))
    except Exception as error:
        sinks["pickle of " + name] = repr(error)
    try:
        sinks["copy of " + name] = repr(copy.deepcopy(thing))
    except Exception as error:
        sinks["copy of " + name] = repr(error)
pool = session.engine.pools()[0]
for name, thing in vars(pool._transport).items():
    sinks["transport, " + name] = repr(thing)
sinks["threads"] = repr(threading.enumerate())
import faulthandler
with open(folder / "faulthandler.txt", "w") as file:
    faulthandler.dump_traceback(file)
con.close()
PROCESS.close()
sinks["logs"] = logs.getvalue()
for path in folder.rglob("*"):
    if path.is_file() and path.suffix != ".toml":
        sinks["file " + str(path.relative_to(folder))] = path.read_bytes().decode("latin-1")
(folder.parent / "sinks.json").write_text(json.dumps(sinks))
"""


def encodings(secret: str) -> dict[str, str]:
    raw = secret.encode()
    return {
        "plain": secret,
        "base64": base64.b64encode(raw).decode().rstrip("="),
        "base64 of Bearer": base64.b64encode(b"Bearer " + raw).decode()[12:-4],
        "URL": quote(secret, safe=""),
        "form": quote_plus(secret),
        "JSON": json.dumps(secret)[1:-1],
        "repr": repr(secret)[1:-1],
        "hex": raw.hex(),
        "a piece": "cnry/0815",
    }


@pytest.mark.parametrize("transport", ["pyreqwest", "httpx"])
def test_the_canary_sings_nowhere(tmp_path: Path, transport: str) -> None:
    """In over 25 kinds of sinks, in every encoding, the key is found 0 times; it did reach the endpoint."""
    said = f"wrong key {CANARY} {quote(CANARY)} {base64.b64encode(CANARY.encode()).decode()} {json.dumps(CANARY)}"
    with (
        ScriptedEndpoint() as good,
        ScriptedEndpoint(lambda _p, _r: Status(401, message=said)) as refuses,
        ScriptedEndpoint(lambda _p, _r: Status(400, message="x" * 250 + said)) as echoes,
    ):
        endpoints = {"plain": good, "other": good, "refuses": refuses, "echoes": echoes}
        entries = [
            f'[endpoints.{name}]\nbase_url = "{server.base_url}"\napi_key = "${{CANARY_KEY}}"\ntransport = "{transport}"'
            for name, server in endpoints.items()
        ]
        entries += [
            f"[endpoints.literal]\nbase_url = \"{good.base_url}\"\napi_key = '{CANARY}'\nmodel = 'm'",
            f'[endpoints.missing]\nbase_url = "{good.base_url}"\napi_key = "${{NOT_SET}}"',
            '[endpoints.gone]\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "${CANARY_KEY}"\ndeadline_seconds = 0.2',
        ]
        (folder := tmp_path / "user").mkdir()
        (folder / "config.toml").write_text("\n".join(entries))
        code = textwrap.dedent(CHILD)
        environ = {
            **os.environ,
            "CANARY_KEY": CANARY,
            "DDB_AIQUERY_CACHE": str(folder / "cache"),
            "RUST_LOG": "trace",
            "HTTPX_LOG_LEVEL": "trace",
        }
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", code, str(folder), CANARY],
            capture_output=True, text=True, check=False, env=environ, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert good.received[0].headers["authorization"] == f"Bearer {CANARY}"
    found = json.loads((tmp_path / "sinks.json").read_text())
    sinks = {**found, "stdout": done.stdout, "stderr": done.stderr}
    listed = subprocess.run(
        [sys.executable, "-m", "ddb_aiquery", "endpoints"], capture_output=True, text=True, check=False,
        env={**environ, "DDB_AIQUERY_CONFIG": str(tmp_path / "config.toml")}, timeout=60,
    )  # fmt: skip
    sinks["ddb-aiquery endpoints"] = listed.stdout + listed.stderr
    assert len(sinks) >= 50
    assert "the log is read" in sinks["logs"]
    leaks = [(name, form) for name, text in sinks.items() for form, key in encodings(CANARY).items() if key in text]
    assert not leaks, "\n".join(map(str, leaks))
