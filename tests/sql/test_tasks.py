"""The task functions: types known when the query is bound, values normalised, NULL asks nothing."""

from __future__ import annotations

import json

import duckdb
import pytest

V1 = "VARCHAR"
V2 = "STRUCT(response VARCHAR[], error_message VARCHAR)"

CASES = [
    # expression over t(x) with one row, the reply, type, value
    ("ai_gen(x)", "hello", "VARCHAR", "hello"),
    ("ai_analyze_sentiment(x)", '{"sentiment": "mixed"}', "VARCHAR", "mixed"),
    ("ai_analyze_sentiment(x)", "Positive.", "VARCHAR", "positive"),
    ("ai_fix_grammar(x)", "It is.", "VARCHAR", "It is."),
    ("ai_mask(x, ['person', 'email'])", "[MASKED] wrote", "VARCHAR", "[MASKED] wrote"),
    ("ai_summarize(x)", "Short.", "VARCHAR", "Short."),
    ("ai_summarize(x, 20)", "Short.", "VARCHAR", "Short."),
    ("ai_summarize(x, max_words => 0)", "Short.", "VARCHAR", "Short."),
    ("ai_translate(x, 'de')", "Hallo", "VARCHAR", "Hallo"),
    ("ai_similarity(x, 'b')", '{"similarity": 0.25}', "FLOAT", 0.25),
    ("ai_similarity(x, 'b')", "1.5", "FLOAT", 1.0),
    ("ai_filter('is short', x)", '{"holds": true}', "BOOLEAN", True),
    ("ai_filter('is short', x)", "No.", "BOOLEAN", False),
    ("ai_classify(x, ['spam', 'it''s'])", "IT'S", V1, "it's"),
    ("ai_classify(x, ['spam', 'ham'])", '{"labels": ["ham"]}', V1, "ham"),
    ("""ai_classify(x, '["spam", "ham"]')""", '{"labels": ["ham"]}', V2, {"response": ["ham"], "error_message": None}),
    ("""ai_classify(x, '["spam", "ham"]')""", "Ham", V2, {"response": ["ham"], "error_message": None}),
    (
        """ai_classify(x, '{"spam": "unwanted", "ham": "wanted"}', MAP {'multilabel': 'true'})""",
        '{"labels": ["ham", "spam"]}',
        V2,
        {"response": ["ham", "spam"], "error_message": None},
    ),
    (
        "ai_extract(x, ['name', 'home town'])",
        '{"name": "Ann", "home town": null}',
        'STRUCT("name" VARCHAR, "home town" VARCHAR)',
        {"name": "Ann", "home town": None},
    ),
    (
        """ai_extract(x, '["name"]')""",
        '{"name": "Ann"}',
        'STRUCT(response STRUCT("name" VARCHAR), error_message VARCHAR)',
        {"response": {"name": "Ann"}, "error_message": None},
    ),
    (
        """ai_extract(x, '{"n": {"type": "integer"}, "errorMessage": {"enum": ["a"]}}')""",
        '{"n": 2, "errorMessage": "a"}',
        "STRUCT(response STRUCT(n BIGINT, errorMessage ENUM('a')), error_message VARCHAR)",
        {"response": {"n": 2, "errorMessage": "a"}, "error_message": None},
    ),
    ("ai_agg([x, 'b'], 'count')", "2", "VARCHAR", "2"),
]


@pytest.mark.parametrize(("expression", "reply", "type_", "value"), CASES)
def test_a_task_has_its_type_and_value(script, expression, reply, type_, value):
    """Each function has the contract's type at bind time, gives the normalised value, and asks one question."""
    script.reply = lambda _: reply
    statement = f"SELECT {expression} FROM (SELECT unnest(['some text', 'some text']) AS x)"
    assert script.type(statement) == type_
    script.asked.clear()
    assert script.all(statement) == [value, value]
    assert len(script.asked) == 1
    assert "some text" in script.asked[0].request
    assert script.asked[0].endpoint == "chat"


@pytest.mark.parametrize("expression", sorted({case[0] for case in CASES} - {"ai_agg([x, 'b'], 'count')"}))
def test_null_asks_nothing(script, expression):
    """A NULL text gives NULL, of the same type, without a question."""
    statement = f"SELECT {expression} FROM (SELECT unnest([NULL::VARCHAR]) AS x)"
    assert script.all(statement) == [None]
    assert script.asked == []


def test_labels_may_be_a_column(script):
    """Labels that differ from row to row are each row's own; the answer is one of them."""
    script.reply = lambda asked: json.loads(asked.request.split("Labels: ")[1].splitlines()[0])[-1].upper()
    rows = "(SELECT 1 AS id, 'a' AS x, ['p', 'q'] AS l UNION ALL SELECT 2, 'b', ['r', 's'])"
    assert script.all(f"SELECT ai_classify(x, l) FROM {rows} ORDER BY id") == ["q", "s"]


def test_a_wrong_label_ends_the_query_or_fills_error_message(script):
    """With a list of labels a wrong one is an error; with JSON labels it stands in error_message."""
    script.reply = lambda _: "other"
    with pytest.raises(duckdb.InvalidInputException, match="AI_FUNCTION_HTTP_PARSE_CAST_ERROR"):
        script.one("SELECT ai_classify('x', ['spam', 'ham'])")
    found = script.one("""SELECT ai_classify('x', '["spam", "ham"]')""")
    assert found["response"] is None
    assert found["error_message"].startswith("[AI_FUNCTION_HTTP_PARSE_CAST_ERROR]")


def test_closed_answers_are_asked_for_with_a_schema(script):
    """Tasks whose answers are a closed set, or typed, send a strict JSON schema; free texts send none."""
    script.reply = lambda _: "true"
    script.all("SELECT ai_filter('c', 'x'), ai_gen('x')")
    formats = {asked.request[:4]: asked.response_format for asked in script.asked}
    assert formats["x"] is None
    schema = json.loads(formats["Does"])["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"] == {"holds": {"type": "boolean"}}


def test_similarity_uses_embeddings_where_there_are_some(script):
    """With an embedding endpoint, similarity is the cosine of two embeddings, within 0..1, and no chat is asked."""
    vectors = {"a": "[1.0, 0.0]", "b": "[1.0, 1.0]", "c": "[-1.0, 0.0]"}
    script.reply = lambda asked: vectors[asked.request]
    script.endpoints(embedding="embed")
    near, far, none = script.con.execute(
        "SELECT ai_similarity('a', 'b'), ai_similarity('a', 'c'), ai_similarity('a', NULL)"
    ).fetchone()
    assert near == pytest.approx(0.5**0.5)
    assert (far, none) == (0.0, None)
    assert {asked.endpoint for asked in script.asked} == {"embed"}


def test_similarity_is_one_question_either_way_round(script):
    """Two texts are asked about once, whichever comes first."""
    script.reply = lambda _: "0.5"
    script.all("SELECT ai_similarity(a, b) FROM (VALUES ('x', 'y'), ('y', 'x')) AS t(a, b)")
    assert len(script.asked) == 1


def test_prompts_can_be_read(script):
    """Every task's prompt is in one table with its version, and ai_prompt gives one by name."""
    rows = script.con.execute("FROM ai_prompts()").fetchall()
    assert {"ai_classify", "ai_extract", "ai_filter", "ai_agg"} <= {row[0] for row in rows}
    assert all(version >= 1 for _, version, _ in rows)
    assert script.one("SELECT ai_prompt('ai_classify')") in {row[2] for row in rows}
    assert script.one("SELECT ai_prompt('no such task')") is None


def test_percent_signs_and_tags_in_a_text_stay(script):
    """A text with anything that a prompt could mistake for its own reaches the model unchanged."""
    text = "100 %s {} %d </text> \\ 'quoted'"
    script.all("SELECT ai_translate($x, 'de')", {"x": text})
    assert text in script.asked[0].request


class TestAgg:
    """ai_agg over lists of any length."""

    def test_a_list_that_fits_is_one_question(self, script):
        """A short list is asked about at once, NULLs left out."""
        script.reply = lambda _: "done"
        assert script.one("SELECT ai_agg(['a', NULL, 'b'], 'join them')") == "done"
        (asked,) = script.asked
        assert "<entries>\na\nb\n</entries>" in asked.request
        assert "join them" in asked.request

    @pytest.mark.parametrize("texts", ["NULL", "[]", "[NULL]::VARCHAR[]"])
    def test_nothing_asks_nothing(self, script, texts):
        """Without a text there is no question and no answer."""
        assert script.one(f"SELECT ai_agg({texts}, 'join')") is None
        assert script.asked == []

    def test_groups_are_noted_in_parts(self, script):
        """A group too long for one request is noted part by part, in order; every text is seen once."""
        script.con.execute(
            "CREATE TABLE t AS SELECT i, i % 2 AS g, repeat(i || ' ', 400) AS x FROM range(100, 160) r(i)"
        )
        script.reply = lambda asked: "notes" if "<notes>" in asked.request else f"[{len(asked.request)}]"
        rows = script.con.execute("SELECT g, ai_agg(list(x ORDER BY i), 'sum') FROM t GROUP BY g ORDER BY g").fetchall()
        assert [g for g, _ in rows] == [0, 1]
        parts = [asked.request for asked in script.asked if "one part of many" in asked.request]
        assert len(parts) == 6
        assert all(len(part) < 45_000 for part in parts)
        for i in range(100, 160):
            assert sum(part.count(f"{i} ") for part in parts) == 400

    def test_a_text_longer_than_a_part_is_cut(self, script):
        """One huge text is cut into parts that together are the text."""
        script.reply = lambda _: "n"
        script.one("SELECT ai_agg([list_reduce(range(10000)::VARCHAR[], lambda a, b: a || ' ' || b)], 'count')")
        parts = [asked.request for asked in script.asked if "one part of many" in asked.request]
        text = "".join(part.split("<entries>\n")[1].removesuffix("\n</entries>") for part in parts)
        assert text == " ".join(map(str, range(10_000)))
