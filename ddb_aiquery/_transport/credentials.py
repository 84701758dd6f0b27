"""Credentials that must be fetched: which endpoint needs which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ddb_aiquery._address import check_endpoint_url, origin
from ddb_aiquery._settings import ENVIRONMENT
from ddb_aiquery._values import Endpoint, Failure, Secret
from ddb_aiquery.errors import SettingsError

AUTHORITY = "https://login.microsoftonline.com"
AUTHORITY_VARIABLE = "AZURE_AUTHORITY_HOST"
"""The variable that Azure's own libraries read, for national clouds."""
_AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"


class Credential(Protocol):
    """Gives the headers that carry a token which somebody else issues, and knows when it is no good any more."""

    @property
    def url(self) -> str:
        """Where tokens come from; empty where a library decides."""

    async def headers(self) -> Mapping[str, str] | Failure:
        """Return the headers of one request, or why there are none. One renewal serves all who wait."""

    def refused(self, headers: Mapping[str, str]) -> None:
        """Hear that the endpoint refused these headers: the next call fetches a new token."""


def credential_of(endpoint: Endpoint, environ: Mapping[str, str] = ENVIRONMENT) -> Credential | None:
    """Return what fetches the endpoint's token; None where its key, or nothing, is enough.

    Raises:
        SettingsError: a part of it is missing, or tokens may not be fetched from there.
    """
    options = endpoint.options
    if options.get("auth") == "sdk":
        from ddb_aiquery._transport.credentials_sdk import SdkLogin  # noqa: PLC0415 (few endpoints need it)

        return SdkLogin(options.get("profile"), endpoint.base_url)
    if "client_id" not in options:
        return None
    secret = options.get("client_secret")
    if not isinstance(secret, Secret):
        raise SettingsError(f"endpoint '{endpoint.name}' has a client_id and no client_secret: set both")
    from ddb_aiquery._transport.credentials_oauth import ClientCredentials, Grant  # noqa: PLC0415 (it imports httpx)

    if endpoint.provider != "azure":
        url = origin(endpoint.base_url) + "/oidc/v1/token"
        return ClientCredentials(Grant(url, str(options["client_id"]), secret, "all-apis"))
    tenant = options.get("tenant_id") or environ.get("AZURE_TENANT_ID")
    if not tenant:
        raise SettingsError(f"endpoint '{endpoint.name}' has a client_id and no tenant_id: set it, or AZURE_TENANT_ID")
    authority = check_endpoint_url(environ.get(AUTHORITY_VARIABLE) or AUTHORITY)
    url = f"{authority}/{tenant}/oauth2/v2.0/token"
    return ClientCredentials(Grant(url, str(options["client_id"]), secret, _AZURE_SCOPE, basic=False))
