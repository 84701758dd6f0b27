"""The gateway: one local server over which every client reaches the endpoints that `ai_query` reaches.

It speaks the REST contract of Databricks model serving and OpenAI's, over the same settings, cache, rates and budget.
`ddb-aiquery serve` runs it (extra `[server]`); `application` gives it to any other ASGI server.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddb_aiquery._address import is_this_machine
from ddb_aiquery._gateway import tokens
from ddb_aiquery._gateway.app import MAX_BODY, Gateway
from ddb_aiquery._gateway.desk import Desk, Patience
from ddb_aiquery._gateway.doorman import Doorman
from ddb_aiquery._gateway.listening import take_port
from ddb_aiquery._settings import load
from ddb_aiquery._values import Secret
from ddb_aiquery.errors import SettingsError

__all__ = ["Patience", "Place", "application", "serve"]

_KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than clients keep theirs, so that they close first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a gateway listens and how it is protected.

    `token_file` None is the usual file of this user, which is made at first use. `allow_hosts` are names under which
    it may be called besides `host`. `max_body` are bytes.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token_file: Path | None = None
    allow_hosts: Collection[str] = ()
    max_body: int = MAX_BODY

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_this_machine(self.host)


def application(
    config: Any = None, *, token: str, place: Place | None = None, patience: Patience | None = None
) -> Gateway:
    """Return the gateway as an ASGI application, for a server of one process and one event loop.

    Raises:
        SettingsError: the settings are wrong, or the token is too short.
    """
    return _application(config, tokens.given(token, "the argument"), place or Place(), patience)


def serve(config: Any = None, place: Place | None = None, patience: Patience | None = None) -> None:
    """Serve until SIGINT or SIGTERM; what is in flight then is answered and stored. Says on stderr where it listens.

    Raises:
        SettingsError: the settings are wrong, there is no token where one must be given, the port is taken, or
            uvicorn is missing.
    """
    place = place or Place()
    try:
        from ddb_aiquery._gateway.server import run  # noqa: PLC0415 (uvicorn is optional)
    except ImportError:
        raise SettingsError("the gateway needs a web server: install ddb-aiquery[server]") from None
    settings = load(config)
    with contextlib.ExitStack() as sockets:
        # A token that is made is shown once, so it must not be made for a gateway that cannot start.
        taken = [sockets.enter_context(each) for each in take_port(place.host, place.port)]
        secret, message = find_token(place, os.environ)
        run(_application(settings, secret, place, patience), taken, message, _KEEP_ALIVE)


def find_token(place: Place, environ: Mapping[str, str]) -> tuple[Secret, str]:
    """Return the token and what to tell the user about it; one that is made now is shown this once.

    Raises:
        SettingsError: there is none and others than this machine could reach the gateway; or it cannot be read.
    """
    if environ.get(tokens.VARIABLE):
        return tokens.given(environ[tokens.VARIABLE], tokens.VARIABLE), f"token: as in {tokens.VARIABLE}"
    path = place.token_file or tokens.usual_file()
    if path.exists() and (place.local or place.token_file):
        return tokens.kept(path), f"token: in {path}"
    if not place.local:
        raise SettingsError(
            f"others can reach {place.host}, so its token must be one that you chose: write it into a file of mode "
            f"0600 and pass --token-file, or set {tokens.VARIABLE}"
        )
    secret = tokens.made(path)
    return secret, f"token: {secret.reveal()}\n       shown only now, kept in {path}"


def _application(config: Any, secret: Secret, place: Place, patience: Patience | None) -> Gateway:
    hosts = (place.host, *place.allow_hosts)
    doorman = Doorman(secret, hosts, any_address=place.host in {"0.0.0.0", "::"})  # noqa: S104 (compared, not bound)
    return Gateway(Desk(load(config), patience), doorman, limit=place.max_body)
