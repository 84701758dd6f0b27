from __future__ import annotations

import os
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ddb_aiquery.testing import ScriptedEndpoint

SCRIPT = """
import duckdb, os, resource, sys, ddb_aiquery
{before}
con = ddb_aiquery.register(duckdb.connect(), config={settings!r})
con.execute("SET enable_progress_bar = false")
ask = "SELECT count(DISTINCT ai_query('test', 'p' || i || repeat('x', 200))) FROM range({first}, {last}) t(i)"
print(con.execute(ask).fetchall())
print(con.execute(ask).fetchall())
"""
FULL = "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))"
"""The kernel refuses to let any file grow past a megabyte, which is what a full disk looks like to a program."""
IGNORED = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"


AS_ANYBODY = """
import ctypes
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
ctypes.CDLL(None).capget(header, sets)
sets[0], sets[1] = sets[0] & ~2, sets[1] & ~2
assert ctypes.CDLL(None).capset(header, sets) == 0
"""
"""Root gives up CAP_DAC_OVERRIDE (Linux), so that a file without write permission refuses root too."""


def cache_file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "answers-v1.sqlite"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
def test_a_full_disk_costs_the_keeping_not_the_query(python: Callable[..., Any]) -> None:
    """Every row is answered and asked once, the user is told once on stderr, and what was kept before is sound."""
    with ScriptedEndpoint() as server:
        ask = {"settings": server.settings("test"), "before": IGNORED + FULL, "first": 0, "last": 3000}
        done = python(SCRIPT.format(**ask))
        assert done.stdout.splitlines() == ["[(3000,)]"] * 2, done.stderr
        assert server.requests == 3000
        assert done.stderr.count("kept in memory only") == 1
        assert "limit" in done.stderr
        assert python(SCRIPT.format(**ask | {"before": ""})).stdout.splitlines() == ["[(3000,)]"] * 2
        assert 3000 < server.requests < 6000  # what reached the disk was not asked again


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the script may run as root, whom nothing refuses")
@pytest.mark.parametrize("which", ["directory", "file"])
def test_a_read_only_cache_is_read(python: Callable[..., Any], which: str) -> None:
    """Kept answers are served, others are asked and kept in memory, and stderr says so once."""
    with ScriptedEndpoint() as server, tempfile.TemporaryDirectory() as folder:
        before = AS_ANYBODY if os.geteuid() == 0 else ""
        cache = Path(folder) / "cache"
        ask = {"settings": server.settings("test"), "before": before, "first": 0, "last": 50}
        first = python(SCRIPT.format(**ask), DDB_AIQUERY_CACHE=str(cache))
        assert first.stdout.splitlines() == ["[(50,)]"] * 2, first.stderr
        path = cache / "answers-v1.sqlite"
        for each in [path] if which == "file" else [*cache.rglob("*"), cache]:
            each.chmod(stat.S_IMODE(each.stat().st_mode) & ~0o222)
        done = python(SCRIPT.format(**ask | {"last": 80}), DDB_AIQUERY_CACHE=str(cache))
        cache.chmod(0o700)
        assert done.stdout.splitlines() == ["[(80,)]"] * 2, done.stderr
        assert server.requests == 80
        assert done.stderr.count("only be read") == 1
        assert done.stderr.count("kept in memory only") == 1


@pytest.mark.parametrize("damage", ["header", "all", "text"])
def test_a_damaged_cache_is_moved_aside(python: Callable[..., Any], tmp_path: Path, damage: str) -> None:
    """The file is kept under another name, a new one is begun, stderr says so, and no wrong answer is served."""
    with ScriptedEndpoint() as server:
        ask = {"settings": server.settings("test"), "before": "", "first": 0, "last": 300}
        python(SCRIPT.format(**ask))
        path = cache_file(tmp_path)
        data = bytearray(path.read_bytes())
        whole = {"header": slice(0, 100), "all": slice(0, len(data)), "text": slice(0, len(data))}[damage]
        data[whole] = b"not a database\n" if damage == "text" else b"\xff" * len(data[whole])
        path.write_bytes(data)
        for name in ("-wal", "-shm"):
            path.with_name(path.name + name).unlink(missing_ok=True)
        done = python(SCRIPT.format(**ask))
        assert done.stdout.splitlines() == ["[(300,)]"] * 2, done.stderr
        assert done.stderr.count("was damaged; it was moved to") == 1
        assert len(list(path.parent.glob("*.damaged-*"))) >= 1
        assert server.requests == 600


def test_a_cache_damaged_while_in_use_goes_on(python: Callable[..., Any], tmp_path: Path) -> None:
    """Pages overwritten between two statements of one process are noticed; the second statement still answers."""
    with ScriptedEndpoint() as server:
        code = f"""
            import duckdb, pathlib, ddb_aiquery
            con = ddb_aiquery.register(duckdb.connect(), config={server.settings("test")!r})
            ask = "SELECT count(DISTINCT ai_query('test', 'p' || i)) FROM range(500) t(i)"
            print(con.execute(ask).fetchall())
            for path in pathlib.Path({str(tmp_path / "cache")!r}).glob("answers*"):
                if path.suffix == ".sqlite" or path.name.endswith("-wal"):
                    with path.open("r+b") as file:
                        size = file.seek(0, 2)
                        file.seek(0)
                        file.write(b"\\x07" * size)
            import time; time.sleep(1.1)
            print(con.execute(ask).fetchall())
        """
        done = python(code)
        assert done.stdout.splitlines() == ["[(500,)]"] * 2, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="rights differ")
def test_files_are_the_users_alone(python: Callable[..., Any], tmp_path: Path) -> None:
    """Whatever the umask, every file of the cache has mode 0600 and every directory 0700, while it is in use too."""
    with ScriptedEndpoint() as server:
        ask = {"settings": server.settings("test"), "before": "os.umask(0)", "first": 0, "last": 50}
        look = f"""
import pathlib
for path in [pathlib.Path({str(tmp_path / "cache")!r}), *pathlib.Path({str(tmp_path / "cache")!r}).rglob("*")]:
    print(oct(path.stat().st_mode & 0o777), path.is_dir())
"""
        done = python(SCRIPT.format(**ask) + look)
        modes = set(done.stdout.splitlines()[2:])
        assert modes == {"0o700 True", "0o600 False"}


def test_a_newer_format_is_left_alone(python: Callable[..., Any], tmp_path: Path) -> None:
    """A file of a newer version of the package is neither read nor changed; this version keeps its own, and says so."""
    path = cache_file(tmp_path)
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA journal_mode = WAL")
        newer.execute("PRAGMA user_version = 2001")
        newer.execute("CREATE TABLE answers (future TEXT)")
    path.chmod(0o600)
    before = path.read_bytes()
    with ScriptedEndpoint() as server:
        ask = {"settings": server.settings("test"), "before": "", "first": 0, "last": 20}
        for _ in range(2):
            done = python(SCRIPT.format(**ask))
            assert done.stdout.splitlines() == ["[(20,)]"] * 2
            assert done.stderr.count("newer version") == 1
        assert server.requests == 20
    assert path.read_bytes() == before
