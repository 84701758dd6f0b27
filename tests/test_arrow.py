from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddb_aiquery import _arrow


@settings(deadline=None)  # the first `pa.array` imports pandas
@given(st.lists(st.none() | st.text()))
def test_texts_are_what_arrow_makes_of_them(values: list[str | None]) -> None:
    """Any texts, NUL and emoji among them, and NULLs at any place."""
    made = _arrow.texts(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.large_string()))


@given(st.lists(st.booleans()))
def test_flags_are_what_arrow_makes_of_them(values: list[bool]) -> None:
    """As many truth values as there are, not a multiple of eight."""
    assert _arrow.flags(values).equals(pa.array(values, pa.bool_()))


@given(st.lists(st.none() | st.integers(0, 2**62)))
def test_places_are_what_arrow_makes_of_them(values: list[int | None]) -> None:
    """Places, and NULLs among them, the place 0 included."""
    assert _arrow.places(values).equals(pa.array(values, pa.int64()))


def test_half_a_character_is_refused() -> None:
    """A lone surrogate is no text that Arrow can hold."""
    with pytest.raises(UnicodeEncodeError):
        _arrow.texts(["\ud800"])
