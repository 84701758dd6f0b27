"""One event loop in a thread of its own, for the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

try:
    from uvloop import new_event_loop  # a fifth less CPU a call than asyncio's own
except ImportError:  # Windows
    from asyncio import new_event_loop  # type: ignore[assignment]


class Loop:
    """A running event loop; SQL stays synchronous, asyncio lives in here."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop = new_event_loop()
        self._thread = threading.Thread(target=self._run, name="ddb_aiquery-loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a plain function on the loop's thread, soon."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def wait(self, coroutine: Coroutine[Any, Any, Any], timeout: float | None = None) -> Any:
        """Run a coroutine on the loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def close(self) -> None:
        """Cancel what runs and stop."""
        self.wait(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
