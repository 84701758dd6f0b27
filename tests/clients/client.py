"""One of other people's clients against a gateway: `python client.py NAME URL TOKEN` prints what it heard as JSON.

Runs in the environment of the clients, which need not have this package.
"""

# ruff: noqa: PLC0415, BLE001, T201  each client is imported alone, raises what it likes, and is heard by print

from __future__ import annotations

import json
import os
import sys
from typing import Any

SYSTEM = {"role": "system", "content": "Be brief."}
TALK = [
    SYSTEM,
    {"role": "user", "content": "first"},
    {"role": "assistant", "content": "yes"},
    {"role": "user", "content": "and then"},
]
PARAMETERS = {"max_tokens": 32, "temperature": 0.5}


def openai(url: str, token: str) -> dict[str, Any]:
    """Use the OpenAI client on a workspace's path."""
    from openai import NotFoundError, OpenAI

    client = OpenAI(base_url=f"{url}/serving-endpoints", api_key=token)

    def say(messages: Any, **more: Any) -> Any:
        return client.chat.completions.create(model="test", messages=messages, **{**PARAMETERS, **more})

    try:
        client.chat.completions.create(model="tset", messages=TALK)
        error = ""
    except NotFoundError as caught:
        error = str(caught)
    return {
        "talk": say(TALK).choices[0].message.content,
        "again": say(TALK).choices[0].message.content,
        "stream": "".join(c.choices[0].delta.content or "" for c in say(TALK, stream=True) if c.choices),
        "schema": say(
            [{"role": "user", "content": "a schema"}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
            },
        )
        .choices[0]
        .message.content,
        "embedding": client.embeddings.create(model="vectors", input=["a"]).data[0].embedding,
        "models": [model.id for model in client.models.list()],
        "error": error,
    }


def databricks(url: str, token: str) -> dict[str, Any]:
    """Use the Databricks SDK."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.errors import NotFound
    from databricks.sdk.service.serving import ChatMessage, ChatMessageRole

    client = WorkspaceClient(host=url, token=token)
    talk = [ChatMessage(content=m["content"], role=ChatMessageRole(m["role"])) for m in TALK]

    def say() -> Any:
        return client.serving_endpoints.query("test", messages=talk, extra_params={"top_p": "0.9"}, **PARAMETERS)

    try:
        client.serving_endpoints.query("tset", messages=talk)
        error = ""
    except NotFound as caught:
        error = str(caught)
    return {
        "talk": say().choices[0].message.content,
        "again": say().choices[0].message.content,
        "served": say().served_model_name,
        "models": [endpoint.name for endpoint in client.serving_endpoints.list()],
        "task": client.serving_endpoints.get("test").task,
        "error": error,
    }


def mlflow(url: str, token: str) -> dict[str, Any]:
    """Use MLflow's deployments client."""
    from mlflow.deployments import get_deploy_client

    _login(url, token)
    client = get_deploy_client("databricks")
    inputs = {"messages": TALK, **PARAMETERS}
    try:
        client.predict(endpoint="tset", inputs=inputs)
        error = ""
    except Exception as caught:
        error = str(caught)
    chunks = client.predict_stream(endpoint="test", inputs=inputs)
    return {
        "talk": client.predict(endpoint="test", inputs=inputs)["choices"][0]["message"]["content"],
        "again": client.predict(endpoint="test", inputs=inputs)["choices"][0]["message"]["content"],
        "stream": "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks),
        "models": [endpoint["name"] for endpoint in client.list_endpoints()],
        "task": client.get_endpoint("test")["task"],
        "error": error,
    }


def langchain(url: str, token: str) -> dict[str, Any]:
    """Use LangChain's ChatDatabricks."""
    from databricks_langchain import ChatDatabricks

    _login(url, token)
    chat = ChatDatabricks(endpoint="test", **PARAMETERS)
    try:
        ChatDatabricks(endpoint="tset").invoke("hello")
        error = ""
    except Exception as caught:
        error = str(caught)
    talk = [(message["role"], message["content"]) for message in TALK]
    return {
        "talk": chat.invoke(talk).content,
        "again": chat.invoke(talk).content,
        "stream": "".join(str(chunk.content) for chunk in chat.stream(talk)),
        "error": error,
    }


def databricks_openai(url: str, token: str) -> dict[str, Any]:
    """Use Databricks' own OpenAI client."""
    from databricks_openai import DatabricksOpenAI

    _login(url, token)
    client = DatabricksOpenAI()
    replies = [client.chat.completions.create(model="test", messages=TALK, **PARAMETERS) for _ in range(2)]
    return dict(zip(("talk", "again"), (reply.choices[0].message.content for reply in replies), strict=True))


def _login(url: str, token: str) -> None:
    os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"] = url, token


if __name__ == "__main__":
    heard = globals()[sys.argv[1]](sys.argv[2], sys.argv[3])
    print("HEARD" + json.dumps(heard))
