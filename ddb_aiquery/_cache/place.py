"""The directory and the file of the cache: what may be used, with which rights, and where a damaged file goes."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

from ddb_aiquery._cache.owner import exclusive
from ddb_aiquery.errors import CacheError

OFF = "set DDB_AIQUERY_CACHE to another directory, or to off"


def prepare(directory: Path) -> Path:
    """Return the real path of the directory, made with mode 0700 where it is missing.

    Raises:
        CacheError: it cannot be made or is no directory, belongs to somebody else, or anybody may write to it.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        real = directory.resolve(strict=True)
        status = real.stat()
    except OSError as error:
        raise CacheError(f"cannot use the cache directory {directory}: {_reason(error)}; {OFF}") from None
    if sys.platform != "win32":
        us = os.geteuid()
        if us != 0 and status.st_uid not in (us, 0):
            raise CacheError(f"the cache directory {real} belongs to another user (uid {status.st_uid}); {OFF}")
        if status.st_mode & stat.S_IWOTH:
            raise CacheError(f"any user may write to the cache directory {real}; run: chmod 700 '{real}'")
    return real


def check(path: Path) -> str:
    """Look at the cache file without opening it, take it from others' sight, and return why it cannot be one.

    An empty answer means that it may be opened. (Never open it here: closing would drop SQLite's POSIX locks.)

    Raises:
        CacheError: it is a symbolic link, or a pipe, or a device.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return ""
    if stat.S_ISDIR(mode):
        return "it is a directory"
    if not stat.S_ISREG(mode):
        raise CacheError(f"the cache {path} is not a plain file but a link or a device: remove it, or {OFF}")
    if mode & 0o077:
        with contextlib.suppress(OSError):
            path.chmod(0o600)
    return ""


def identity(path: Path) -> tuple[int, int] | None:
    """Return which file stands at the path, None where there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def set_aside(path: Path, seen: tuple[int, int] | None) -> str:
    """Rename the damaged file with its companions, unless another process has done so; return the notice.

    Raises:
        CacheError: it cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}")
    try:
        with exclusive(path.with_name("repair.lock")):
            if seen is None or identity(path) != seen:
                return ""
            path.rename(aside)
            for companion in ("-wal", "-shm"):
                with contextlib.suppress(OSError):
                    path.with_name(path.name + companion).rename(aside.with_name(aside.name + companion))
    except OSError as error:
        raise CacheError(f"the cache {path} is damaged and cannot be moved aside: {_reason(error)}; {OFF}") from None
    return f"the cache {path} was damaged; it was moved to {aside} and a new one begun"


def on_network(directory: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Tell whether the directory lies on a network file system, where SQLite's WAL cannot work (Linux only)."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    found, kind = Path("/"), ""
    for line in lines:
        fields = line.split(" ")
        mount = Path(fields[1].replace("\\040", " "))
        if directory.is_relative_to(mount) and len(mount.parts) >= len(found.parts):
            found, kind = mount, fields[2]
    return kind in _NETWORK


_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "lustre", "gpfs", "ceph", "afs", "fuse.sshfs"})


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
