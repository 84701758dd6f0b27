"""The gateway's OpenAPI document: what each route takes and gives, every status included."""

from __future__ import annotations

from functools import cache
from typing import Any

from ddb_aiquery._gateway.refusal import CODES

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_OBJECT = {"type": "object"}
_ASKED = (400, 403, 404, 408, 413, 415, 429, 500, 502, 503, 504)
_LOOKED_UP = (400, 403, 404, 500)
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
    "description": "An endpoint of the settings, or provider/model",
}


@cache
def document() -> dict[str, Any]:
    """Return the document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ddb_aiquery gateway",
            "version": "1",
            "description": "The serving REST contract over the endpoints, the cache and the budget of ai_query. "
            "/v1 answers errors in OpenAI's form, all other paths in Databricks'.",
        },
        "security": [{"bearer": []}, {"basic": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "user `token`, the token as password"},
            },
            "schemas": _schemas(),
        },
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for base in ("/v1", "/serving-endpoints"):
        error = "OpenAIError" if base == "/v1" else "DatabricksError"
        paths[f"{base}/chat/completions"] = {"post": _asks("Ask for a chat completion", "Chat", error, stream=True)}
        paths[f"{base}/embeddings"] = {"post": _asks("Ask for embeddings", "Embed", error)}
        paths[f"{base}/models"] = {"get": _shows("List the endpoints as models", "Models", error, (403, 500))}
    paths["/v1/models/{name}"] = {"get": _shows("Look one up", "Model", "OpenAIError", _LOOKED_UP, _NAME)}
    asks = _asks("Ask the endpoint of that name", "Invocation", "DatabricksError", stream=True)
    paths["/serving-endpoints/{name}/invocations"] = {"post": {**asks, "parameters": [_NAME]}}
    listing, one = "/api/2.0/serving-endpoints", "/api/2.0/serving-endpoints/{name}"
    paths[listing] = {"get": _shows("List the endpoints", "Endpoints", "DatabricksError", (403, 500))}
    paths[one] = {"get": _shows("Describe an endpoint", "Endpoint", "DatabricksError", _LOOKED_UP, _NAME)}
    paths["/health"] = {
        "get": {**_shows("Say that the gateway runs", "Health", "DatabricksError", (403,)), "security": []}
    }
    metrics = _shows("Count, for Prometheus", "Health", "DatabricksError", (403, 500))
    metrics["responses"]["200"]["content"] = {"text/plain": {"schema": _TEXT}}
    paths["/metrics"] = {"get": metrics}
    return paths


def _asks(summary: str, schema: str, error: str, *, stream: bool = False) -> dict[str, Any]:
    reply = {"Chat": "Completion", "Embed": "Embeddings", "Invocation": "Reply"}[schema]
    content = {"application/json": {"schema": _ref(reply)}}
    if stream:
        content["text/event-stream"] = {}
    headers = {"served-model-name": {"schema": _TEXT}, "x-ddb-aiquery-cached": {"schema": {"enum": ["true", "false"]}}}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(schema)}}},
        "responses": {
            "200": {"description": "The answer", "headers": headers, "content": content},
            **_errors(error, (*_ASKED, 401)),
        },
    }


def _shows(
    summary: str, schema: str, error: str, statuses: tuple[int, ...], *parameters: dict[str, Any]
) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(schema)}}
    responses = {"200": {"description": "What there is", "content": content}, **_errors(error, (*statuses, 401))}
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


def _errors(schema: str, statuses: tuple[int, ...]) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(schema)}}
    return {str(status): {"description": CODES[status], "content": content} for status in sorted(statuses)}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(properties: dict[str, Any]) -> dict[str, Any]:
    """Return optional fields: null is the same as leaving one out."""
    return {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in properties.items()}


def _object(required: tuple[str, ...], properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, **more}


def _list(of: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": of, **more}


def _schemas() -> dict[str, Any]:
    chat = _chat_fields()
    texts = {"input": {"oneOf": [_TEXT, _list(_TEXT, minItems=1, maxItems=2048)]}}
    embed = {**texts, **_or_null({"encoding_format": {"enum": ["float", "base64"]}, **_shared()})}
    name = {"model": {"type": "string", "minLength": 1}}
    record = {"dataframe_records": _list(_OBJECT, minItems=1), "dataframe_split": _OBJECT, "params": _OBJECT}
    return {
        "Chat": _object(("model", "messages"), {**name, **chat}),
        "Embed": _object(("model", "input"), {**name, **embed}),
        "Invocation": {
            "anyOf": [
                _object(("messages",), chat),
                _object(("input",), embed, **{"not": {"required": ["messages"]}}),
                _object(("dataframe_records",), record),
            ]
        },
        **_replies(),
        **_listings(),
        "OpenAIError": _object(
            ("error",),
            {
                "error": _object(
                    ("message", "type"),
                    {"message": _TEXT, "type": _TEXT, "code": _TEXT, "param": {"type": ["string", "null"]}},
                )
            },
        ),
        "DatabricksError": _object(("error_code", "message"), {"error_code": _TEXT, "message": _TEXT}),
    }


def _shared() -> dict[str, Any]:
    return {"client_request_id": _TEXT, "usage_context": _OBJECT, "extra_params": _OBJECT}


def _chat_fields() -> dict[str, Any]:
    message = _object(
        ("role", "content"),
        {
            "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
            "content": {"oneOf": [_TEXT, _list(_OBJECT)]},
        },
    )
    optional = {
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "top_p": {"type": "number", "minimum": 0, "maximum": 1},
        "stop": {"oneOf": [_TEXT, _list(_TEXT)]},
        "n": {"const": 1},
        "stream": {"type": "boolean"},
        "tools": _list(_OBJECT),
        "stream_options": _object((), _or_null({"include_usage": {"type": "boolean"}})),
        "response_format": _object(("type",), {"type": {"enum": ["text", "json_object", "json_schema"]}}),
        **_shared(),
    }
    return {"messages": _list(message, minItems=1), **_or_null(optional)}


def _replies() -> dict[str, Any]:
    usage = _object(
        ("prompt_tokens", "completion_tokens", "total_tokens"),
        dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _WHOLE),
    )
    nullable = {"type": ["string", "null"]}
    said = _object(
        ("role", "content", "refusal"),
        {"role": _TEXT, "content": nullable, "refusal": nullable, "tool_calls": _list(_OBJECT, minItems=1)},
    )
    choice = _object(
        ("index", "message", "logprobs", "finish_reason"),
        {"index": _WHOLE, "message": said, "logprobs": {"type": "null"}, "finish_reason": _TEXT},
    )
    head = {"id": _TEXT, "object": _TEXT, "created": _WHOLE, "model": _TEXT, "usage": usage}
    vector = _object(
        ("index", "embedding"), {"index": _WHOLE, "embedding": {"oneOf": [_TEXT, _list({"type": "number"})]}}
    )
    return {
        "Completion": _object((*head, "choices"), {**head, "choices": _list(choice, minItems=1)}),
        "Embeddings": _object(("object", "data", "model", "usage"), {**head, "data": _list(vector)}),
        "Reply": {
            "anyOf": [_ref("Completion"), _ref("Embeddings"), _object(("predictions",), {"predictions": _list({})})]
        },
    }


def _listings() -> dict[str, Any]:
    model = _object(("id", "object", "created", "owned_by"), {"id": _TEXT, "object": _TEXT, "created": _WHOLE})
    endpoint = _object(("name", "state"), {"name": _TEXT, "task": _TEXT, "state": _OBJECT, "config": _OBJECT})
    return {
        "Model": model,
        "Models": _object(("object", "data"), {"object": _TEXT, "data": _list(_ref("Model"))}),
        "Endpoint": endpoint,
        "Endpoints": _object(("endpoints",), {"endpoints": _list(_ref("Endpoint"))}),
        "Health": _object(("status",), {"status": _TEXT}),
    }
