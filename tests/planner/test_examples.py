"""The rules' own examples run: the same rows before and after, and the questions that are shown."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import ddb_aiquery._planner as planner
from ddb_aiquery._planner import rules

MODULES = sorted(module.name for module in pkgutil.walk_packages(planner.__path__, "ddb_aiquery._planner."))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """Every example of a planner's module gives what it shows."""
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0


def test_every_rule_has_its_place() -> None:
    """The order of the rules names every file of rules."""
    names = {module.name for module in pkgutil.iter_modules(rules.__path__)}
    assert names == set(rules.ORDER)
