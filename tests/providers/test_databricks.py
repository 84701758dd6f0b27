"""Databricks: paths, bodies, logins, replies and error codes."""

from __future__ import annotations

import base64
import json
import sys
import types

import pytest

from ddb_aiquery._settings import load
from ddb_aiquery._transport import Transport
from ddb_aiquery._values import Answer, Failure, Form, Kind, Question, Secret
from ddb_aiquery.errors import MissingKey, SettingsError
from ddb_aiquery.testing import Malformed, ScriptedEndpoint, Status

from .conftest import target

FORMAT = json.dumps({"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}})


def workspace(server, **fields):
    """Return a Databricks endpoint at a server's root."""
    return target(server.base_url.removesuffix("/v1"), provider="databricks", **fields)


def only(outcomes):
    """Return the one outcome."""
    (outcome,) = outcomes
    return outcome


def test_an_endpoint_is_asked_by_its_name(ask) -> None:
    """Invocations name the endpoint in the path, and no model in the body, which some gateways refuse."""
    with ScriptedEndpoint() as server:
        outcome = only(ask(workspace(server, model="my model", parameters={"max_completion_tokens": 5})))
        (received,) = server.received
    assert isinstance(outcome, Answer)
    assert outcome.text == "echo: hi"
    assert received.path == "/serving-endpoints/my%20model/invocations"
    assert received.headers["authorization"] == "Bearer test-key"
    assert json.loads(received.body) == {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}


@pytest.mark.parametrize("base", ["/serving-endpoints", "/ai-gateway/mlflow/v1"])
def test_the_compatible_path_names_the_model(ask, base) -> None:
    """A base URL that ends in serving-endpoints or v1 is spoken to as OpenAI is."""
    with ScriptedEndpoint() as server:
        endpoint = target(server.base_url.removesuffix("/v1") + base, provider="databricks")
        assert isinstance(only(ask(endpoint, run="r1")), Answer)
        (received,) = server.received
    assert received.path == base + "/chat/completions"
    assert json.loads(received.body)["model"] == "m"
    assert "usage_context" not in json.loads(received.body)


def test_the_runs_id_goes_along_and_is_no_part_of_the_key(ask) -> None:
    """`usage_context` carries it; the sealed question does not know it."""
    with ScriptedEndpoint() as server:
        endpoint = workspace(server)
        assert isinstance(only(ask(endpoint, run="run-1")), Answer)
        assert json.loads(server.received[0].body)["usage_context"] == {"ddb_aiquery_run": "run-1"}
        assert b"usage_context" not in Transport().seal(endpoint, Question("test", "hi")).body


def test_an_endpoint_that_refuses_the_context_is_asked_without(ask) -> None:
    """One 400 teaches it; later questions leave it out at once."""

    def step(arrival):
        known = "usage_context" not in arrival.request
        return None if known else Status(400, message="Unknown field: usage_context")

    with ScriptedEndpoint(script=step) as server:
        endpoint = workspace(server)
        first = only(ask(endpoint, run="run-1"))
        assert isinstance(first, Answer)
        assert server.requests == 2


def test_a_personal_token_may_go_as_a_password(ask) -> None:
    """`auth = "basic"` sends the user `token`."""
    with ScriptedEndpoint() as server:
        ask(workspace(server, options={"auth": "basic"}))
        assert server.received[0].headers["authorization"] == "Basic " + base64.b64encode(b"token:test-key").decode()


def test_strict_goes_to_gpt_alone(ask) -> None:
    """Databricks refuses `strict` for other models."""
    with ScriptedEndpoint() as server:
        for model in ("databricks-claude-sonnet", "my-gpt-5"):
            ask(workspace(server, model=model), Question("test", "hi", response_format=FORMAT))
        claude, gpt = (json.loads(r.body)["response_format"]["json_schema"] for r in server.received)
    assert "strict" not in claude
    assert gpt["strict"] is True


def test_custom_and_embedding_endpoints(ask) -> None:
    """Records and texts go to invocations too."""
    with ScriptedEndpoint(lambda _, request: {"n": len(request["dataframe_records"])}) as server:
        custom = only(ask(workspace(server, task="custom"), Question("test", '{"a":1}', Form.RECORD), run="r"))
        assert isinstance(custom, Answer)
        assert json.loads(custom.text) == {"n": 1}
        assert json.loads(server.received[0].body) == {"dataframe_records": [{"a": 1}]}
    vector = Malformed(b'{"object":"list","data":[{"embedding":[0.5,1.0],"index":0}],"usage":{"prompt_tokens":2}}')
    with ScriptedEndpoint(lambda *_: vector) as server:
        embedded = only(ask(workspace(server, task="embedding"), Question("test", "hi", Form.EMBED)))
        assert isinstance(embedded, Answer)
        assert json.loads(embedded.text) == [0.5, 1.0]
        assert json.loads(server.received[0].body) == {"input": "hi"}


@pytest.mark.parametrize(
    ("body", "text", "reasoning"),
    [
        (
            {
                "choices": [
                    {
                        "message": {
                            "content": [
                                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
                                {"type": "text", "text": "Four"},
                                {"type": "text", "text": "."},
                            ]
                        },
                        "finish_reason": "stop",
                    }
                ]
            },
            "Four.",
            "Hm.",
        ),
        ({"messages": [{"role": "assistant", "content": "from an agent"}]}, "from an agent", ""),
        ({"predictions": {"label": 1}}, '{"label":1}', ""),
        ({"outputs": ["old"]}, "old", ""),
    ],
)
def test_each_kind_of_reply_is_read(ask, body, text, reasoning) -> None:
    """Lists of content with reasoning, agents, and models that predict one object; the header names the model."""
    step = Malformed(
        json.dumps(body).encode(), headers={"served-model-name": "gpt-oss", "content-type": "application/json"}
    )
    with ScriptedEndpoint(lambda *_: step) as server:
        outcome = only(ask(workspace(server)))
    assert isinstance(outcome, Answer)
    assert (outcome.text, outcome.reasoning, outcome.model) == (text, reasoning, "gpt-oss")


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (429, "REQUEST_LIMIT_EXCEEDED", "per minute", Kind.REJECTED),
        (429, "REQUEST_LIMIT_EXCEEDED", "Exceeded rate limit of 0 for this endpoint", Kind.ENDPOINT),
        (403, "RESOURCE_EXHAUSTED", "tokens per minute", Kind.REJECTED),
        (400, "INVALID_STATE", "the endpoint is stopped", Kind.ENDPOINT),
        (403, "PERMISSION_DENIED", "no CAN QUERY", Kind.ENDPOINT),
        (404, "RESOURCE_DOES_NOT_EXIST", "no endpoint", Kind.ENDPOINT),
        (503, "TEMPORARILY_UNAVAILABLE", "scaling up from zero", Kind.REJECTED),
        (504, "DEADLINE_EXCEEDED", "297 s", Kind.AMBIGUOUS),
        (500, "INTERNAL_ERROR", "oops", Kind.FAILED),
        (400, "BAD_REQUEST", "prompt too long", Kind.ROW),
    ],
)
def test_error_codes_decide(ask, status, code, message, kind) -> None:
    """Databricks' own code says more than the status."""
    step = Malformed(json.dumps({"error_code": code, "message": message}).encode(), status)
    with ScriptedEndpoint(lambda *_: step) as server:
        outcome = only(ask(workspace(server)))
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.status) == (kind, status)
    assert message in outcome.message


def m2m(server, **options):
    """Return an endpoint that logs in as a service principal."""
    options = {"client_id": "c", "client_secret": Secret("s" * 8), **options}
    return target(server.url, provider="databricks", api_key=None, options=options)


def test_one_token_serves_all(ask, tokens) -> None:
    """Many calls at once fetch one token, with the client's id and secret as Basic and the scope for all APIs."""
    server = tokens()
    outcomes = ask(m2m(server), *(Question("test", f"q{i}") for i in range(20)))
    assert {o.text for o in outcomes} == {"token-1"}
    ((authorization, form),) = server.forms
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"c:ssssssss"
    assert form == {"grant_type": ["client_credentials"], "scope": ["all-apis"]}


def test_a_token_that_is_refused_is_fetched_again(ask, tokens) -> None:
    """A 401 before the token's end costs one renewal, and the question is answered."""
    server = tokens()
    server.revoked = 1
    outcome = only(ask(m2m(server)))
    assert isinstance(outcome, Answer)
    assert (outcome.text, server.issued, server.refused) == ("token-2", 2, 1)


@pytest.mark.parametrize(("status", "kind"), [(401, Kind.ENDPOINT), (400, Kind.ENDPOINT), (503, Kind.NOT_SENT)])
def test_no_token_no_question(ask, tokens, status, kind) -> None:
    """A refused client ends the endpoint, an unavailable server is tried again; the secret is not in the message."""
    outcome = only(ask(m2m(tokens(status=status))))
    assert isinstance(outcome, Failure)
    assert outcome.kind is kind
    assert "no such client" in outcome.message
    assert "ssssssss" not in outcome.message


def test_a_profile_is_read_from_the_cli_s_file(tmp_path, tokens, ask) -> None:
    """Host and token, or host and client; what the entry says itself stands; an unknown name is an error."""
    server = tokens()
    file = tmp_path / "cfg"
    file.write_text(
        f"[DEFAULT]\nhost = {server.url}/\ntoken = dapi-default\n"
        f"[robot]\nhost = {server.url}\nclient_id = c\nclient_secret = ssssssss\n"
        f"[cli]\nhost = {server.url}\nauth_type = databricks-cli\n"
    )
    environ = {"DATABRICKS_CONFIG_FILE": str(file)}
    entry = {"provider": "databricks"}
    entries = {name: {**entry, "profile": name} for name in ("DEFAULT", "robot", "cli", "nobody")}
    settings = load({"endpoints": entries}, environ)
    personal = settings.endpoint("DEFAULT", environ)
    assert (personal.base_url, personal.api_key) == (server.url, Secret("dapi-default"))
    robot = settings.endpoint("robot", environ)
    assert "ssssssss" not in repr(robot)
    assert only(ask(robot)).text == "token-1"
    assert settings.endpoint("cli", environ).options["auth"] == "sdk"
    with pytest.raises(SettingsError, match=r"no profile 'nobody'.*DEFAULT, robot, cli"):
        settings.endpoint("nobody", environ)


def test_the_environment_names_the_login(tmp_path) -> None:
    """A token, a service principal, or a profile; without any of them the message says what to set."""
    host = {"DATABRICKS_HOST": "https://ws.example"}
    settings = load({}, host)
    assert settings.endpoint("m", {**host, "DATABRICKS_TOKEN": "dapi123"}).api_key == Secret("dapi123")
    robot = {**host, "DATABRICKS_CLIENT_ID": "c", "DATABRICKS_CLIENT_SECRET": "s"}
    assert settings.endpoint("m", robot).options["client_id"] == "c"
    (tmp_path / "cfg").write_text("[p]\nhost = ws.example\ntoken = t\n")
    profile = {"DATABRICKS_CONFIG_PROFILE": "p", "DATABRICKS_CONFIG_FILE": str(tmp_path / "cfg")}
    assert settings.endpoint("m", profile).base_url == "https://ws.example"
    with pytest.raises(MissingKey, match="DATABRICKS_TOKEN"):
        settings.endpoint("m", host)


def test_the_sdk_logs_in_where_nothing_else_can(ask, monkeypatch) -> None:
    """With the Databricks SDK there, its headers are sent; without it, the message names the extra."""
    with ScriptedEndpoint() as server:
        endpoint = workspace(server, api_key=None, options={"auth": "sdk", "profile": "p"})
        monkeypatch.setitem(sys.modules, "databricks.sdk.core", None)
        missing = only(ask(endpoint))
        assert isinstance(missing, Failure)
        assert "ddb-aiquery[databricks]" in missing.message
        core = types.ModuleType("databricks.sdk.core")
        core.Config = Login  # type: ignore[attr-defined]
        for name in ("databricks", "databricks.sdk"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, "databricks.sdk.core", core)
        assert isinstance(only(ask(endpoint)), Answer)
        assert server.received[-1].headers["authorization"] == "Bearer from-the-sdk"


class Login:
    """The part of the SDK's Config that is used."""

    def __init__(self, profile):
        assert profile == "p"

    def authenticate(self):
        """Return headers."""
        return {"Authorization": "Bearer from-the-sdk"}
