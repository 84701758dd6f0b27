"""From an entry of the settings, or a name that needs none, to its Endpoint: variables, provider, login and key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from ddb_aiquery._address import check_endpoint_url
from ddb_aiquery._databricks_login import PROFILE_VARIABLE, with_login
from ddb_aiquery._providers import PROVIDERS, Provider
from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._values import Endpoint, Secret
from ddb_aiquery.errors import MissingKey, SettingsError

_CREDENTIALS = frozenset({"api_key", "client_secret", "proxy"})


def implied(name: str, environ: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Read `provider/model`, or any serving endpoint's name where DATABRICKS_HOST is set."""
    provider, slash, model = name.partition("/")
    if slash and provider in PROVIDERS and model:
        return {"provider": provider, "model": model}
    if not slash and (environ.get("DATABRICKS_HOST") or environ.get(PROFILE_VARIABLE)):
        return {"provider": "databricks", "model": name}
    return None


def endpoint_of(name: str, entry: Mapping[str, Any], environ: Mapping[str, str]) -> Endpoint:
    """Build the Endpoint of an entry.

    Raises:
        SettingsError: it has no base URL, or calls may not go there.
        MissingKey: an environment variable that it names, or its provider needs, is not set.
    """
    provider = PROVIDERS[entry.get("provider", "openai")]
    if provider.name == "databricks":
        entry = with_login(name, entry, environ)
    known = Endpoint.__dataclass_fields__.keys() - {"name", "options"}
    values = {key: value for key, value in entry.items() if key in known - {"fallbacks"}}
    # `provider = "openai"` is also said of any compatible server, whose key is only what the entry says.
    implied_key = "" if "base_url" in entry and provider.name == "openai" else provider.key_variable
    values["base_url"] = _base_url(name, entry, provider, environ)
    values["api_key"] = _api_key(name, entry, provider, implied_key, environ)
    values.setdefault("model", name)
    options = {key: _expand(name, key, value, environ) for key, value in entry.items() if key not in known}
    options = {key: _secret(value) if _is_secret(key, value) else value for key, value in options.items()}
    return Endpoint(name=name, options=MappingProxyType(options), **values)


_LOCAL = re.compile(r"(?i)(?:localhost|127(?:\.\d+){3}|\[::1\])(?::|/|$)")
_APPENDED = {
    "/chat/completions": "leave it out",
    "/invocations": "give the workspace's address, and the serving endpoint's name as model",
}
"""What people copy with a base URL, and what to write instead."""


def _base_url(name: str, entry: Mapping[str, Any], provider: Provider, environ: Mapping[str, str]) -> str:
    given = entry.get("base_url") or (provider.url_variable and environ.get(provider.url_variable))
    url = _expand(name, "base_url", given or provider.base_url, environ)
    if not url:
        raise SettingsError(
            f"endpoint '{name}' has no base_url: set it in [endpoints.{name}]"
            + (f" or set the environment variable {provider.url_variable}" if provider.url_variable else "")
        )
    url = _with_scheme(str(url).rstrip("/"))
    spared = (urlsplit(url).hostname or "",) if entry.get("allow_http") else ()
    try:
        url = check_endpoint_url(url, allow_http_hosts=spared)
    except SettingsError as error:
        raise SettingsError(f"endpoint '{name}': {error}") from None
    for path, remedy in _APPENDED.items() if entry.get("task", "chat") == "chat" else ():
        if url.endswith(path):
            raise SettingsError(f"endpoint '{name}': base_url ends with {path}, which is appended: {remedy}")
    return url


def _with_scheme(url: str) -> str:
    """Return a URL with the usual scheme where it lacks one, as workspaces and local servers are often given."""
    return url if "://" in url else f"{'http' if _LOCAL.match(url) else 'https'}://{url}"


def _api_key(
    name: str, entry: Mapping[str, Any], provider: Provider, variable: str, environ: Mapping[str, str]
) -> Secret | None:
    if "api_key" in entry:
        return _secret(_expand(name, "api_key", entry["api_key"], environ))
    if {"profile", "client_id"} & entry.keys() or entry.get("auth") == "sdk":
        return None  # a token is fetched
    if variable and environ.get(variable):
        return _secret(environ[variable])
    if variable and provider.needs_key:
        raise MissingKey(f"endpoint '{name}' needs a key: set the environment variable {variable}")
    return None


def sealed(key: str, value: Any) -> Any:
    """Return a setting as it may be shown: a key that is written out becomes a Secret; `${VAR}` holds none."""
    return _secret(value) if _is_secret(key, value) and "${" not in value else value


def _is_secret(key: str, value: Any) -> bool:
    """Tell whether a setting's text is a credential, or holds one, as a proxy's URL may."""
    return key in _CREDENTIALS and isinstance(value, str) and value != "" and (key != "proxy" or "@" in value)


def _secret(text: str | Secret) -> Secret:
    if isinstance(text, Secret):
        return text
    REDACTOR.register(text)
    return Secret(text)


def _expand(name: str, key: str, value: Any, environ: Mapping[str, str]) -> Any:
    """Put environment variables in the place of `${VAR}`."""
    if not isinstance(value, str):
        return value
    before, found, rest = value.partition("${")
    if not found:
        return value
    variable, _, after = rest.partition("}")
    if not environ.get(variable):
        raise MissingKey(f"endpoint '{name}' takes its {key} from the environment variable {variable}: set it")
    return before + environ[variable] + str(_expand(name, key, after, environ))
