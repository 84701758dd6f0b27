"""What a run asks: once, only what is new, only the rest after a kill; and how it ends."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import pytest
from shop_project import Project, profile

from ddb_aiquery.testing import ScriptedEndpoint


def prompts(count: int) -> str:
    """Return a seed's CSV with that many prompts."""
    return "id,prompt\n" + "".join(f"{i},prompt {i}\n" for i in range(count))


INCREMENTAL = """
{{ config(materialized='incremental', unique_key='id') }}
select id, ai_query('test', prompt) as answer from {{ ref('prompts') }}
{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
"""


def test_a_run_asks_only_what_is_new(project: Project, scripted: ScriptedEndpoint) -> None:
    """The first run asks N questions, the second none, and after 10 new rows 10; so says the log, in one line."""
    project.write({"seeds/prompts.csv": prompts(50), "models/answers.sql": INCREMENTAL})
    first = project.dbt("build")
    assert first.success, first
    assert scripted.reset_counts().requests == 50
    assert len(first.about("answers")) == 1
    assert "50 questions: 0 cached, 50 sent" in first.about("answers")[0]
    assert project.dbt("build").success
    assert scripted.requests == 0
    project.write({"seeds/prompts.csv": prompts(60)})
    assert project.dbt("build").success
    assert scripted.requests == 10
    assert project.rows("select count(*), count(distinct answer), min(answer) from answers") == [
        (60, 60, "echo: prompt 0")
    ]


def test_four_models_on_four_threads_ask_each_question_once(project: Project) -> None:
    """Models over the same prompts, running at one time, share their questions."""
    with ScriptedEndpoint(latency=0.3) as slow:
        project.write({"profiles.yml": profile(slow)})
        model = "{{ config(materialized='table') }} select ai_query('test', 'q' || i) as answer from range(40) r(i)"
        project.write({f"models/m{n}.sql": model for n in range(4)})
        outcome = project.dbt("run")
        assert outcome.success, outcome
        assert set(slow.prompts.values()) == {1}
        assert slow.requests == 40


def test_a_run_that_was_killed_is_gone_on_with(project: Project) -> None:
    """SIGKILL in the middle of a model: the next run asks the rest, and what was under way at the kill."""
    with ScriptedEndpoint(latency=0.1) as slow:
        settings = json.loads(profile(slow))
        entry = settings["shop"]["outputs"]["dev"]["plugins"][0]["config"]["config"]["endpoints"]["test"]
        entry["max_concurrency"] = 4
        project.write({"profiles.yml": json.dumps(settings)})
        project.write({"seeds/prompts.csv": prompts(100), "models/answers.sql": INCREMENTAL})
        assert project.dbt("seed").success
        run = project.start("run")
        while slow.answered < 30 and run.poll() is None:
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        known = slow.answered
        outcome = project.dbt("run")
        assert outcome.success, outcome
        assert 30 <= known < 100
        assert slow.requests <= 100 + 2 * 4
    assert project.rows("select count(*), count(answer) from answers") == [(100, 100)]


def test_ctrl_c_does_not_wait_for_the_endpoint(project: Project) -> None:
    """One SIGINT ends a run while the endpoint still thinks; the models before are whole, and the database closed."""
    with ScriptedEndpoint(latency=600) as stuck:
        table = "{{ config(materialized='table') }} "
        model = table + "select ai_query('test', 'q' || i) as a from range(20) r(i), {{ ref('before') }}"
        project.write({"profiles.yml": profile(stuck), "models/answers.sql": model})
        project.write({"models/before.sql": table + "select 42 as answer"})
        run = project.start("run")
        while stuck.requests == 0 and run.poll() is None:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=60)
        assert run.returncode != 0
        assert "Exited because of keyboard interrupt" in output
    assert not (project.path / "shop.duckdb.wal").exists()
    assert project.rows("from before") == [(42,)]


@pytest.fixture
def refusing() -> Iterator[ScriptedEndpoint]:
    """An endpoint whose answer to `q3` is no number."""
    with ScriptedEndpoint(lambda prompt, _request: "none" if prompt == "q3" else "7") as endpoint:
        yield endpoint


FAILING = """
{{{{ config(materialized='table') }}}}
select ai_query('test', 'q' || i, returnType => 'INT'{}) as a from range(5) r(i)
"""


def test_a_row_that_fails_fails_its_model(project: Project, refusing: ScriptedEndpoint) -> None:
    """Dbt shows the row's reason in one line, skips what depends on the model, and leaves the old table."""
    project.write({"profiles.yml": profile(refusing)})
    project.write({"models/bad.sql": FAILING.format(""), "models/after.sql": "select * from {{ ref('bad') }}"})
    outcome = project.dbt("run")
    assert not outcome.success
    assert "AI_FUNCTION_HTTP_PARSE_CAST_ERROR" in outcome.message("bad") or "none" in outcome.message("bad")
    assert "q3" in outcome.message("bad")
    assert outcome.nodes["model.shop.after"]["status"] == "skipped"


def test_a_row_that_fails_may_be_kept(project: Project, refusing: ScriptedEndpoint) -> None:
    """With failOnError => false the model is built, and the row tells its reason."""
    project.write({"profiles.yml": profile(refusing)})
    project.write({"models/good.sql": FAILING.format(", failOnError => false")})
    outcome = project.dbt("run")
    assert outcome.success, outcome
    found = project.rows("select count(a.response), count(a.errorMessage) from good")
    assert found == [(4, 1)]
