from __future__ import annotations

from typing import Any

import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint

ASK = "SELECT ai_query('test', 'prompt ' || i) FROM range(100) t(i)"


@pytest.mark.parametrize(
    ("query", "settings", "most_tokens"),
    [
        (ASK, {"parameters": {"max_tokens": 5}}, 5),
        (ASK.replace(" || i)", " || i, modelParameters => {'max_tokens': 7})"), {"parameters": {"max_tokens": 5}}, 7),
        (ASK.replace(" || i)", " || i, returnType => 'ARRAY<FLOAT>')"), {"task": "embedding"}, 0),
        (ASK, {}, 1024),
    ],
    ids=["settings", "call", "embedding", "unsaid"],
)
def test_the_estimate_counts_the_output_that_the_call_allows(
    query: str, settings: dict[str, Any], most_tokens: int
) -> None:
    """max_tokens bounds the output priced, the call's own before the settings'; an embedding has none."""
    with ScriptedEndpoint() as server:
        config = server.settings("test", input_price=0.0, output_price=10.0, **settings)
        with ddb_aiquery.connect(config=config) as con:
            assert con.estimate(query).cost_usd == pytest.approx(100 * most_tokens * 10 / 1e6)
            assert server.requests == 0


@pytest.mark.parametrize("settings", [{"parameters": {"max_tokens": 5}}, {}, {"task": "embedding"}])
def test_the_estimate_in_dollars_is_an_upper_bound(settings: dict[str, Any]) -> None:
    """What is billed afterwards is no more than what was said before."""
    query = ASK.replace(" || i)", " || i, returnType => 'ARRAY<FLOAT>')") if "task" in settings else ASK
    with ScriptedEndpoint(lambda _prompt, _request: "[1]") as server:
        config = server.settings("test", input_price=2.0, output_price=10.0, **settings)
        with ddb_aiquery.connect(config=config) as con:
            estimate = con.estimate(query)
            con.execute(query).fetchall()
            assert 0 < con.last_run.cost_usd <= estimate.cost_usd


def test_a_file_is_counted_as_tokens_and_not_as_text() -> None:
    """A picture of 3 MB is some 1,500 tokens, not the million that its base64 would be as text."""
    picture = r"'\x89PNG\x0D\x0A\x1A\x0A'::BLOB || encode(repeat('A', 3000000))"
    with ScriptedEndpoint() as server, ddb_aiquery.connect(config=server.settings("test")) as con:
        con.execute(f"CREATE TABLE pictures AS SELECT {picture} AS content")
        estimate = con.estimate("SELECT ai_query('test', 'what is it', files => content) FROM pictures")
        assert 1_500 <= estimate.input_tokens < 2_000
