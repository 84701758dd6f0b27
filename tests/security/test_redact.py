import base64
import json
import random
import unicodedata
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._redact import MARK, Redactor

CANARY = 'canary/+ "key"=0815&Ä'


def redactor(secret=CANARY):
    one = Redactor()
    one.register(secret)
    return one


FORMS = {
    "plain": CANARY,
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 unpadded": base64.b64encode(CANARY.encode()).decode().rstrip("="),
    "base64 url": base64.urlsafe_b64encode(CANARY.encode()).decode(),
    "percent": quote(CANARY, safe=""),
    "percent, slashes kept": quote(CANARY),
    "percent, lower case": quote(CANARY, safe="").replace("%2F", "%2f").replace("%C3%84", "%c3%84"),
    "form": quote_plus(CANARY),
    "JSON": json.dumps(CANARY),
    "JSON, UTF-8": json.dumps(CANARY, ensure_ascii=False),
    "hex": CANARY.encode().hex(),
    "repr": repr(CANARY),
    "ANSI inside": CANARY[:5] + "\x1b[31m" + CANARY[5:],
    "invisible inside": CANARY[:5] + "\u200b" + CANARY[5:],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_registered_secret_is_found_in_every_form(form):
    """However a secret was encoded on its way into a message, it does not come out."""
    shown = redactor().clean(f"before {FORMS[form]} after")
    assert MARK in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert "canary" not in shown
    assert "0815" not in shown


@given(st.binary(max_size=7), st.binary(max_size=7), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_base64_hides_a_secret_at_no_alignment(before, after, encode):
    """`user:secret` in base64 is redacted wherever the secret begins and ends."""
    text = encode(before + CANARY.encode() + after).decode()
    core = encode(CANARY.encode()).decode()[4:16]
    shown = redactor().clean(text)
    assert MARK in shown
    assert core not in shown


@given(st.text(min_size=6, max_size=40), st.text(max_size=40), st.text(max_size=40), st.integers(0, 80))
def test_redaction_comes_before_the_cut(secret, before, after, limit):
    """A secret that straddles the cut leaves nothing of itself, and the result is one line of the length asked for."""
    one = redactor(secret)
    text = f"{before}{secret}{after}"
    assert secret not in one.secrets_out(text)
    shown = one.clean(text, limit)
    assert len(shown) <= max(1, limit)
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cs", "Zl", "Zp"}


def test_a_secret_at_the_cut_is_gone_whole():
    """The first half of a key is a secret too."""
    assert redactor("0123456789abcdef").clean("x" * 10 + "0123456789abcdef", 18) == "x" * 10 + MARK


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Incorrect API key provided: sk-proj-abcDEF123456.", "Incorrect API key provided: ***."),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("authorization: bearer abcdef123", "authorization: bearer ***"),
        ("token dapi0123456789abcdef0123456789abcdef-2 expired", "token *** expired"),
        ("AKIAIOSFODNN7EXAMPLE is unknown", "*** is unknown"),
        ("GET https://h.example/v1?key=abc123&x=1", "GET https://h.example/v1?key=***&x=1"),
        ("https://user:pass@h.example/v1", "https://***@h.example/v1"),
        ("{'api-key': 'abcdef'}", "{'api-key': '***'}"),
        ("x-api-key: abcdef, next", "x-api-key: ***, next"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "***"),
        ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "***"),
    ],
)
def test_what_looks_like_a_credential_is_one(text, shown):
    """Keys that nobody registered are known by their looks."""
    assert Redactor().clean(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "the task was asked 3 times",
        "Bearer of bad news",
        "monkey business",
        "ask-me",
        "tokens: 512",
        "disk-full",
        "a@b",
        "",
    ],
)
def test_ordinary_words_are_left_alone(text):
    """Redaction does not garble what holds no credential."""
    assert Redactor().clean(text) == text


def test_one_line_comes_out():
    """Line breaks, terminal escapes, bells, direction marks and lone surrogates do not reach a terminal or a log."""
    text = "a\r\nb\x1b[2Jc\x1b]0;title\x07d\u202ee\ud800f\x9b31mg\u2028h\x00i"
    assert Redactor().clean(text) == "a bcde fg h i"


def test_a_short_secret_does_not_garble_texts():
    """A password of three letters is not hunted for: every text would show where it is."""
    one = redactor("the")
    assert one.clean("the other") == "the other"


def test_many_secrets_at_once():
    """Each of a hundred registered secrets is redacted, the longer one first where one begins another."""
    dice, one = random.Random(1), Redactor()
    secrets = ["".join(dice.choices("abcdefghij", k=12)) for _ in range(100)]
    for secret in secrets:
        one.register(secret)
        one.register(secret + "-longer")
    assert one.clean(" ".join(secrets)) == " ".join([MARK] * 100)
    assert one.clean(secrets[0] + "-longer") == MARK
