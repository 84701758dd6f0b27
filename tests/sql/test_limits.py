"""The task functions' limits and forms: what each takes, and a clear error before any question for what it does not."""

from __future__ import annotations

import json

import duckdb
import pytest

from ddb_aiquery.errors import AiQueryError
from ddb_aiquery.testing import Refusal

WRONG = (AiQueryError, duckdb.Error)


def labels(count):
    """Return so many labels as SQL text."""
    return f"'{json.dumps([f'label {i}' for i in range(count)])}'"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("ai_classify('x', [])", "labels are 0: give 2 to 500"),
        ("ai_classify('x', ['a'])", "labels are 1: give 2 to 500"),
        (f"ai_classify('x', {labels(501)})", "labels are 501: give 2 to 500"),
        ("ai_classify('x', '[]')", "labels are 0"),
        ("ai_classify('x', '{}')", "labels are 0"),
        ("ai_classify('x', ['a', 'b', 'a'])", 'have "a" twice'),
        ("ai_classify('x', ['a', ''])", "a text of 1 to 100 characters"),
        ("ai_classify('x', ['a', NULL])", "have null among them"),
        ("ai_classify('x', ['a', repeat('b', 101)])", "a text of 1 to 100 characters"),
        ("ai_classify('x', '[1, 2]')", "have 1 among them"),
        ("ai_classify('x', 'a, b')", "labels are no JSON: .* at character 1"),
        ("ai_classify('x', 7)", "labels are 7: give a list of texts"),
        ("""ai_classify('x', '{"a": 1, "b": "two"}')""", 'describe "a" by 1: give a text of at most 1,000'),
        ("ai_classify('x', to_json({'a': repeat('d', 1001), 'b': 'd'})::VARCHAR)", "at most 1,000 characters"),
        ("ai_classify('x', ['a', 'b'], MAP {'multilabel': 'true'})", "multilabel needs labels as JSON text"),
        ("""ai_classify('x', '["a", "b"]', MAP {'multilabel': 'maybe'})""", "multilabel is 'maybe'"),
        (
            """ai_classify('x', '["a", "b"]', MAP {'multi': 'true'})""",
            r"not know the options \[multi\]: it has version",
        ),
        ("ai_extract('x', [])", r"JSON schema is \[\]"),
        ("ai_extract('x', '{}')", r"JSON schema is \{\}"),
        ("ai_extract('x', ['a', 'A'])", "Two fields have the same name"),
        ("ai_extract('x', ['a', ''])", "A field's name is empty"),
        ("ai_extract('x', 'a, b')", "malformed JSON"),
        ("""ai_extract('x', '{"a": {"type": "strin"}}')""", 'has the type "strin": take one of string, integer'),
        ("""ai_extract('x', '{"a": "strin"}')""", 'has the type "strin"'),
        ("""ai_extract('x', '["a"]', MAP {'enableCitations': 'true'})""", r"not know the options \[enableCitations\]"),
        ("ai_mask('x', [])", "ai_mask has no labels"),
        ("ai_mask('x', 'person')", "VARCHAR"),
        ("ai_summarize('x', -1)", "max_words is -1: give a number, or 0 for no limit"),
        ("ai_summarize('x', 'few')", "INT32"),
        ("ai_translate('x', '')", "to_lang is empty"),
        ("ai_filter('', 'x')", "condition is empty"),
        ("ai_agg('x', 'join')", "VARCHAR"),
    ],
)
def test_a_bad_use_is_a_clear_error(con, served, call, said):
    """What a function cannot take is said with the remedy, for a constant and for a column, and nothing is asked."""
    over_a_column = call.replace("'x'", "x")
    with pytest.raises(WRONG, match=said):
        con.execute(f"SELECT {call}").fetchall()
    with pytest.raises(WRONG, match=said):
        con.execute(f"SELECT {over_a_column} FROM (SELECT unnest(['p', 'q']) AS x)").fetchall()
    assert served.server.requests == 0


@pytest.mark.parametrize("count", [2, 500])
def test_as_many_labels_as_databricks_takes(con, served, count):
    """Two to 500 labels are taken, in both forms."""
    served.says({"labels": [f"label {count - 1}"]})
    assert con.execute(f"SELECT ai_classify('x', {labels(count)})").fetchone() == (
        {"response": [f"label {count - 1}"], "error_message": None},
    )
    listed = f"from_json({labels(count)}, '[\"VARCHAR\"]')"
    assert con.execute(f"SELECT ai_classify('x', {listed})").fetchone() == (f"label {count - 1}",)


def test_labels_with_descriptions_and_instructions_reach_the_model(con, served):
    """Descriptions and instructions stand in the prompt; only the labels may come back."""
    served.says({"labels": ["spam"]})
    described = """'{"spam": "nobody asked for it", "ham": "somebody did"}'"""
    con.execute(
        f"SELECT ai_classify('x', {described}, MAP {{'instructions': 'Be strict.', 'version': '2.0'}})"
    ).fetchall()
    (body,) = served.bodies
    assert "nobody asked for it" in body["messages"][-1]["content"]
    assert "Be strict." in body["messages"][-1]["content"]
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["labels"]["items"]["enum"] == ["spam", "ham"]


@pytest.mark.parametrize(
    ("options", "reply", "response"),
    [
        ("MAP {'multilabel': 'true'}", {"labels": ["ham", "spam"]}, ["ham", "spam"]),
        ("{'multilabel': 'true'}", {"labels": []}, []),
        ("MAP {'multilabel': true}", {"labels": ["spam"]}, ["spam"]),
        ("MAP {'multilabel': 'false'}", {"labels": ["SPAM"]}, ["spam"]),
        ("MAP {'multilabel': 'false'}", {"labels": ["spam", "ham"]}, None),
        ("MAP {'multilabel': 'true'}", {"labels": ["eggs"]}, None),
        ("MAP {}", "no idea", None),
    ],
)
def test_response_or_error_message(con, served, options, reply, response):
    """With JSON labels the answer stands in `response`; one that does not fit leaves its reason in `error_message`."""
    served.says(reply)
    (found,) = con.execute(f"""SELECT ai_classify('x', '["spam", "ham"]', {options})""").fetchone()
    assert found["response"] == response
    assert (found["error_message"] is None) == (response is not None)


def test_extract_by_a_json_schema(con, served):
    """Types, short types, enums, nested objects and lists come back as such; what the text lacks is NULL."""
    served.says({"total": 9.5, "paid": "yes", "kind": "A", "lines": [{"sku": "x", "n": "2"}], "note": None, "n": 3})
    schema = """{
        "total": {"type": "number", "description": "in euros"}, "paid": "boolean",
        "kind": {"type": "enum", "labels": ["a", "b"]}, "note": {"type": "string"}, "n": "integer",
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}, "n": "integer"}}}
    }"""
    (found,) = con.execute(f"SELECT ai_extract('x', '{schema}', MAP {{'instructions': 'Guess nothing.'}})").fetchone()
    assert found == {
        "response": {
            "total": 9.5,
            "paid": True,
            "kind": "a",
            "note": None,
            "n": 3,
            "lines": [{"sku": "x", "n": 2}],
        },
        "error_message": None,
    }
    (body,) = served.bodies
    assert "in euros" in body["messages"][-1]["content"]
    assert "Guess nothing." in body["messages"][-1]["content"]


def test_extract_says_what_failed(con, served):
    """With a JSON schema a failed row has its reason in error_message; with a list of names it ends the query."""
    served.says("nothing found")
    (found,) = con.execute("""SELECT ai_extract('x', '{"who": "string"}')""").fetchone()
    assert found["response"] is None
    assert "[AI_FUNCTION_HTTP_PARSE_CAST_ERROR]" in found["error_message"]
    with pytest.raises(WRONG, match="AI_FUNCTION_HTTP_PARSE_CAST_ERROR"):
        con.execute("SELECT ai_extract('x', ['who'])").fetchall()


@pytest.mark.parametrize(
    ("reply", "sentiment"),
    [
        *(({"sentiment": word}, word) for word in ("positive", "negative", "neutral", "mixed")),
        ("Negative", "negative"),
        ("**Neutral.**", "neutral"),
        ('{"sentiment": "MIXED"}', "mixed"),
    ],
)
def test_sentiment_is_one_of_four(con, served, reply, sentiment):
    """The four values come back in lower case, however the model spells them."""
    served.says(reply)
    assert con.execute("SELECT ai_analyze_sentiment('x')").fetchone() == (sentiment,)


def test_another_sentiment_is_an_error(con, served):
    """A word that is none of the four is no sentiment."""
    served.says("furious")
    with pytest.raises(WRONG, match="not one of positive, negative, neutral, mixed"):
        con.execute("SELECT ai_analyze_sentiment('x')").fetchall()


@pytest.mark.parametrize(
    "call", ["ai_analyze_sentiment('x')", "ai_classify('x', ['a', 'b'])", "ai_similarity('x', 'y')", "ai_gen('x')"]
)
def test_the_remedy_names_the_function_that_has_it(con, served, call):
    """A task function that fails does not advise an argument that it lacks: keeping the other rows is ai_query's."""
    served.says(Refusal() if call.startswith("ai_gen") else "furious")
    with pytest.raises(WRONG, match=r"ai_query\(\.\.\., failOnError => false\) keeps the other rows") as raised:
        con.execute(f"SELECT {call}").fetchall()
    assert "failOnError" not in str(raised.value).replace("ai_query(..., failOnError => false)", "")


@pytest.mark.parametrize(("reply", "value"), [("0.25", 0.25), ('{"similarity": 1}', 1.0), ("-3", 0.0), ("7", 1.0)])
def test_similarity_by_asking_is_within_its_bounds(con, served, reply, value):
    """Without an embedding endpoint the model judges, and the value is held to 0..1; any values are compared as text."""
    served.says(reply)
    assert con.execute("SELECT ai_similarity('a', 'b'), ai_similarity(1, 2)").fetchone() == (value, value)


@pytest.mark.parametrize(("count", "requests"), [(3, 1), (60, 7)])
def test_agg_over_what_does_not_fit_one_request(con, served, count, requests):
    """A list that fits is one question; a longer one is noted in parts, and every text reaches the model once."""
    served.reply = lambda prompt, _: "notes" if "one part of many" in prompt else "all"
    con.execute(
        f"CREATE TABLE texts AS SELECT i, repeat('text ' || (100 + i) || ' ', 200) AS x FROM range({count}) r(i)"
    )
    assert con.execute("SELECT ai_agg(list(x ORDER BY i), 'sum up') FROM texts").fetchone() == ("all",)
    said = [body["messages"][-1]["content"] for body in served.bodies]
    assert len(said) == requests
    assert all(len(prompt) < 45_000 for prompt in said)
    assert [sum(prompt.count(f"text {100 + i} ") for prompt in said) for i in range(count)] == [200] * count
    con.execute("DROP TABLE texts")
