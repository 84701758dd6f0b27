"""Azure OpenAI: one path a deployment, the version in the query, and a key header of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ddb_aiquery._transport.openai import OpenAI
from ddb_aiquery._transport.openai_reply import outcome
from ddb_aiquery._values import Endpoint, Form, Outcome, Question, Reply

API_VERSION = "2024-10-21"
"""The last version of the deployments path that is not a preview; `api_version` names another."""
_OPENAI = OpenAI()


@dataclass(frozen=True, slots=True)
class Azure:
    """The dialect of Azure OpenAI. `model` is the deployment's name.

    The base URL is the resource's own address, or for the newer path without versions that address with `/openai/v1`.
    """

    name: str = "azure"

    def path(self, endpoint: Endpoint, form: Form) -> str:
        """Return the deployment's path and version, or the plain path below `/openai/v1`."""
        below = _OPENAI.path(endpoint, form)
        if urlsplit(endpoint.base_url).path.endswith("/v1"):
            return below
        version = quote(str(endpoint.options.get("api_version", API_VERSION)), safe="")
        return f"/openai/deployments/{quote(endpoint.model, safe='')}{below}?api-version={version}"

    def body(self, endpoint: Endpoint, question: Question) -> bytes:
        """Return OpenAI's body."""
        return _OPENAI.body(endpoint, question)

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]:
        """Return the key as `api-key`, or with `auth = "bearer"` an Entra token that the user fetched."""
        if endpoint.options.get("auth") == "bearer":
            return _OPENAI.headers(endpoint)
        return {"api-key": endpoint.api_key.reveal()} if endpoint.api_key else {}

    def outcome(self, reply: Reply) -> Outcome:
        """Read a reply; never raises."""
        return outcome(reply)
