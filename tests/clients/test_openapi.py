"""schemathesis asks whatever the OpenAPI document allows, and what it does not; optional, as the clients are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ..gateway.conftest import TOKEN, running  # noqa: TID252 (tests are no package)

pytestmark = pytest.mark.clients

BESIDE = Path(os.environ.get("DDB_AIQUERY_CLIENTS_PYTHON", sys.executable)).absolute().with_name("schemathesis")
PROGRAM = str(BESIDE) if BESIDE.exists() else shutil.which("schemathesis")


def with_names(document):
    """Return the document with the names of endpoints that there are, so that questions get through."""
    schemas = document["components"]["schemas"]
    schemas["Chat"]["properties"]["model"] = {"enum": ["test"]}
    schemas["Embed"]["properties"]["model"] = {"enum": ["vectors"]}
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = {"enum": ["test", "vectors", "sums", "keyless"]}
    return document


@pytest.mark.skipif(not PROGRAM, reason="schemathesis is not installed")
def test_no_answer_is_undocumented(tmp_path) -> None:
    """No 5xx, no status and no body that the document does not have, no wrong body that is taken."""
    examples = os.environ.get("DDB_AIQUERY_EXAMPLES", "40")
    with running(tmp_path) as gateway:
        document = tmp_path / "openapi.json"
        document.write_text(json.dumps(with_names(httpx.get(f"{gateway.url}/openapi.json").json())))
        command = [PROGRAM, "run", str(document), "--url", gateway.url, "-H", f"Authorization: Bearer {TOKEN}"]
        # Whether an endpoint takes messages, texts or records is its task, which no document can say of a name.
        command += ["--exclude-checks", "positive_data_acceptance"]
        command += ["--max-examples", examples, "--seed", "1", "--no-color", "--phases", "examples,coverage,fuzzing"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:]
