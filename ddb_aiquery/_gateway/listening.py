"""The sockets on which the gateway listens, opened before anything else is made or said."""

from __future__ import annotations

import errno
import os
import socket

from ddb_aiquery.errors import SettingsError

_WAITING = 2048
"""Connections that the system keeps until they are taken in."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Open a socket on every address that a host has; port 0 is a free one, the same for all.

    Raises:
        SettingsError: none can be opened, or one is taken.
    """
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, str(address[0])) for family, *_, address in found):
            try:
                opened.append(socket.create_server((address, port), family=family, backlog=_WAITING))
            except OSError as error:
                if error.errno == errno.EADDRINUSE or not opened:  # else: a name of two families, one of them off
                    raise
            port = port or opened[0].getsockname()[1]
    except OSError as error:
        for each in opened:
            each.close()
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise SettingsError(f"cannot listen on {host} port {port}: {reason}; choose another --port or --host") from None
    return opened
