"""The project in examples/dbt runs as it stands."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import yaml
from shop_project import ROOT, Driver, Project, environment, profile

from ddb_aiquery.testing import ScriptedEndpoint


def example(driver: Driver, folder: Path, endpoint: ScriptedEndpoint) -> Project:
    """Return a copy of the project that asks the scripted endpoint."""
    shutil.copytree(ROOT / "examples" / "dbt", folder / "shop", ignore=shutil.ignore_patterns("target", "logs"))
    names = {"REVIEWER_URL": endpoint.base_url, "REVIEWER_KEY": "test-key"}
    return Project(folder / "shop", driver, environment(folder / "shop", folder / "cache") | names)


def ten_more_reviews(project: Project) -> None:
    """Add reviews that nobody has written before to the seed."""
    with (project.path / "seeds" / "reviews.csv").open("a", newline="") as seed:
        rows = [(100 + i, "2026-03-01", f"New review number {i}.") for i in range(10)]
        csv.writer(seed, lineterminator="\n").writerows(rows)


def test_the_example_runs_and_pays_only_for_what_is_new(driver: Driver, tmp_path: Path) -> None:
    """Built twice and again after ten new reviews: topics and sentiments of the new ones, and the new complaints."""
    with ScriptedEndpoint() as endpoint:
        project = example(driver, tmp_path, endpoint)
        first = project.dbt("build")
        assert first.success, "\n".join(first.log)
        asked = dict(endpoint.reset_counts().prompts)
        complaints = "select count(distinct body) from review_topics where sentiment = 'negative'"
        ((negative,),) = project.rows(complaints)
        assert len(asked) == sum(asked.values()) == 2 * 20 + negative
        assert any(line.startswith("ai_usage model.shop.review_topics: 40 questions") for line in first.log)
        assert project.dbt("build").success
        assert endpoint.requests == 0
        ten_more_reviews(project)
        third = project.dbt("build")
        assert third.success, "\n".join(third.log)
        ((more,),) = project.rows(complaints)
        assert endpoint.requests == 2 * 10 + more - negative


def test_the_estimate_is_what_the_run_then_asks(driver: Driver, tmp_path: Path) -> None:
    """On an empty database and again after ten new reviews, `review_topics` asks exactly the estimate's questions."""
    with ScriptedEndpoint() as endpoint:
        project = example(driver, tmp_path, endpoint)
        for new in (2 * 20, 2 * 10):
            before = project.estimate()
            assert f"review_topics {new} 0 {new} " in before, before
            assert "complaints <= " in before
            assert endpoint.reset_counts().requests == 0
            assert project.dbt("build --select +review_topics").success
            assert endpoint.reset_counts().requests == new
            ten_more_reviews(project)
            assert project.dbt("seed").success
            endpoint.reset_counts()


def test_the_readmes_model_and_profile_are_the_examples(project: Project) -> None:
    """The model that README shows runs, twice for the price of once; its plugin entry is the example's."""
    page = (ROOT / "README.md").read_text().partition("\n## dbt\n")[2]
    entry, model = (re.findall(f"```{kind}\n(.*?)```", page, re.DOTALL)[0] for kind in ("yaml", "jinja"))
    profiles = yaml.safe_load((ROOT / "examples" / "dbt" / "profiles.yml").read_text())
    assert yaml.safe_load(entry)["plugins"] == profiles["shop"]["outputs"]["dev"]["plugins"]
    reviews = "select i as review_id, 'review ' || i % 3 as body from range(10) r(i)"
    with ScriptedEndpoint(lambda _prompt, _request: '{"labels": "price"}') as endpoint:
        project.write({"profiles.yml": profile(endpoint)})
        project.write({"models/stg_reviews.sql": reviews, "models/review_topics.sql": model})
        assert project.dbt("run").success
        assert project.dbt("run").success
        assert endpoint.requests == 3
    assert project.rows("select distinct topic, count(*) over () from review_topics") == [("price", 10)]
