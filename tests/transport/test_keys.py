"""Keys are for ever: frozen vectors, and no two requests with the same one."""
# the bytes on the wire are shown whole

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._transport import Transport
from ddb_aiquery._transport.keys import key_of, sealer
from ddb_aiquery._values import Endpoint, Form, Question

GOLDEN = [
    (("", "", "", b""), "42b3a365e06e31564383e7821dc9f5230557ef320d071c668147fbc4a9f9dbcb"),
    (
        ("openai", "https://api.openai.com:443", "/v1/chat/completions", b"{}"),
        "14157624735100716c2a1e258d5b62445da355d54f495b884875956a96c5217b",
    ),
    (
        ("openai", "https://api.openai.com:443", "/v1/embeddings", b"{}"),
        "2c650146e560e5f6593eb61622e72474cdcf5730fc8c0b2d005546c450c7797e",
    ),
    (
        ("anthropic", "https://api.anthropic.com:443", "/v1/messages", b'{"a":1}'),
        "e6cac4fc2b3a7a5e2042ef84359dcc8a260b03cb8f2d5fed75bf9133054f041e",
    ),
    (
        ("openai", "http://[::1]:8000", "/v1", b"\x00\xff"),
        "4a211ef14d6586723f3cb5ebd9d7b367fa9cd453ba0ab9dcceac0ff7774ef11d",
    ),
    (("ü", "日", "😀", b"\xc3\xa9"), "c027903a29efc993f62faa8249b870df92287de1981830e582fe69c122a59fcc"),
    (("a", "bc", "d", b"e"), "4ef060ca04e688e74d6cad32ec0200e8e49ed990635f11211e10f3ab97e2b46d"),
    (("ab", "c", "d", b"e"), "95209a4474c5275c004ba37b924a95b66eeb55d51670e020516b91759a028643"),
    (("openai", "o", "/p", b"x" * 100000), "e2e8c5c5fc9014627ee0d562eb8d7bc6681e0d246fe31dd7670246b1519e512b"),
]

FIELDS = st.tuples(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.binary(max_size=6))


def seal(dialect, origin, path, body):
    return key_of(sealer(dialect, origin, path), body)


@pytest.mark.parametrize(("fields", "key"), GOLDEN)
def test_golden_keys_never_change(fields, key):
    """A key that a released version wrote to disk is found by every later one."""
    assert seal(*fields).hex() == key


@given(FIELDS, FIELDS)
def test_different_fields_have_different_keys(one, other):
    """No two different lists of fields share a key, and equal ones always do."""
    assert (seal(*one) == seal(*other)) == (one == other)


@given(FIELDS, st.integers(0, 1), st.integers(0, 5))
def test_moving_text_between_fields_changes_the_key(fields, at, count):
    """Where one field ends and the next begins is part of the key."""
    joined = fields[at] + fields[at + 1]
    moved = (*fields[:at], joined[:count], joined[count:], *fields[at + 2 :])
    assert (seal(*moved) == seal(*fields)) == (moved == fields)


ENDPOINT = Endpoint("a", "https://models.example/v1", "m", parameters={"temperature": 0.0, "max_tokens": 512})
ENVELOPES = [
    (
        Question("a", "hi"),
        "/chat/completions",
        b'{"max_tokens":512,"messages":[{"content":"hi","role":"user"}],"model":"m","temperature":0.0}',
        "571ecb469ad1c5d4c2dbc788d8ec8e2ef346c6a4e25a77fa9cc49454c97b52b9",
    ),
    (
        Question("a", 'Grüße \U0001f600 "quoted"\n\x00'),
        "/chat/completions",
        b'{"max_tokens":512,"messages":[{"content":"Gr\xc3\xbc\xc3\x9fe \xf0\x9f\x98\x80 \\"quoted\\"\\n\\u0000","role":"user"}],"model":"m","temperature":0.0}',
        "82e56fcf413889156052d9b64de84f16c64e1cecd050211d5b55d6c8d7a94e50",
    ),
    (
        Question("a", "hi", parameters='{"temperature":1,"seed":7}'),
        "/chat/completions",
        b'{"max_tokens":512,"messages":[{"content":"hi","role":"user"}],"model":"m","seed":7,"temperature":1}',
        "4a9e77a4e3d08e02423725cd7630c143325139a9ec066643931e577efc91bc90",
    ),
    (
        Question("a", "hi", response_format='{"type":"json_schema","json_schema":{"name":"r","schema":{"b":1,"a":2}}}'),
        "/chat/completions",
        b'{"max_tokens":512,"messages":[{"content":"hi","role":"user"}],"model":"m","response_format":{"type":"json_schema","json_schema":{"name":"r","schema":{"b":1,"a":2}}},"temperature":0.0}',
        "fe06a5139fb1ba15061c2636a894e4d0d72b6bed3ce182a200c5f97ce9e8af49",
    ),
    (
        Question("a", '[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}]', Form.MESSAGES),
        "/chat/completions",
        b'{"max_tokens":512,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}],"model":"m","temperature":0.0}',
        "2681e2ebd82417db3cfe98a9fac65505ced2f08ff98eb966d6e1282ea51411c4",
    ),
    (
        Question("a", "hi", Form.EMBED),
        "/embeddings",
        b'{"input":"hi","max_tokens":512,"model":"m","temperature":0.0}',
        "311e775cca320f15402dd97f0e3ef13d2f56c9b4b89fe01d117284227bcd8017",
    ),
    (
        Question("a", '{"z": 1.50, "a": 12345678901234567890}', Form.RECORD),
        "",
        b'{"dataframe_records":[{"z": 1.50, "a": 12345678901234567890}],"params":{"max_tokens":512,"temperature":0.0}}',
        "e959c7a1599aef9ac0f525dbaae7790293bd43e4a80f03a4000e37d692967b81",
    ),
    (
        Question("a", "what is this?", files=(b"%PDF-1.7",)),
        "/chat/completions",
        b'{"max_tokens":512,"messages":[{"content":[{"text":"what is this?","type":"text"},{"file":{"file_data":"data:application/pdf;base64,JVBERi0xLjc=","filename":"file.pdf"},"type":"file"}],"role":"user"}],"model":"m","temperature":0.0}',
        "fb423a6e80f63298f4f28ccef13270b0e7603efd2fee1ab3d916b16c232379d2",
    ),
    (
        Question("a", ""),
        "/chat/completions",
        b'{"max_tokens":512,"messages":[{"content":"","role":"user"}],"model":"m","temperature":0.0}',
        "dbc1cb7b85cf9c7f40814e8a2e8ec11da719f974ce508ae15e5c677a4592454e",
    ),
]


@pytest.mark.parametrize(("question", "path", "body", "key"), ENVELOPES)
def test_golden_envelopes_never_change(question, path, body, key):
    """The bytes on the wire, and so the key, of known questions stay as they were released."""
    envelope = Transport().seal(ENDPOINT, question)
    assert (envelope.path, envelope.body, envelope.key.hex()) == (path, body, key)


@pytest.mark.parametrize(
    "other",
    [
        Endpoint("a", "https://models.example/v2", "m"),
        Endpoint("a", "https://other.example/v1", "m"),
        Endpoint("a", "http://127.0.0.1:8000/v1", "m"),
        Endpoint("a", "https://models.example:8443/v1", "m"),
        Endpoint("a", "https://models.example/v1", "m2"),
        Endpoint("a", "https://models.example/v1", "m", parameters={"temperature": 1}),
    ],
)
def test_another_place_or_model_or_parameter_is_another_key(other):
    """What decides the answer is in the key."""
    question = Question("a", "hi")
    same = Endpoint("a", "https://models.example/v1", "m")
    assert Transport().seal(other, question).key != Transport().seal(same, question).key


def test_name_credential_and_limits_are_not_in_the_key():
    """What does not decide the answer is not in the key: a renamed endpoint keeps its cache."""
    question = Question("a", "hi")
    one = Endpoint("a", "https://models.example/v1", "m")
    other = Endpoint("b", "https://models.example:443/v1/", "m", max_concurrency=3, input_price=1.0)
    assert Transport().seal(one, question).key == Transport().seal(other, question).key
