"""ai_cache() says which answers were mended to fit a type, while their text stays what the model wrote."""

from __future__ import annotations

import pytest

import ddb_aiquery
from ddb_aiquery.testing import ScriptedEndpoint, Status

FENCED = '```json\n{"a": 1}\n```'
PROSE = 'Sure: {"a": 1} is it.'
REPLIES = {"fenced": FENCED, "prose": PROSE, "plain": '{"a": 1}'}
TYPED = "SELECT ai_query('test', x, returnType => 'STRUCT<a: INT>') FROM (VALUES ('fenced'), ('prose'), ('plain')) t(x)"
NOTES = "SELECT prompt, text, note FROM ai_cache() ORDER BY prompt"
FOUND = [
    ("fenced", FENCED, "repaired: code fence removed"),
    ("plain", '{"a": 1}', ""),
    ("prose", PROSE, "repaired: text around the JSON removed"),
]


@pytest.fixture
def server():
    """An endpoint that wraps its JSON."""
    with ScriptedEndpoint(lambda prompt, _: REPLIES[prompt]) as scripted:
        yield scripted


@pytest.mark.parametrize("make", [ddb_aiquery.connect, ddb_aiquery.register])
def test_a_repair_is_said_in_the_cache(server, make):
    """The answers that were mended say how, planned and not; one that fits says nothing; the texts stay."""
    con = make(config=server.settings())
    assert con.execute(TYPED).fetchall() == [({"a": 1},)] * 3
    assert con.execute(NOTES).fetchall() == FOUND


def test_the_note_outlives_the_connection_and_is_written_once(server):
    """A later reader finds the note, adds none of the same, and adds what another type needs mended."""
    with ddb_aiquery.connect(config=server.settings()) as con:
        con.execute("SELECT ai_query('test', 'fenced')").fetchall()
        assert con.execute(NOTES).fetchall() == [("fenced", FENCED, "")]
        con.execute(TYPED).fetchall()
    with ddb_aiquery.connect(config=server.settings()) as con:
        assert con.execute(NOTES).fetchall() == FOUND
        con.execute(TYPED).fetchall()
        assert con.execute(NOTES).fetchall() == FOUND
        con.execute("SELECT ai_query('test', 'plain', returnType => 'INT')").fetchall()
        con.execute("SELECT ai_query('test', 'prose', returnType => 'STRUCT<A: INT>')").fetchall()
        notes = [note for _, _, note in con.execute(NOTES).fetchall()]
    assert notes == [
        "repaired: code fence removed",
        "repaired: taken out of a wrapper",
        "repaired: text around the JSON removed; repaired: key in another case, text around the JSON removed",
    ]
    assert server.requests == 3


def test_what_a_fallback_answered_is_noted_where_it_is_kept(server):
    """A mended answer of a fallback has its note under the fallback's endpoint, without the mark of this statement."""
    with ScriptedEndpoint(script=[Status(401)] * 9) as broken:
        settings = broken.settings("test", fallbacks=["second"])
        settings["endpoints"] |= server.settings("second")["endpoints"]
        with ddb_aiquery.connect(config=settings) as con:
            assert con.execute(TYPED.replace("('plain')", "('fenced')")).fetchall() == [({"a": 1},)] * 3
            rows = con.execute("SELECT endpoint, note FROM ai_cache() ORDER BY note").fetchall()
    assert rows == [("second", note) for _, _, note in FOUND if note]


def test_without_a_cache_nothing_is_missed(server, monkeypatch):
    """With the cache off, mended answers are served as ever."""
    monkeypatch.setenv("DDB_AIQUERY_CACHE", "off")
    with ddb_aiquery.connect(config=server.settings()) as con:
        assert con.execute(TYPED).fetchall() == [({"a": 1},)] * 3
