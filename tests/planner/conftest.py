"""A planned connection over an echo."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddb_aiquery._connection import AiConnection

sys.path.insert(0, str(Path(__file__).parent))

from planner_echo import DATA, Recorder, installed


@pytest.fixture
def recorder() -> Recorder:
    """The engine of the test."""
    return Recorder()


@pytest.fixture
def con(recorder: Recorder) -> Iterator[AiConnection]:
    """A planned connection over the tables `r`, `d` and `e`."""
    raw = installed(recorder)
    raw.execute(DATA)
    with AiConnection(raw, recorder) as connection:
        yield connection
