"""What a run may cost: budgets, commands that send nothing, what is written down, and an estimate before it starts."""

from __future__ import annotations

import json

import duckdb
from shop_project import Project, profile

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

MODEL = "{{ config(materialized='table') }} select ai_query('test', 'q' || i) as answer from range(40) r(i)"


def test_a_model_has_a_budget(project: Project, scripted: ScriptedEndpoint) -> None:
    """`meta.ai_budget_usd` stops a model before the call that could pass it, and says what to raise."""
    model = MODEL.replace("'table'", "'table', meta={'ai_budget_usd': 0.1}")
    project.write({"models/dear.sql": model, "models/free.sql": MODEL.replace("'q'", "'f'")})
    outcome = project.dbt("run")
    assert "limit of model.shop.dear, $0.100000" in outcome.message("dear")
    assert "raise meta.ai_budget_usd" in outcome.message("dear")
    assert outcome.nodes["model.shop.free"]["status"] == "success"
    assert sum(prompt.startswith("q") for prompt in scripted.prompts) <= 25  # $0.004 each, and more reserved


COMPOSED = """
def model(dbt, session):
    dbt.config(materialized="table", meta={"ai_budget_usd": 0.1})
    rows = session.sql("select i from range(40) r(i)").project("i, ai_query('test', '%s' || i) as answer")
    return rows%s
"""


def test_a_python_model_has_a_budget(project: Project, scripted: ScriptedEndpoint) -> None:
    """What it composes itself is planned, limited, and logged with its name."""
    project.write({"models/dear.py": COMPOSED % ("d", ""), "models/frame.py": COMPOSED % ("f", ".df()")})
    project.write({"models/few.py": COMPOSED % ("q", ".filter('i < 3')")})
    outcome = project.dbt("run")
    for name in ("dear", "frame"):
        assert f"limit of model.shop.{name}, $0.100000" in outcome.message(name)
        assert len(outcome.about(name)) == 1
    assert outcome.nodes["model.shop.few"]["status"] == "success"
    assert "3 questions" in outcome.about("few")[0]
    assert scripted.requests <= 25 + 25 + 3


def test_a_budget_is_an_amount(project: Project, scripted: ScriptedEndpoint) -> None:
    """A budget that is no amount, or not written as it should be, fails its model before anything is sent."""
    wrong = {"word": "{ai_budget_usd: much}", "endless": "{ai_budget_usd: .inf}", "nothing": "{ai_budget_usd: .nan}"}
    wrong |= {"truth": "{ai_budget_usd: true}", "below": "{ai_budget_usd: -1}", "other": "{ai_budget: 1.0}"}
    listed = [f"  - {{name: {name}, config: {{meta: {meta}}}}}" for name, meta in wrong.items()]
    project.write({"models/schema.yml": "\n".join(["models:", *listed])} | {f"models/{n}.sql": MODEL for n in wrong})
    outcome = project.dbt("run")
    for name, value in {"word": "'much'", "endless": "inf", "nothing": "nan", "truth": "True", "below": "-1"}.items():
        assert f"{name}: meta.ai_budget_usd must be a number of US dollars, not {value}" in outcome.message(name)
    assert "other: unknown key meta.ai_budget; did you mean ai_budget_usd?" in outcome.message("other")
    assert scripted.requests == 0


def test_the_profile_has_a_budget_and_no_unknown_key(project: Project, scripted: ScriptedEndpoint) -> None:
    """`budget` beside `config` limits every statement; a key that is not known is named."""
    project.write({"models/dear.sql": MODEL, "profiles.yml": profile(scripted, budget={"query_requests": 3})})
    assert "raise budget.query_requests" in project.dbt("run").message("dear")
    assert scripted.requests == 3
    project.write({"profiles.yml": profile(scripted, bugdet={"query_usd": 3})})
    assert (
        "unknown key bugdet in the profile's plugin ddb_aiquery.dbt; did you mean budget?"
        in project.dbt("run").exception
    )


QUERYING = """
{% if execute %}{% set found = run_query("select ai_query('test', 'while compiling') as a") %}{% endif %}
select 1 as a
"""


def test_compile_and_parse_send_nothing(project: Project, scripted: ScriptedEndpoint) -> None:
    """Not even where a macro queries while it is compiled: that fails with the command's name."""
    project.write({"models/answers.sql": MODEL})
    for command in ("parse", "compile", "docs generate"):
        assert project.dbt(command).success
    project.write({"models/querying.sql": QUERYING})
    refused = project.dbt("compile")
    assert not refused.success
    assert "dbt compile sends nothing" in refused.exception
    assert scripted.requests == 0
    assert project.dbt("run --select querying").success
    assert scripted.requests == 1


REPORT = """
create or replace table report as
select label, questions, sent, '{{ invocation_id }}' as invocation from ai_usage()
"""


def test_usage_names_the_model_and_the_invocation(project: Project) -> None:
    """`ai_usage().label` is the node's id and the invocation's, parted by a space."""
    settings = {"name": "shop", "version": "1.0", "profile": "shop", "on-run-end": REPORT}
    project.write({"dbt_project.yml": json.dumps(settings), "models/answers.sql": MODEL})
    assert project.dbt("run").success
    ((label, questions, sent, invocation),) = project.rows("from report")
    assert label == f"model.shop.answers {invocation}"
    assert (questions, sent) == (40, 40)


def test_a_run_is_estimated_before_it_starts(project: Project, scripted: ScriptedEndpoint) -> None:
    """On an empty database, model by model; what depends on answers is an upper limit, and what is known is free."""
    project.write(
        {
            "seeds/prompts.csv": "id,prompt\n" + "".join(f"{i},p{i % 20}\n" for i in range(30)),
            "models/first.sql": (
                "{{ config(materialized='table') }} "
                "select id, ai_query('test', prompt) as answer from {{ ref('prompts') }}"
            ),
            "models/second.sql": (
                "{{ config(materialized='table') }} "
                "select ai_query('test', 'again ' || answer) as again from {{ ref('first') }} where id < 5"
            ),
        }
    )
    before = project.estimate()
    assert "first 20 0 20" in before
    assert "second <= " in before
    assert "second: reads what the run has yet to make: upper limits" in before
    assert scripted.requests == 0
    assert project.dbt("build").success
    assert "first 20 20 0" in project.estimate()
    assert scripted.requests == 25


LATER = {
    "models/seen.sql": "{{ config(materialized='view') }} " + MODEL.partition("}} ")[2],
    "models/reader.sql": "{{ config(materialized='table') }} select answer from {{ ref('seen') }} limit 5",
    "models/wrapped.sql": "{{ config(materialized='table') }} select asked('w' || i) as a from range(7) r(i)",
    "models/twice.sql": MODEL,
    "models/own.py": COMPOSED % ("q", ""),
    "models/free.py": "def model(dbt, session):\n    return session.sql('select 1 as i').df()",
    "tests/doubtful.sql": "select 1 from range(3) r(i) where ai_query('test', 'doubt ' || i) = 'yes'",
    "tests/present.sql": "select 1 from {{ ref('seen') }} where answer is null",
    "tests/few.sql": "select ai_query('test', 'why ' || i) as why from range(3) r(i) where i > 1",
    "tests/few_kept.sql": "{{ config(store_failures=true) }} select ai_query('test', 'w' || i) as why from range(2) r(i)",
    "models/ai_named.sql": "{{ config(materialized='table') }} select 1 as ai_column",
}


def test_an_estimate_counts_who_reads_a_view(project: Project, scripted: ScriptedEndpoint) -> None:
    """Views, macros of the database, data tests and Python models: counted where they ask, or said to be unknown."""
    project.write(LATER)
    with duckdb.connect(project.environment["SHOP_DATABASE"]) as con:
        ddb_aiquery.register(con, config=scripted.settings("test"))
        con.execute("CREATE MACRO asked(x) AS ai_query('test', x)")
    told = project.estimate()
    for line in ("seen 0 0 0", "reader 5 0 5", "wrapped 7 0 7", "doubtful 3 0 3", "present 40 0 40", "few_kept 2 0 2"):
        assert f" {line} " in told
    assert " own ? ? ? ? ?" in told
    assert not [name for name in ("free", "ai_named", "few") if f" {name} " in told]
    assert "all but ? <= 97 " in told
    assert "seen: asks nothing until it is read" in told
    assert scripted.requests == 0
