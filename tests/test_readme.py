"""The README is executed: its Python in one go, its SQL on one connection, its two lines by .ci/run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
STARS = json.dumps({"stars": 4, "reason": "because"})


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def topic(prompt: str, _request: dict[str, Any]) -> str:
    """Answer the README's first query."""
    if "charged" in prompt or "invoice" in prompt:
        return "billing"
    return "delivery" if "rder" in prompt else "defect"


def answer(prompt: str, request: dict[str, Any]) -> str:
    """Answer what the README's examples ask."""
    if "stars" in prompt:
        return STARS
    schema = request.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema:
        name, field = next(iter(schema["properties"].items()))
        return json.dumps({name: field.get("enum", ["good"])[0]})
    return "billing" if "charged" in prompt or "invoice" in prompt else "delivery"


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The endpoint `summarizer` in the user's settings file, and an empty working folder."""
    with ScriptedEndpoint(answer) as server:
        file = tmp_path / "settings.toml"
        file.write_text(
            f'[endpoints.summarizer]\nbase_url = "{server.base_url}"\nmodel = "m"\n'
            "input_price = 0.15\noutput_price = 0.60\n[defaults]\nendpoint = 'summarizer'\n"
        )
        monkeypatch.setenv("DDB_AIQUERY_CONFIG", str(file))
        monkeypatch.chdir(tmp_path)
        yield


def test_the_first_query_has_the_output_that_the_readme_shows() -> None:
    """1,200,000 rows, 195 questions, and the three counts."""
    with ScriptedEndpoint(topic) as server, ddb_aiquery.connect(config=server.settings("summarizer")) as con:
        con.execute(f"CREATE TABLE tickets AS FROM read_csv('{ROOT / 'examples/data/tickets.csv'}') t, range(400)")
        rows = con.execute(blocks("sql")[0]).fetchall()
        assert [f"│ {name:<8} │ {count:>7} │" in README for name, count in rows] == [True] * 3
        assert (con.last_run.rows, con.last_run.questions, server.requests) == (1_200_000, 195, 195)
    assert "1,200,000 rows, 195 questions: 0 cached, 195 sent" in README


@pytest.mark.usefixtures("endpoint")
def test_the_python_runs() -> None:
    """Every Python block of the README runs, one after the other."""
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102 (our own README)
    assert len(names["table"]) == 1000
    assert names["con"].last_run.questions == 20
    names["con"].close()


@pytest.mark.usefixtures("endpoint")
def test_the_sql_runs() -> None:
    """Every SQL block of the README runs over the tables that it talks about."""
    with ddb_aiquery.connect() as con:
        con.execute("CREATE TABLE tickets AS FROM read_csv(?)", [str(ROOT / "examples/data/tickets.csv")])
        con.execute("CREATE TABLE reviews AS FROM read_parquet(?)", [str(ROOT / "examples/data/reviews.parquet")])
        for block in blocks("sql"):
            assert con.execute(block).fetchall(), block


def test_the_settings_are_read() -> None:
    """The TOML of the README is a settings file without a mistake."""
    import tomllib  # noqa: PLC0415

    from ddb_aiquery._settings import load  # noqa: PLC0415

    for block in blocks("toml"):
        assert load(tomllib.loads(block), {}).default_endpoint == "summarizer"


def test_every_setting_and_variable_is_named() -> None:
    """What can be set stands on the page: each key of a settings file, each environment variable of ours."""
    from ddb_aiquery._setting_keys import ENDPOINT, TABLES  # noqa: PLC0415

    sources = [path.read_text() for path in (ROOT / "ddb_aiquery").rglob("*.py")]
    variables = {name for text in sources for name in re.findall(r'"(DDB_AIQUERY_\w+)"', text)}
    keys = {key for table in (ENDPOINT, *TABLES.values()) for key in table}
    assert len(variables) > 3
    assert {
        name for name in keys | variables if f"`{name}" not in README and f"`[cache]` `{name}" not in README
    } == set()


def test_every_command_is_one() -> None:
    """Each command line of the page is understood, and no command is left out."""
    from ddb_aiquery import cli  # noqa: PLC0415
    from ddb_aiquery._shell import grammar  # noqa: PLC0415

    lines = [line for block in blocks("sh") for line in re.findall(r"ddb-aiquery (.*)", block)]
    assert len(lines) > 8
    for words in (shlex.split(line, comments=True) for line in lines):
        (cli.parser().parse_args if words[0] in cli.COMMANDS else grammar.parse)(words)
    assert [name for name in cli.COMMANDS if f"ddb-aiquery {name}" not in README] == []


def test_ci_runs_the_readmes_second_line() -> None:
    """.ci/run calls the very line that the README gives for the tests."""
    line = next(block.strip() for block in blocks("sh") if "pytest" in block)
    assert line in (ROOT / ".ci" / "run").read_text()
