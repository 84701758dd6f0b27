"""Whatever dbt makes of a model: the same answers, and each question sent once."""

from __future__ import annotations

import json

from shop_project import Project, profile

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

ASK = "select i as id, ai_query('test', 'q' || i) as answer from range({{ var('rows', 5) }}) r(i)"
STRATEGIES = ("append", "delete+insert", "merge")
MODELS = {
    "models/as_table.sql": "{{ config(materialized='table') }} " + ASK,
    "models/as_view.sql": "{{ config(materialized='view') }} " + ASK,
    "models/as_cte.sql": "{{ config(materialized='ephemeral') }} " + ASK,
    "models/over_cte.sql": "{{ config(materialized='table') }} select * from {{ ref('as_cte') }}",
    "models/over_view.sql": "{{ config(materialized='table') }} select upper(answer) as a from {{ ref('as_view') }}",
    "models/with_contract.sql": "{{ config(materialized='table') }} " + ASK,
    "models/in_python.py": (
        "def model(dbt, session):\n"
        "    dbt.config(materialized='table')\n"
        "    known = dbt.ref('as_table').df()\n"
        "    known = known[known['id'] < 3]\n"
        """    return session.sql("select id, ai_query('test', 'q' || id) as answer from known")\n"""
    ),
    **{
        f"models/{name}.py": (
            "def model(dbt, session):\n"
            "    dbt.config(materialized='incremental', unique_key='id', pre_hook='create temp table t as select 1')\n"
            f"    return dbt.ref('as_table'){composed}.filter('id < 3')\n"
        )
        for name, composed in {
            "relation": "",
            "asking_relation": """.project("id, ai_query('test', 'q' || id) as answer")""",
        }.items()
    },
    "models/with_hooks.sql": (
        """{{ config(materialized='table', pre_hook="create or replace table hooked as """
        """select ai_query('test', 'q0') as answer") }} select * from hooked"""
    ),
    "models/by_macro.sql": "{{ config(materialized='table') }} select echoed('q1') as answer",
    "dbt_project.yml": json.dumps(
        {
            "name": "shop",
            "version": "1.0",
            "profile": "shop",
            "on-run-start": "create or replace macro echoed(x) as ai_query('test', x)",
        }
    ),
    "models/over_over_view.sql": "select * from {{ ref('over_view_view') }}",
    "models/over_view_view.sql": "select answer from {{ ref('as_view') }} where id = 1",
    "models/schema.yml": json.dumps(
        {
            "models": [
                {
                    "name": "with_contract",
                    "config": {"contract": {"enforced": True}},
                    "columns": [{"name": "id", "data_type": "bigint"}, {"name": "answer", "data_type": "varchar"}],
                },
                {"name": "as_view", "columns": [{"name": "answer", "data_tests": ["unique", "not_null"]}]},
                {"name": "over_over_view", "columns": [{"name": "answer", "data_tests": ["not_null"]}]},
            ],
            "unit_tests": [
                {
                    "name": "asks_in_a_unit_test",
                    "model": "over_given",
                    "given": [{"input": "ref('as_table')", "rows": [{"id": 1, "answer": "q1"}]}],
                    "expect": {"rows": [{"again": "echo: q1"}]},
                }
            ],
        }
    ),
    "models/over_given.sql": (
        "{{ config(materialized='table') }} "
        "select ai_query('test', replace(answer, 'echo: ', '')) as again from {{ ref('as_table') }}"
    ),
    "snapshots/as_snapshot.sql": (
        "{% snapshot as_snapshot %}"
        "{{ config(unique_key='id', strategy='check', check_cols=['answer']) }} " + ASK + "{% endsnapshot %}"
    ),
    **{
        f"models/by_{strategy[:6]}.sql": (
            f"{{{{ config(materialized='incremental', unique_key='id', incremental_strategy='{strategy}') }}}} "
            + ASK
            + " {% if is_incremental() %} where i > (select max(id) from {{ this }}) {% endif %}"
        )
        for strategy in STRATEGIES
    },
}


def test_every_materialization(project: Project, scripted: ScriptedEndpoint) -> None:
    """Tables, views, incremental strategies, snapshots, Python, contracts, hooks, tests and unit tests: 5 questions."""
    project.write(MODELS)
    outcome = project.dbt("build")
    assert outcome.success, "\n".join(outcome.log)
    assert dict(scripted.prompts) == {f"q{i}": 1 for i in range(5)}
    expected = [(i, f"echo: q{i}") for i in range(5)]
    for name in ("as_table", "over_cte", "with_contract", "by_append", "by_delete", "by_merge"):
        assert project.rows(f"select id, answer from {name} order by id") == expected
    assert project.rows("select id, answer from in_python order by id") == expected[:3]
    for name in ("relation", "asking_relation"):
        assert project.rows(f"select id, answer from {name} order by id") == expected[:3]
    assert project.rows("select answer from with_hooks") == [("echo: q0",)]
    assert project.rows("select id, answer from as_snapshot order by id") == expected
    again = project.dbt("""build --vars {"rows":7}""")
    assert again.success, again
    assert dict(scripted.prompts) == {f"q{i}": 1 for i in range(7)}
    assert project.rows("select count(*), count(dbt_valid_to) from as_snapshot") == [(7, 0)]
    assert project.rows("select count(*) from by_append union all select count(*) from by_merge") == [(7,), (7,)]


MICROBATCH = """
{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='day',
          begin='2026-01-01', meta={'ai_budget_usd': %s}) }}
select day, ai_query('test', 'q' || id) as answer from {{ ref('events') }}
"""
EVENTS = """
{{ config(materialized='table', event_time='day') }}
select i as id, timestamp '2026-01-01' + to_days(i::int // 2) as day from range(8) r(i)
"""
FOUR_DAYS = "run --event-time-start 2026-01-01 --event-time-end 2026-01-05"


def test_the_batches_of_a_model_share_its_budget(project: Project, scripted: ScriptedEndpoint) -> None:
    """A microbatch model asks batch by batch; `ai_budget_usd` is for all of them together."""
    project.write({"models/events.sql": EVENTS, "models/batched.sql": MICROBATCH % 0.05})
    poor = project.dbt(FOUR_DAYS)
    assert not poor.success
    assert 0 < scripted.requests < 8
    project.write({"models/batched.sql": MICROBATCH % 5.0})
    rich = project.dbt(FOUR_DAYS)
    assert rich.success, rich
    assert dict(scripted.prompts) == {f"q{i}": 1 for i in range(8)}
    assert project.rows("select count(*), count(distinct answer) from batched") == [(8, 8)]


def test_show_asks_what_it_shows(project: Project, scripted: ScriptedEndpoint) -> None:
    """`dbt show` with its limit asks about the rows that it prints."""
    project.write({"models/answers.sql": "select ai_query('test', 'q' || i) as answer from range(1000) r(i)"})
    assert project.dbt("show --select answers --limit 3").success
    assert scripted.requests == 3


def test_empty_asks_nothing(project: Project, scripted: ScriptedEndpoint) -> None:
    """`dbt run --empty` builds every table without a row and without a question."""
    project.write({"models/a.sql": "{{ config(materialized='table') }} " + ASK})
    project.write(
        {"models/b.sql": "{{ config(materialized='table') }} select ai_query('test', answer) as b from {{ ref('a') }}"}
    )
    project.write({"models/a.sql": "{{ config(materialized='table') }} select 'x' as answer where false"})
    assert project.dbt("run --empty").success
    assert scripted.requests == 0


def test_without_the_planner_results_are_the_same(project: Project, scripted: ScriptedEndpoint) -> None:
    """`planner: false`: DuckDB decides which rows are asked about; the functions do the rest."""
    project.write({"profiles.yml": profile(scripted, planner=False)})
    project.write({name: text for name, text in MODELS.items() if "python" not in name})
    outcome = project.dbt("build")
    assert outcome.success, outcome
    assert dict(scripted.prompts) == {f"q{i}": 1 for i in range(5)}


def test_without_the_planner_usage_is_written_down(project: Project, scripted: ScriptedEndpoint) -> None:
    """`planner: false`: what a run asked is in `ai_usage()` when dbt has ended, on every thread."""
    project.write({"profiles.yml": profile(scripted, planner=False)})
    project.write({f"models/m{n}.sql": f"{{{{ config(materialized='table') }}}} {ASK}" for n in range(3)})
    run = project.start("run")
    output, _ = run.communicate()
    assert run.returncode == 0, output
    with ddb_aiquery.connect(config={"cache": {"directory": project.environment["DDB_AIQUERY_CACHE"]}}) as con:
        assert con.execute("select sum(questions), sum(sent) from ai_usage()").fetchall() == [(15, 5)]


CHANGED = """
from dbt.adapters.duckdb.environments.local import LocalEnvironment
known = LocalEnvironment.initialize_cursor
LocalEnvironment.initialize_cursor = staticmethod(lambda *given, **named: known(*given, **named))
"""


def test_another_dbt_duckdb_is_told_apart(project: Project, scripted: ScriptedEndpoint) -> None:
    """Where the adapter's cursors are made in another way, the plugin says so once and the functions work alone."""
    project.write({"models/as_table.sql": MODELS["models/as_table.sql"]})
    program = f"{CHANGED}\nfrom dbt.cli.main import cli\ncli()"
    run = project.start("run", program=program)
    output, _ = run.communicate()
    assert run.returncode == 0, output
    assert output.count("the planner is off") == 1
    assert scripted.requests == 5
