"""`ddb-aiquery serve`: the gateway, until Ctrl-C."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ddb_aiquery.gateway import Patience, Place, serve


def run(given: Namespace) -> int:
    """Serve until SIGINT or SIGTERM; `given` are the command line's arguments."""
    file = Path(given.token_file) if given.token_file else None
    place = Place(given.host, given.port, file, tuple(given.allow_host))
    serve(given.config, place, Patience(rejected=given.patience))
    return 0
