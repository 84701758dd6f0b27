"""The sockets on which the gateway will listen, taken before anything else is made or said."""

from __future__ import annotations

import errno
import os
import socket

from ddb_aiquery.errors import SettingsError


def take_port(host: str, port: int) -> list[socket.socket]:
    """Bind a socket to every address that a host has; port 0 is a free one, the same for all.

    None of them listens yet: whoever gets a connection finds the token made.

    Raises:
        SettingsError: none can be bound, or one is taken.
    """
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, str(address[0])) for family, *_, address in found):
            try:
                opened.append(_bound(family, address, port))
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


def _bound(family: int, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere this would let others take the port too
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
    except BaseException:
        made.close()
        raise
    return made
