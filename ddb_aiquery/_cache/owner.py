"""Who holds a claim: a lock file per store, held for as long as the process lives.

The kernel frees a flock at once after SIGKILL, keeps it through SIGSTOP and sleep, and needs no clock. Unlike a POSIX
lock it survives another open and close of the same file.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_UNBORN = ".new"

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> bool:
        """Lock the first byte; Windows frees it when the process ends, however it ends."""
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        """Take the lock if it is free."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file's lock, waiting for it; on Windows, where an open file is not renamed anyway, do not."""
    fd = os.open(path, _FLAGS | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


class Owner:
    """This store's own lock file and the means to tell whether another's owner lives; `name` is what claims record.

    Without a folder it is an owner whom no other process can see. A child that was forked is a new owner: it lets go of
    the inherited descriptor, so that its parent's death shows.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._name = ""
        self._fd = -1
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forked(weakref.ref(self)))

    @property
    def name(self) -> str:
        """The name of the lock file, made and locked on first use.

        Raises:
            OSError: the folder cannot be written.
        """
        if not self._name:
            self._name = f"{os.getpid()}-{secrets.token_hex(8)}"
            if self._folder is not None:
                self._fd = _born(self._folder, self._name)
        return self._name

    def alive(self, name: str) -> bool:
        """Tell whether that owner's process lives; the lock file of a dead one is removed."""
        if name == self._name:
            return True
        if self._folder is None or Path(name).name != name:
            return False
        path = self._folder / name
        try:
            fd = os.open(path, _FLAGS)
        except (FileNotFoundError, ValueError):
            return False
        except OSError:
            return True  # it cannot be told (no descriptor left, say): to wait costs less than to pay twice
        try:
            free = _lock(fd)
        except OSError:
            free = False
        finally:
            os.close(fd)
        if free:
            path.unlink(missing_ok=True)  # names are never used again, so nobody new can be hit
        return not free

    def others(self) -> tuple[str, ...]:
        """Return the names of the owners that live, but for this one; the lock files of dead ones are removed.

        Raises:
            OSError: the folder cannot be read.
        """
        if self._folder is None:
            return ()
        names = [path.name for path in self._folder.iterdir() if path.suffix != _UNBORN]
        return tuple(name for name in names if name != self._name and self.alive(name))

    def close(self) -> None:
        """Stop being an owner; whatever this one still claims is free for others."""
        name = self._name
        self.leave()
        if self._folder is not None and name:
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()

    def leave(self) -> None:
        """Let go of the lock file, which stays locked if another process inherited it."""
        fd, self._fd, self._name = self._fd, -1, ""
        if fd >= 0:
            os.close(fd)


def _born(folder: Path, name: str) -> int:
    """Make the lock file and lock it; its name appears only when it is locked, so nobody takes it for a dead one's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    # Windows cannot rename an open file; there an open file cannot be removed either, so it needs no such care.
    path = folder / (name if sys.platform == "win32" else name + _UNBORN)
    fd = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _lock(fd)
        path.rename(folder / name)
    except OSError:
        os.close(fd)
        raise
    return fd


def _forked(owner: weakref.ref[Owner]) -> Callable[[], None]:
    def leave() -> None:
        if (it := owner()) is not None:
            it.leave()

    return leave
