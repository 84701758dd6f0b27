from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddb_aiquery._transport import Transport
from ddb_aiquery._values import Endpoint, Form, Question

LETTERS = 'a"\\{},: 0'
"""Few letters, and those that could be taken for the marks between fields: near misses are what matters."""
NUMBERS = (0, 0.0, 1, 1.0, True, "1", None)
NAMES = ("temperature", "seed", "stop", "messages_")
FORMATS = (None, '{"type":"text"}', '{"type":"json_object"}')
FILES = ((), (b"\x89PNG\r\n\x1a\n",), (b"\x89PNG\r\n\x1a\n0",))
ENDPOINTS = [
    Endpoint(name, url, model, provider)
    for name, url, model, provider in [
        ("a", "https://one.example/v1", "m", "openai"),
        ("b", "https://one.example/v1/m", "m", "openai"),
        ("c", "https://two.example/v1", "m", "openai"),
        ("d", "https://one.example:8443/v1", "m", "openai"),
        ("e", "https://one.example/v1", "n", "openai"),
        ("f", "https://one.example/v1", "m", "anthropic"),
    ]
]


def drawn(dice: random.Random) -> tuple[Endpoint, Question]:
    """Draw a question that differs from others in as little as can be."""
    endpoint = dice.choice(ENDPOINTS)
    text = "".join(dice.choices(LETTERS, k=dice.randrange(4)))
    form = dice.choice([Form.TEXT, Form.MESSAGES])
    if form is Form.MESSAGES:
        first = {"role": dice.choice(["user", "system", "assistant"]), "content": text}
        text = json.dumps([first, {"role": "user", "content": "x"}])
    parameters = {name: dice.choice(NUMBERS) for name in sorted(dice.sample(NAMES, k=dice.randrange(3)))}
    response_format, files = dice.choice(FORMATS), dice.choice(FILES)
    return endpoint, Question(endpoint.name, text, form, json.dumps(parameters), response_format, files)


def _no_two_alike(examples: int) -> None:
    transport, found = Transport(), {}

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.integers(0, 2**64))
    def check(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(100):
            endpoint, question = drawn(dice)
            envelope = transport.seal(endpoint, question)
            wire = endpoint.provider, endpoint.base_url + envelope.path, envelope.body
            assert found.setdefault(envelope.key, wire) == wire

    check()
    assert len(set(found.values())) == len(found)
    assert len(found) > 10 * examples


def test_no_two_requests_share_a_key() -> None:
    """Ten thousand requests: equal keys only where every byte sent is equal, and the place it is sent to."""
    _no_two_alike(100)


@pytest.mark.long
def test_no_two_of_a_hundred_thousand_requests_share_a_key() -> None:
    """The same for 100,000."""
    _no_two_alike(1000)
