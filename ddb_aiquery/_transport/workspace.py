"""A Databricks workspace's own list of serving endpoints: the control plane, so over httpx."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from ddb_aiquery._address import origin
from ddb_aiquery._settings import ENVIRONMENT
from ddb_aiquery._transport.address import address_of
from ddb_aiquery._transport.databricks import Databricks
from ddb_aiquery._transport.json_text import mapping
from ddb_aiquery._transport.openai_reply import error_of
from ddb_aiquery._values import Endpoint, Failure, Kind

_PATH = "/api/2.0/serving-endpoints"


@dataclass(frozen=True, slots=True)
class Served:
    """One serving endpoint of a workspace, as the workspace describes it; `task` empty for a custom model."""

    name: str
    task: str
    model: str
    ready: bool


async def served(endpoint: Endpoint, environ: Mapping[str, str] = ENVIRONMENT) -> list[Served] | Failure:
    """List the serving endpoints of the workspace that an endpoint belongs to, with its login.

    Raises:
        SettingsError: calls may not go there, or the login lacks a part.
    """
    address = address_of(Databricks(), endpoint)
    refusal = address.refusal(environ)
    if refusal:
        return Failure(Kind.ENDPOINT, refusal)
    headers: Mapping[str, str] = address.headers
    if address.credential is not None:
        token = await address.credential.headers()
        if isinstance(token, Failure):
            return token
        headers = {**headers, **token}
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
            reply = await client.get(origin(address.base_url) + _PATH, headers=headers)
        value = reply.json()
    except (httpx.HTTPError, ValueError) as error:
        return Failure(Kind.NOT_SENT, f"{address.host}: {type(error).__name__}")
    if reply.status_code != httpx.codes.OK:
        return Failure(Kind.ENDPOINT, f"HTTP {reply.status_code}: {error_of(value, b'')[0]}", reply.status_code)
    given = mapping(value).get("endpoints")
    return [_read(one) for one in given or () if isinstance(one, dict) and isinstance(one.get("name"), str)]


def _read(one: Mapping[str, Any]) -> Served:
    entities = mapping(one.get("config")).get("served_entities")
    entity = mapping(entities[0]) if isinstance(entities, list) and entities else {}
    models = (mapping(entity.get(kind)).get("name") for kind in ("external_model", "foundation_model"))
    model = next((name for name in models if name), None) or entity.get("entity_name") or ""
    ready = mapping(one.get("state")).get("ready") == "READY"
    return Served(str(one["name"]), str(one.get("task") or ""), str(model), ready)
