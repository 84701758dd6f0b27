"""A ScriptedEndpoint's server in a process of its own, spoken to with pickles over its stdin and stdout."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from ddb_aiquery.testing._server import Service


class ProcessHost:
    """Runs a Service in a child process, which ends with its parent: a closed stdin is its word to go."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._child.pid if self._child is not None else 0

    def start(self) -> int:
        baggage = _packed(self._service)
        self._child = subprocess.Popen(
            [sys.executable, "-c", "from ddb_aiquery.testing._process import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(part or os.curdir for part in sys.path)},
        )
        return int(self._exchange(baggage))

    def ask(self, what: str) -> Any:
        return self._exchange(pickle.dumps(what))

    def close(self) -> None:
        if self._child is None:
            return
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.wait()

    def _exchange(self, message: bytes) -> Any:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise RuntimeError("the ScriptedEndpoint was not started")
        child.stdin.write(message)
        child.stdin.flush()
        return pickle.load(child.stdout)  # noqa: S301 (our own child wrote it)


def _packed(service: Service) -> bytes:
    try:
        packed = pickle.dumps(service)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"process=True needs an answer and a script that can be imported by name: {error}") from None
    if b"__main__" in packed:
        raise ValueError("process=True cannot import an answer or a script from __main__; put it into a module")
    return packed


async def _serve(commands: BinaryIO, results: BinaryIO) -> None:
    from ddb_aiquery.testing._endpoint import consult, listen  # noqa: PLC0415 (_endpoint imports this module)

    loop = asyncio.get_running_loop()
    service: Service = pickle.load(commands)  # noqa: S301 (our own parent wrote it)
    server, _connections = await listen(service)
    told: Any = server.sockets[0].getsockname()[1]
    while True:
        pickle.dump(told, results)
        results.flush()
        try:
            what = await loop.run_in_executor(None, pickle.load, commands)
        except EOFError:
            return
        told = consult(service, what)


def main() -> None:
    """Serve until stdin closes."""
    commands, results = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # an answer function may print
    asyncio.run(_serve(commands, results))
    os._exit(0)  # connections that are still open need no farewell
