"""The child process of the bridge: the engine's answers to the frames of one native DuckDB process, until that ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from ddb_aiquery._shell.native import wire
from ddb_aiquery._shell.native.wire import What
from ddb_aiquery.errors import AiQueryError

Answer = Callable[[What, Sequence[pa.Array]], pa.Array]
"""From a request's kind and argument columns to one column of texts; called from several threads at once."""
AT_ONCE = 64
"""Chunks under way at once: DuckDB has as many as it has threads."""
GRACE = 8.0
"""Seconds to write down what has arrived after the shell has ended; then the process ends anyway."""


def main() -> None:
    """Serve the process that started this one, over the stream on stdin."""
    _detach()
    stream = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (the descriptor is what matters)
        os.dup2(nothing.fileno(), 0)
    from ddb_aiquery._shell.native.engine import Engine  # noqa: PLC0415 (not before this process is on its own)

    engine = Engine()
    serve(stream, engine.answer, engine.cancel)
    _end_soon()
    engine.close()


def serve(stream: socket.socket, answer: Answer, cancel: Callable[[], None]) -> None:
    """Answer requests, several at once, until the stream ends; what is under way then is cancelled."""
    desk = _Desk(stream, answer)
    with ThreadPoolExecutor(AT_ONCE, "chunk") as threads:
        try:
            while request := wire.receive(stream):
                number, what, body = request
                if what is What.CANCEL:
                    desk.unwanted.add(number)
                    cancel()
                else:
                    threads.submit(desk.work, number, what, body)
        except OSError:
            pass  # the other side broke off: an end like any other
        cancel()
        threads.shutdown(wait=False, cancel_futures=True)


class _Desk:
    """Answers one request and sends the reply."""

    def __init__(self, stream: socket.socket, answer: Answer) -> None:
        self.unwanted: set[int] = set()
        self._stream = stream
        self._answer = answer
        self._sending = threading.Lock()

    def work(self, number: int, what: What, body: bytearray) -> None:
        if number in self.unwanted:
            self.unwanted.discard(number)
            return
        reply = self._reply(number, what, body)
        try:
            with self._sending:
                self._stream.sendall(reply)
        except OSError:
            pass  # nobody waits for it any more
        self.unwanted.discard(number)

    def _reply(self, number: int, what: What, body: bytearray) -> bytes:
        try:
            return wire.answers(number, self._answer(what, wire.columns(body)))
        except AiQueryError as error:
            return wire.error(number, f"ai_query: {error}")
        except Exception as error:  # noqa: BLE001 (whatever it is, the shell must hear of it)
            return wire.error(number, f"ai_query: {type(error).__name__}: {error}")


def _detach() -> None:
    """Leave the shell's terminal and descriptors: its signals are not for us, and its pipes must see their end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the bridge starts us with every signal blocked
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def _end_soon() -> None:
    timer = threading.Timer(GRACE, os._exit, (1,))
    timer.daemon = True
    timer.start()
