"""A real kernel runs real cells."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ddb_aiquery.testing import ScriptedEndpoint

pytest.importorskip("ipykernel")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
manager = pytest.importorskip("jupyter_client.manager")
ROOT = Path(__file__).parents[2]
PATIENCE = 60
pytestmark = [pytest.mark.xdist_group("notebook"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(autouse=True)
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give kernels this source tree, and a home of their own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name).mkdir()


@pytest.fixture
def kernel() -> Iterator[Cells]:
    """A kernel to run cells in."""
    started, client = manager.start_new_kernel(kernel_name="python3")
    yield Cells(started, client)
    client.stop_channels()
    started.shutdown_kernel(now=True)


class Cells:
    """Runs cells in a kernel and collects what they show."""

    def __init__(self, started: Any, client: Any) -> None:
        self.manager, self.client = started, client

    def run(self, code: str, during: Callable[[], None] | None = None) -> list[dict[str, Any]]:
        """Run a cell and return the contents of its messages; `during` is called once it runs."""
        sent = self.client.execute(code)
        if during is not None:
            during()
        shown = []
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != sent:
                continue
            content = {"type": message["msg_type"], **message["content"]}
            if content["type"] == "status" and content["execution_state"] == "idle":
                return shown
            shown.append(content)

    def html(self, code: str) -> str:
        """Run a cell and return all the HTML that it showed, the last picture of a bar last."""
        shown = self.run(code)
        assert not [each for each in shown if each["type"] == "error"], shown
        return "\n".join(each["data"].get("text/html", "") for each in shown if "data" in each)

    def error(self, code: str) -> str:
        """Run a cell that fails and return the last line of its error."""
        (error,) = [each for each in self.run(code) if each["type"] == "error"]
        return f"{error['ename']}: {error['evalue']}"

    def connect(self, endpoint: ScriptedEndpoint, **options: Any) -> None:
        """Load the extension and make a connection `con`."""
        settings = endpoint.settings("test", input_price=1.0, output_price=1.0, **options) | {
            "cache": {"directory": "off"}
        }
        self.html(
            f"%load_ext ddb_aiquery\nimport ddb_aiquery\ncon = ddb_aiquery.connect(config={json.dumps(settings)})"
        )


def test_the_example_runs_from_top_to_bottom() -> None:
    """examples/enrich.ipynb runs, draws a chart, and shows what it cost."""
    notebook = nbformat.read(ROOT / "examples" / "enrich.ipynb", 4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / "examples")}}).execute()
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert any("image/png" in data for data in shown)
    assert any("195 to send" in data.get("text/html", "") for data in shown)
    assert any("195 cached" in data.get("text/html", "") for data in shown)


def test_cells_of_sql(kernel: Cells) -> None:
    """`%%ai_sql` gives a DataFrame, other forms on request, an estimate, and errors in one line."""
    with ScriptedEndpoint(lambda prompt, _: prompt.upper()) as endpoint:
        kernel.connect(endpoint)
        assert "HELLO" in kernel.html("%%ai_sql\nSELECT ai_query('test', 'hello') AS said")
        assert "HELLO" in kernel.html("%ai_sql SELECT ai_query('test', 'hello') AS said")
        kernel.html("rows = %ai_sql --to rows SELECT 7\nassert rows == [(7,)], rows")
        kernel.html("table = %ai_sql --to=arrow SELECT 7 AS n\nassert table.column_names == ['n']")
        kernel.html("frame = %ai_sql --to pl SELECT 7 AS n\nassert frame.rows() == [(7,)], frame")
        kernel.html("other = ddb_aiquery.connect()\n%ai_sql --connection other CREATE TABLE only_here (i INT)")
        kernel.html("assert other.execute('FROM only_here').fetchall() == []")
        before = endpoint.requests
        assert "1 to send" in kernel.html("%ai_sql --connection con --estimate SELECT ai_query('test', 'new')")
        assert endpoint.requests == before
        assert "2 questions" in kernel.html(
            "con.sql(\"SELECT ai_query('test', i::VARCHAR) FROM range(2) t(i)\").fetchall()\ncon.last_run"
        )
        assert "AiQueryError: unknown option --form" in kernel.error("%ai_sql --form df SELECT 1")
        assert "AiQueryError: nobody is no AiConnection" in kernel.error("%ai_sql --connection nobody SELECT 1")
        assert "AiQueryError: there is no SQL" in kernel.error("%ai_sql")
        assert "UnknownEndpoint: unknown endpoint 'tset'" in kernel.error(
            "%ai_sql --connection con SELECT ai_query('tset', 'x')"
        )


def test_variables_are_parameters(kernel: Cells) -> None:
    """`$name` is the notebook's variable in cells and lines, for results, relations and estimates; braces stay."""
    with ScriptedEndpoint(lambda prompt, _: prompt.upper()) as endpoint:
        kernel.connect(endpoint)
        kernel.html('name, low = "it\'s", 2')
        ask = "SELECT ai_query('test', $name || i) AS a FROM range(4) t(i) WHERE i > $low"
        assert "IT&#x27;S3" in kernel.html(f"%%ai_sql\n{ask}").replace("'", "&#x27;")
        kernel.html(f'rows = %ai_sql --to rows {ask}\nassert rows == [("IT\'S3",)], rows')
        kernel.html(f"made = %ai_sql --to relation {ask}\nassert made.fetchall() == rows")
        assert "1 to send" in kernel.html(f"%ai_sql --estimate {ask}")
        kernel.html("rows = %ai_sql --to rows SELECT {'low': 1}, '{low}'\nassert rows == [({'low': 1}, '{low}')], rows")
        error = "AiQueryError: there is no variable none_such for the parameter $none_such"
        assert kernel.error("%%ai_sql\nSELECT $none_such") == error


def test_an_error_is_shown_without_our_frames(kernel: Cells) -> None:
    """What a magic raises ends in the magic: its text says all, and the notebook shows no engine room."""
    with ScriptedEndpoint(lambda prompt, _: prompt) as endpoint:
        kernel.connect(endpoint)
        for wrong in ("SELECT ai_query('tset', 'x')", "SELECTT 1"):
            (error,) = [each for each in kernel.run(f"%%ai_sql\n{wrong}") if each["type"] == "error"]
            shown = "\n".join(error["traceback"])
            assert "notebook.py" in shown
            assert "_connection.py" not in shown


def test_the_extension_can_be_unloaded(kernel: Cells) -> None:
    """Without it there is no magic; loaded again, it is there."""
    kernel.html("%load_ext ddb_aiquery\n%reload_ext ddb_aiquery\n%unload_ext ddb_aiquery")
    shown = kernel.run("%ai_sql SELECT 1")
    assert "`%ai_sql` not found" in shown[-1]["text"]
    kernel.html("%load_ext ddb_aiquery\nrows = %ai_sql --to rows SELECT 1\nassert rows == [(1,)]")


def test_a_bar_is_drawn_while_a_cell_runs(kernel: Cells) -> None:
    """A statement that takes a while shows answered questions and cost, and at its end what it did."""
    with ScriptedEndpoint(lambda prompt, _: prompt, latency=0.3) as endpoint:
        kernel.connect(endpoint, max_concurrency=4)
        html = kernel.html("%%ai_sql\nSELECT count(ai_query('test', i::VARCHAR)) AS n FROM range(24) t(i)")
    assert "of 24 questions" in html
    assert "so far" in html
    assert "■</span> 24 sent" in html


def test_a_cell_can_be_interrupted(kernel: Cells) -> None:
    """Interrupting the kernel ends a cell that waits for a model; the kernel goes on."""
    with ScriptedEndpoint(lambda prompt, _: prompt, latency=60.0) as endpoint:
        kernel.connect(endpoint)
        (error,) = [each for each in _interrupted(kernel, endpoint) if each["type"] == "error"]
        assert "_connection.py" not in "\n".join(error["traceback"])
        assert "42" in kernel.html("ddb_aiquery.connect().execute('SELECT 42 AS n').df()")


def test_the_connection_works_after_an_interrupt(kernel: Cells) -> None:
    """The next cell can use the connection whose statement was interrupted."""
    with ScriptedEndpoint(lambda prompt, _: prompt, latency=60.0) as endpoint:
        kernel.connect(endpoint)
        _interrupted(kernel, endpoint)
        assert "42" in kernel.html("%ai_sql SELECT 42 AS n")


def _interrupted(kernel: Cells, endpoint: ScriptedEndpoint) -> list[dict[str, Any]]:
    """Run a cell that waits for a model, and interrupt it as soon as the first request has come in."""

    def interrupt() -> None:
        while not endpoint.requests:
            os.sched_yield()
        kernel.manager.interrupt_kernel()

    return kernel.run("%%ai_sql\nSELECT ai_query('test', i::VARCHAR) FROM range(20000) t(i)", interrupt)
