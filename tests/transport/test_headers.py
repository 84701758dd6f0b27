"""How long an endpoint asks to wait, from headers that may say anything."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddb_aiquery._transport.headers import LONGEST_WAIT, wait_of

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT", "date": DATE}, LONGEST_WAIT),
        ({"retry-after": "Wed, 21 Oct 1999 07:28:00 GMT"}, 0.0),
        ({"retry-after": "999999999"}, LONGEST_WAIT),
        ({"retry-after": "1e308"}, LONGEST_WAIT),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "later"}, None),
        ({"retry-after": "9" * 10_000}, None),
        ({"retry-after": "Wed, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"retry-after-ms": "-5"}, None),
    ],
)
def test_the_wait_is_read_and_clamped(headers, seconds):
    """Milliseconds before seconds before a date against the reply's own; nonsense is no wait."""
    assert wait_of(headers) == seconds


HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "date"]),
    st.text(max_size=80) | st.floats().map(str) | st.integers().map(str) | st.datetimes().map(str),
)


@given(HEADERS)
def test_any_headers_give_a_wait_within_bounds_or_none(headers):
    """No header raises, and no wait is negative, endless or no number."""
    wait = wait_of(headers)
    assert wait is None or (math.isfinite(wait) and 0 <= wait <= LONGEST_WAIT)
