"""Settings: arguments over environment over the TOML file over defaults, read once into a frozen value."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import platformdirs

from ddb_aiquery._entries import endpoint_of, implied, sealed
from ddb_aiquery._providers import PROVIDERS
from ddb_aiquery._setting_keys import ENDPOINT, TABLES, Source
from ddb_aiquery._values import Endpoint
from ddb_aiquery.errors import SettingsError, UnknownEndpoint


class _Variables(Mapping[str, str]):
    """The process's environment, which a traceback that shows its locals must not spell out."""

    __slots__ = ()

    def __getitem__(self, name: str) -> str:
        return os.environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)

    def __repr__(self) -> str:
        return "the environment"


ENVIRONMENT = _Variables()
_ARGUMENT = Source("the config argument")


@dataclass(frozen=True, slots=True)
class Limits:
    """The budget as the user wrote it: None where nothing is limited."""

    query_usd: float | None = None
    day_usd: float | None = None
    query_requests: int | None = None
    confirm_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user can set, checked; credentials stay templates (`${VAR}`) until an endpoint is used."""

    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    default_endpoint: str | None = None
    embedding_endpoint: str | None = None
    limits: Limits = Limits()
    cache_directory: Path | None = None
    """None: nothing is kept on disk."""
    source: str = "the settings"
    """Where an entry is to be added: the file, which need not exist, or the config argument."""

    def endpoint(self, name: str, environ: Mapping[str, str] = ENVIRONMENT) -> Endpoint:
        """Build the Endpoint that SQL calls `name`.

        Raises:
            UnknownEndpoint: no entry, no `provider/model`, no Databricks host; lists the known names, nearest first.
            MissingKey: the endpoint's credential is an environment variable that is not set.
        """
        # A fallback's own fallbacks do not count: the list of the endpoint asked is the whole of it.
        others = self.entries.get(name, {}).get("fallbacks", ())
        return replace(self._alone(name, environ), fallbacks=tuple(self._alone(other, environ) for other in others))

    def _alone(self, name: str, environ: Mapping[str, str]) -> Endpoint:
        entry = self.entries.get(name)
        if entry is None:
            entry = implied(name, environ)
        if entry is None:
            raise UnknownEndpoint(_unknown(name, self.entries, self.source))
        return endpoint_of(name, entry, environ)


def load(config: Any = None, environ: Mapping[str, str] = ENVIRONMENT) -> Settings:
    """Read the settings from `config` (a path, a dict, Settings or None), the environment and the usual file.

    Raises:
        SettingsError: names the key, the file and the line.
    """
    if isinstance(config, Settings):
        return config
    try:
        return _load(config, environ)
    except SettingsError as error:
        # The frames below hold the text of the settings, and with it whatever keys stand in there.
        raise error.with_traceback(None) from None
    except RuntimeError:  # of pathlib and platformdirs: a user without a home, as in some containers
        raise SettingsError(
            "the home directory is not known: set HOME, or DDB_AIQUERY_CONFIG and DDB_AIQUERY_CACHE to whole paths"
        ) from None


def _load(config: Any, environ: Mapping[str, str]) -> Settings:
    if isinstance(config, Mapping):
        return _checked(config, _ARGUMENT, environ)
    if config is not None:
        return _from_file(Path(config).expanduser(), environ)
    if environ.get("DDB_AIQUERY_CONFIG"):
        return _from_file(Path(environ["DDB_AIQUERY_CONFIG"]).expanduser(), environ)
    usual = Path(platformdirs.user_config_dir("ddb_aiquery", appauthor=False)) / "config.toml"
    return _from_file(usual, environ) if usual.exists() else _checked({}, Source(str(usual)), environ)


def _from_file(path: Path, environ: Mapping[str, str]) -> Settings:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"cannot read the settings file {path}: {reason}; give a TOML file") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    return _checked(tables, Source(str(path), text), environ)


def _checked(tables: Mapping[str, Any], source: Source, environ: Mapping[str, str]) -> Settings:
    for table in tables:
        if table != "endpoints" and table not in TABLES:
            source.refuse((), table, f"unknown table [{table}]", {"endpoints": 0, **TABLES})
    entries: dict[str, Mapping[str, Any]] = {}
    for name, entry in source.table(tables, "endpoints").items():
        if not isinstance(entry, Mapping):
            source.refuse(("endpoints",), name, f"endpoints.{name} must be a table", {})
        source.check(("endpoints", name), entry, ENDPOINT)
        entries[name] = MappingProxyType({key: sealed(key, value) for key, value in entry.items()})
    for table, keys in TABLES.items():
        source.check((table,), source.table(tables, table), keys)
    defaults = source.table(tables, "defaults")
    return Settings(
        entries=MappingProxyType(entries),
        default_endpoint=defaults.get("endpoint"),
        embedding_endpoint=defaults.get("embedding_endpoint"),
        limits=Limits(**source.table(tables, "budget")),
        cache_directory=_cache_directory(source.table(tables, "cache").get("directory"), source, environ),
        source=source.name,
    )


def _cache_directory(written: str | None, source: Source, environ: Mapping[str, str]) -> Path | None:
    """Arguments beat the environment, which beats the file."""
    variable = environ.get("DDB_AIQUERY_CACHE")
    chosen = (written or variable) if source is _ARGUMENT else (variable or written)
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen).expanduser()
    # The state directory, not the cache directory: cleaners empty that one, and these bytes cost money.
    return Path(platformdirs.user_state_dir("ddb_aiquery", appauthor=False))


def _unknown(name: str, entries: Mapping[str, Any], source: str) -> str:
    near = difflib.get_close_matches(name, entries, n=len(entries) or 1, cutoff=0.0)
    known = f"known: {', '.join(near)}" if near else "no endpoint is set up"
    return (
        f"unknown endpoint '{name[:80]}' ({known}); add [endpoints.{name[:80]}] to {source}, "
        f"or name a provider's model as provider/model ({', '.join(list(PROVIDERS)[:3])}, ...)"
    )
