"""What each setting may be, and where a wrong one stands: the key, the file and the line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

from ddb_aiquery._providers import PROVIDERS
from ddb_aiquery.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: the types it takes, and a test with the words that say what would pass it."""

    types: tuple[type, ...]
    test: Callable[[Any], bool] = lambda _: True
    words: str = ""


_TEXT = Key((str,), bool, "a text that is not empty")
_MOST = 1e12
"""Beyond any price, limit or rate; TOML's `inf` and `nan` are numbers too, and nothing can be counted with them."""
_POSITIVE = Key((int, float), lambda v: 0 < v <= _MOST, "a number above 0, at most 1e12")
_PRICE = Key((int, float), lambda v: 0 <= v <= _MOST, "a number, 0 or more, at most 1e12 (USD per million tokens)")
_USD = Key((int, float), lambda v: 0 <= v <= _MOST, "a number, 0 or more, at most 1e12 (USD)")
_WHOLE = Key((int,), lambda v: v > 0, "a whole number above 0")

ENDPOINT = MappingProxyType(
    {
        "base_url": _TEXT,
        "model": _TEXT,
        "provider": Key((str,), lambda v: v in PROVIDERS, "one of " + ", ".join(PROVIDERS)),
        "api_key": Key((str,)),
        "task": Key((str,), lambda v: v in {"chat", "embedding", "custom"}, "chat, embedding or custom"),
        "max_concurrency": Key((int,), lambda v: 1 <= v <= 1024, "a whole number from 1 to 1024"),  # noqa: PLR2004 (the contract's bounds)
        "requests_per_minute": _POSITIVE,
        "tokens_per_minute": _POSITIVE,
        "input_price": _PRICE,
        "output_price": _PRICE,
        "parameters": Key((dict,)),
        "fallbacks": Key((list,), lambda v: all(isinstance(x, str) for x in v), "a list of endpoint names"),
        "transport": Key((str,), lambda v: v in {"pyreqwest", "httpx"}, "pyreqwest or httpx"),
        "timeout_seconds": _POSITIVE,
        "deadline_seconds": _POSITIVE,
        "connect_seconds": _POSITIVE,
        "max_response_bytes": _WHOLE,
        "allow_http": Key((bool,)),
        "proxy": _TEXT,
        "ca_file": _TEXT,
        "api_version": _TEXT,
        "auth": Key((str,), lambda v: v in {"bearer", "basic", "sdk"}, "bearer, basic or sdk"),
        "tenant_id": _TEXT,
        "profile": _TEXT,
        "client_id": _TEXT,
        "client_secret": _TEXT,
        "retry_truncated_tokens": _WHOLE,
    }
)
TABLES: Mapping[str, Mapping[str, Key]] = MappingProxyType(
    {
        "defaults": {"endpoint": _TEXT, "embedding_endpoint": _TEXT},
        "budget": {
            "query_usd": _USD,
            "day_usd": _USD,
            "query_requests": _WHOLE,
            "confirm_usd": _USD,
        },
        "cache": {"directory": _TEXT},
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings come from, so that a complaint can point there; `text` is empty where there is no file."""

    name: str
    text: str = field(default="", repr=False)  # keys may stand in it

    def table(self, tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = tables.get(name, {})
        if not isinstance(value, Mapping):
            self.refuse((), name, f"[{name}] must be a table", {})
        return value

    def check(self, table: tuple[str, ...], entry: Mapping[str, Any], keys: Mapping[str, Key]) -> None:
        for name, value in entry.items():
            dotted = ".".join((*table, name))
            key = keys.get(name)
            if key is None:
                self.refuse(table, name, f"unknown key {dotted}", keys)
            elif not isinstance(value, key.types) or (isinstance(value, bool) and bool not in key.types):
                wanted = key.words or " or ".join(t.__name__ for t in key.types)
                self.refuse(table, name, f"{dotted} must be {wanted}, not {type(value).__name__}", {})
            elif not key.test(value):
                self.refuse(table, name, f"{dotted} must be {key.words}", {})

    def refuse(self, table: tuple[str, ...], name: str, complaint: str, known: Mapping[str, Any]) -> NoReturn:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}" if known else ""
        line = _line(self.text, table, name)
        raise SettingsError(f"{complaint} in {self.name}{f', line {line}' if line else ''}{hint}")


def _line(text: str, table: tuple[str, ...], name: str) -> int | None:
    """Find the line of a key: the first that starts with it after its table's header."""
    header = f"[{'.'.join((*table, name))}]" if not table else f"[{'.'.join(table)}]"
    inside = not table
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#")[0].replace(" ", "").replace('"', "").replace("'", "")
        if bare.startswith("["):
            inside = bare == header
            if bare in {header, f"[{'.'.join((*table, name))}]"} and (not table or bare != header):
                return number
        elif inside and bare.split("=")[0] == name:
            return number
    return None
