"""The endpoints as clients list them: Databricks' objects and OpenAI's models."""

from __future__ import annotations

from typing import Any

from ddb_aiquery._settings import Settings
from ddb_aiquery._values import Endpoint
from ddb_aiquery.errors import AiQueryError

_TASKS = {"chat": "llm/v1/chat", "embedding": "llm/v1/embeddings"}


def described(endpoint: Endpoint) -> dict[str, Any]:
    """Return the endpoint as `GET /api/2.0/serving-endpoints/{name}` describes it."""
    entity: dict[str, Any] = {"name": endpoint.model, "entity_name": endpoint.model}
    if endpoint.task in _TASKS:
        entity |= {
            "external_model": {"name": endpoint.model, "provider": endpoint.provider, "task": _TASKS[endpoint.task]}
        }
    described: dict[str, Any] = {
        "name": endpoint.name,
        "state": {"ready": "READY", "config_update": "NOT_UPDATING"},
        "config": {"served_entities": [entity]},
        "endpoint_type": "EXTERNAL_MODEL",
        "permission_level": "CAN_QUERY",
    }
    return {**described, "task": _TASKS[endpoint.task]} if endpoint.task in _TASKS else described


def all_described(settings: Settings) -> dict[str, Any]:
    """Return what `GET /api/2.0/serving-endpoints` lists: the settings' endpoints, the unusable ones as not ready."""
    return {"endpoints": [listed(settings, name) for name in settings.entries]}


def listed(settings: Settings, name: str) -> dict[str, Any]:
    """Return an endpoint of the settings; one that cannot be used, for lack of a key for example, is not ready."""
    try:
        return described(settings.endpoint(name))
    except AiQueryError:
        return {"name": name, "state": {"ready": "NOT_READY", "config_update": "NOT_UPDATING"}}


def model(name: str) -> dict[str, Any]:
    """Return a name as OpenAI's model object."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "ddb_aiquery"}


def models(settings: Settings) -> dict[str, Any]:
    """Return what `GET /v1/models` lists."""
    return {"object": "list", "data": [model(name) for name in settings.entries]}
