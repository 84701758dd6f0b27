"""The README's page about the gateway, as a user would follow it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ddb_aiquery.testing import ScriptedEndpoint

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_readmes_gateway_answers_curl(tmp_path) -> None:
    """Started as the page says, and asked as the page says, twice: one call, by the token in the file."""
    page = (ROOT / "README.md").read_text().partition("\n## The gateway\n")[2].partition("\n## ")[0]
    start, ask = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = str(free.getsockname()[1])
    words = start.splitlines()[-1].replace("8080", port).split()
    assert words[0] == "ddb-aiquery"
    with ScriptedEndpoint() as upstream:
        (tmp_path / "c.toml").write_text(f'[endpoints.summarizer]\nbase_url = "{upstream.base_url}"\n')
        environ = {**os.environ, "DDB_AIQUERY_CONFIG": str(tmp_path / "c.toml"), "PYTHONPATH": str(ROOT)}
        environ["DDB_AIQUERY_CACHE"] = str(tmp_path / "answers")
        command = [sys.executable, "-m", "ddb_aiquery", *words[1:]]
        with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.DEVNULL) as gateway:
            try:
                said = [asked(ask.replace("8080", port), tmp_path) for _ in range(2)]
            finally:
                gateway.terminate()
        assert said == ["echo: What is DuckDB?"] * 2
        assert upstream.requests == 1


def asked(script: str, folder: Path) -> str:
    """Run the page's curl as soon as somebody listens, and return what was said."""
    end = time.monotonic() + 60
    while True:
        done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)["choices"][0]["message"]["content"]
        assert time.monotonic() < end, done.stderr
        time.sleep(0.1)
