"""The project in examples/dbt runs as it stands."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from shop_project import ROOT, Driver, Project, environment

from ddb_aiquery.testing import ScriptedEndpoint


def test_the_example_runs_and_pays_only_for_what_is_new(driver: Driver, tmp_path: Path) -> None:
    """Built twice and again after ten new reviews: topics and sentiments of the new ones, and the new complaints."""
    shutil.copytree(ROOT / "examples" / "dbt", tmp_path / "shop", ignore=shutil.ignore_patterns("target", "logs"))
    with ScriptedEndpoint() as endpoint:
        names = {"REVIEWER_URL": endpoint.base_url, "REVIEWER_KEY": "test-key"}
        project = Project(tmp_path / "shop", driver, environment(tmp_path / "shop", tmp_path / "cache") | names)
        first = project.dbt("build")
        assert first.success, "\n".join(first.log)
        asked = dict(endpoint.reset_counts().prompts)
        complaints = "select count(distinct body) from review_topics where sentiment = 'negative'"
        ((negative,),) = project.rows(complaints)
        assert len(asked) == sum(asked.values()) == 2 * 20 + negative
        assert any(line.startswith("ai_usage model.shop.review_topics: 40 questions") for line in first.log)
        assert project.dbt("build").success
        assert endpoint.requests == 0
        with (project.path / "seeds" / "reviews.csv").open("a", newline="") as seed:
            csv.writer(seed, lineterminator="\n").writerows(
                [(100 + i, "2026-03-01", f"New review number {i}.") for i in range(10)]
            )
        third = project.dbt("build")
        assert third.success, "\n".join(third.log)
        ((more,),) = project.rows(complaints)
        assert endpoint.requests == 2 * 10 + more - negative
