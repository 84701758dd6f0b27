"""The plugin's entry in profiles.yml, read and checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ddb_aiquery._settings import Settings, load
from ddb_aiquery.errors import SettingsError

_KEYS = ("config", "budget", "planner")


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings with the profile's budget over them, and whether models are planned."""

    settings: Settings
    planner: bool = True


def read_profile(given: Mapping[str, Any], inherited: Mapping[str, Any] | None, project: Path) -> Profile:
    """Read the plugin's `config`; dbt-duckdb has merged the profile's DuckDB settings (`inherited`) under it.

    A settings file's path is relative to the project, wherever dbt was started.

    Raises:
        SettingsError: names the key.
    """
    for key in given.keys() - set(_KEYS) - set(inherited or ()):
        near = difflib.get_close_matches(key, _KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(_KEYS)}"
        raise SettingsError(f"unknown key {key} in the profile's plugin ddb_aiquery.dbt; {hint}")
    planner = given.get("planner", True)
    if not isinstance(planner, bool):
        raise SettingsError(f"planner must be true or false, not {planner!r}, in the profile's plugin")
    config = given.get("config")
    settings = load(project / config if isinstance(config, str) else config)
    budget = given.get("budget") or {}
    load({"budget": budget})  # the same words for a wrong key or type as anywhere else
    return Profile(replace(settings, limits=replace(settings.limits, **budget)), planner)
