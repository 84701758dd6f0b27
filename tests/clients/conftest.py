"""The optional group: it runs only when it is asked for by name, since its packages take minutes to import."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    """Skip the group unless `-m` names it."""
    if "clients" in (config.option.markexpr or ""):
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="optional: -m clients"))
