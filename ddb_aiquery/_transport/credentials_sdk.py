"""The logins of the Databricks SDK, behind the extra [databricks]."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._values import Failure, Kind

_ASKED_AGAIN = 60.0
"""Seconds after which the SDK is asked again; it renews its tokens itself."""


class SdkLogin:
    """The methods of the Databricks SDK: the CLI's login, Azure's, a metadata service, OIDC federation, ...

    It is asked in a thread, because it blocks.
    """

    def __init__(self, profile: str | None, host: str) -> None:
        self._profile = profile
        self._host = host
        self._turn = asyncio.Lock()
        self._config: Any = None
        self._headers: Mapping[str, str] | None = None
        self._until = 0.0

    @property
    def url(self) -> str:
        """Nothing: the SDK decides whom to ask."""
        return ""

    async def headers(self) -> Mapping[str, str] | Failure:
        """Return the headers that the SDK would send."""
        async with self._turn:
            if self._headers is None or time.monotonic() >= self._until:
                try:
                    self._headers = await asyncio.to_thread(self._login)
                except ImportError:
                    return Failure(
                        Kind.ENDPOINT, "this login needs the Databricks SDK: install ddb-aiquery[databricks]"
                    )
                except Exception as error:  # noqa: BLE001 (the SDK raises what it likes)
                    return Failure(
                        Kind.ENDPOINT, REDACTOR.clean(f"the Databricks SDK cannot log in: {error}", limit=300)
                    )
                self._until = time.monotonic() + _ASKED_AGAIN
            return self._headers

    def refused(self, headers: Mapping[str, str]) -> None:  # noqa: ARG002 (there is but one)
        """Ask the SDK again."""
        self._headers = None

    def _login(self) -> Mapping[str, str]:
        from databricks.sdk.core import Config  # noqa: PLC0415 (an optional library that takes seconds to import)

        if self._config is None:
            where = {"profile": self._profile} if self._profile else {"host": self._host}
            self._config = Config(**where)
        headers = {name.lower(): value for name, value in self._config.authenticate().items()}
        REDACTOR.register(headers.get("authorization", "").partition(" ")[2])
        return headers
