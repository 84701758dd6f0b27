"""Azure, and the providers that are one row of a table."""

from __future__ import annotations

import json

import pytest

from ddb_aiquery._providers import PROVIDERS
from ddb_aiquery._settings import load
from ddb_aiquery._transport.lessons import lesson_of
from ddb_aiquery._transport.refused import refused_parameter
from ddb_aiquery._values import Answer, Failure, Reply, Secret
from ddb_aiquery.errors import MissingKey, SettingsError
from ddb_aiquery.testing import ScriptedEndpoint

from .conftest import target


@pytest.mark.parametrize("provider", sorted(PROVIDERS.keys() - {"databricks"}))
def test_a_provider_s_model_needs_no_file(provider) -> None:
    """`provider/model` and the variables that its users have are enough; a missing key is named."""
    row = PROVIDERS[provider]
    environ = {row.key_variable: "key-123456", "AWS_REGION": "eu-west-1"}
    if not row.base_url:
        environ[row.url_variable] = "https://some.example"
    endpoint = load({}, environ).endpoint(f"{provider}/some/model", environ)
    assert (endpoint.model, endpoint.provider, endpoint.api_key) == ("some/model", provider, Secret("key-123456"))
    assert "$" not in endpoint.base_url
    if row.needs_key:
        with pytest.raises(MissingKey, match=row.key_variable):
            load({}, {}).endpoint(f"{provider}/m", {k: v for k, v in environ.items() if k != row.key_variable})


def azure(server, **fields):
    """Return an Azure endpoint at a server's root."""
    return target(server.base_url.removesuffix("/v1"), provider="azure", **fields)


def test_azure_has_a_path_a_deployment(ask) -> None:
    """The deployment and the version are in the URL, the key in its own header."""
    with ScriptedEndpoint() as server:
        (outcome,) = ask(azure(server, model="my dep", options={"api_version": "2025-01-01-preview"}))
        (received,) = server.received
    assert isinstance(outcome, Answer)
    assert received.path == "/openai/deployments/my%20dep/chat/completions?api-version=2025-01-01-preview"
    assert received.headers["api-key"] == "test-key"
    assert "authorization" not in received.headers


def test_azures_newer_path_has_no_version(ask) -> None:
    """A base URL that ends in /openai/v1 is OpenAI's; `auth = "bearer"` sends a token that the user fetched."""
    with ScriptedEndpoint() as server:
        base = server.base_url.removesuffix("/v1") + "/openai/v1"
        ask(target(base, provider="azure", options={"auth": "bearer"}))
        (received,) = server.received
    assert received.path == "/openai/v1/chat/completions"
    assert received.headers["authorization"] == "Bearer test-key"


def test_azure_takes_an_entra_client(ask, tokens, monkeypatch) -> None:
    """Tenant, client and secret fetch a token from the authority that Azure's own libraries read."""
    server = tokens()
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", server.url)
    options = {"client_id": "c", "client_secret": Secret("s" * 8), "tenant_id": "t"}
    (outcome,) = ask(target(server.url, provider="azure", api_key=None, options=options))
    assert isinstance(outcome, Answer)
    ((authorization, form),) = server.forms
    assert authorization is None
    assert form["scope"] == ["https://cognitiveservices.azure.com/.default"]
    assert (form["client_id"], form["client_secret"]) == (["c"], ["ssssssss"])


def test_a_token_server_elsewhere_is_not_called_from_a_test(ask) -> None:
    """The guard counts where tokens come from, too."""
    options = {"client_id": "c", "client_secret": Secret("s" * 8), "tenant_id": "t"}
    (outcome,) = ask(target("http://127.0.0.1:1", provider="azure", api_key=None, options=options))
    assert isinstance(outcome, Failure)
    assert "this machine only" in outcome.message


def test_half_a_login_is_an_error_of_the_settings(ask) -> None:
    """A client without its secret or its tenant is said, and nothing is sent."""
    (outcome,) = ask(target("http://127.0.0.1:1", provider="databricks", options={"client_id": "c"}))
    assert isinstance(outcome, Failure)
    assert "client_secret" in outcome.message
    with pytest.raises(SettingsError, match="bearer, basic or sdk"):
        load({"endpoints": {"a": {"auth": "magic"}}})


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"error": {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens"}}, "max_tokens"),
        ({"error": {"message": "temperature does not support 0.2. Only the default (1)."}}, "temperature"),
        ({"error": {"message": "`temperature` is deprecated for this model."}}, "temperature"),
        ({"detail": [{"loc": ["body", "top_p"], "msg": "Extra inputs are not permitted", "type": "x"}]}, "top_p"),
        ({"error_code": "BAD_REQUEST", "message": "Model does not support parameter top_p"}, "top_p"),
        ({"error": {"message": "the prompt is too long"}}, ""),
        ({"error": {"message": "unknown field max_tokens_x"}}, ""),
        ([], ""),
    ],
)
def test_a_400_names_the_parameter_it_refuses(body, named) -> None:
    """In the words of OpenAI, Anthropic, FastAPI and Databricks."""
    reply = Reply(400, {}, json.dumps(body).encode())
    assert refused_parameter(reply, {"temperature", "max_tokens", "top_p"}) == named
    assert lesson_of(Reply(500, {}, reply.body), b'{"temperature":0}') is None
