"""How a Databricks user is known already: a profile of the CLI's file, or the environment variables of its SDK."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ddb_aiquery.errors import SettingsError

FILE_VARIABLE = "DATABRICKS_CONFIG_FILE"
PROFILE_VARIABLE = "DATABRICKS_CONFIG_PROFILE"
_CREDENTIALS = frozenset({"api_key", "client_id", "profile", "auth"})


def with_login(name: str, entry: Mapping[str, Any], environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the endpoint's entry with the host and the credential that its profile or the environment has.

    What the entry says itself stands. A profile that holds neither a token nor a client's secret is left to the
    Databricks SDK (`auth = "sdk"`).

    Raises:
        SettingsError: the profile is not in the file, or the file cannot be read.
    """
    profile = entry.get("profile")
    if profile is None and not _CREDENTIALS & entry.keys() and not environ.get("DATABRICKS_TOKEN"):
        if environ.get("DATABRICKS_CLIENT_ID") and environ.get("DATABRICKS_CLIENT_SECRET"):
            pair = {name: environ[f"DATABRICKS_{name.upper()}"] for name in ("client_id", "client_secret")}
            return {**pair, **entry}
        profile = environ.get(PROFILE_VARIABLE)
    return entry if profile is None else {**_from_profile(name, profile, environ), **entry, "profile": profile}


def _from_profile(name: str, profile: str, environ: Mapping[str, str]) -> dict[str, Any]:
    path = Path(environ.get(FILE_VARIABLE) or "~/.databrickscfg").expanduser()
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise SettingsError(f"endpoint '{name}' takes profile '{profile}' from {path}: {reason}") from None
    if not parser.has_section(profile):
        known = ", ".join(parser.sections()) or "none"
        raise SettingsError(f"endpoint '{name}': there is no profile '{profile}' in {path}; it has: {known}")
    said = dict(parser[profile])
    found = {"base_url": said["host"]} if said.get("host") else {}
    if said.get("token"):
        return {**found, "api_key": said["token"]}
    if said.get("client_id") and said.get("client_secret"):
        return {**found, "client_id": said["client_id"], "client_secret": said["client_secret"]}
    return {**found, "auth": "sdk"}
