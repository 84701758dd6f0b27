"""Damaged files, unusable places, full disks: what is served, what is said, and that nothing is deleted."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import apsw
import pytest

from ddb_aiquery._cache import open_store
from ddb_aiquery._cache.place import on_network
from ddb_aiquery.errors import CacheError

FILE = "answers-v1.sqlite"
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")


def filled(directory: Path, record, rows: int = 300) -> Path:
    """Make a cache with answers in it and return its file."""
    with open_store(directory) as store:
        store.put_many([record(n) for n in range(rows)])
    return directory / FILE


def aside(directory: Path) -> list[Path]:
    found = [path for path in directory.iterdir() if path.name.startswith(f"{FILE}.damaged-")]
    return [path for path in found if not path.name.endswith(("-wal", "-shm"))]


def use(directory: Path, record, key) -> list[str]:
    """Use the cache as a query would, prove that it works, and return the notices."""
    with open_store(directory) as store:
        for n, answer in store.get_many([key(n) for n in range(300)]).items():
            assert answer.text in {f"answer {i}" for i in range(300) if key(i) == n}
        store.claim_many([key("new")])
        store.put_many([record("new")])
        assert store.get_many([key("new")])[key("new")].text == "answer new"
        return list(store.notices)


@pytest.mark.parametrize("damage", ["garbage", "header", "truncated"])
def test_a_damaged_file_is_moved_aside_and_the_query_goes_on(directory, record, key, damage):
    """The damaged file is kept beside a fresh one, and the user is told where."""
    path = filled(directory, record)
    data = path.read_bytes()
    path.write_bytes({"garbage": b"\x93" * 5_000, "header": b"x" * 100 + data[100:], "truncated": data[:9_000]}[damage])
    (notice,) = use(directory, record, key)
    (moved,) = aside(directory)
    assert str(moved) in notice
    assert "damaged" in notice
    assert moved.stat().st_size > 0
    assert use(directory, record, key) == []


def test_processes_that_find_the_same_damage_move_it_aside_once(start, directory, record, key):
    """Nobody moves the new file aside: every answer that any of them wrote is found."""
    path = filled(directory, record)
    path.write_bytes(b"x" * 100 + path.read_bytes()[100:])
    code = """
    sys.stdin.readline()
    store = open_store(Path(sys.argv[1]))
    store.put_many([record("p" + sys.argv[2])])
    """
    children = [start(code, directory, n) for n in range(6)]
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        _, err = child.communicate()
        assert child.returncode == 0, err
    assert len(aside(directory)) == 1
    with open_store(directory) as store:
        assert len(store.get_many([key(f"p{n}") for n in range(6)])) == 6


def test_an_empty_file_is_a_new_cache(directory, record, key):
    """Nothing is lost with it, so nothing is said."""
    filled(directory, record).write_bytes(b"")
    assert use(directory, record, key) == []


def test_a_directory_in_the_files_place_is_moved_aside(directory, record, key):
    """Whatever it is, it is kept."""
    (directory / FILE).mkdir(parents=True, mode=0o700)
    (directory / FILE / "thing").write_text("kept")
    (notice,) = use(directory, record, key)
    assert "it is a directory" in notice
    assert [(path / "thing").read_text() for path in aside(directory)] == ["kept"]


def test_another_programs_database_is_moved_aside_or_shared(directory, record, key):
    """A SQLite file with tables of the same names and other columns is not ours to write."""
    directory.mkdir(mode=0o700)
    with contextlib.closing(apsw.Connection(str(directory / FILE))) as other:
        other.execute("CREATE TABLE answers (a); INSERT INTO answers VALUES (1)")
    (notice,) = use(directory, record, key)
    assert "damaged" in notice
    (moved,) = aside(directory)
    with contextlib.closing(apsw.Connection(str(moved))) as other:
        assert other.execute("SELECT a FROM answers").get == 1


def flipped(directory: Path, record, key, seed: int) -> None:
    """Flip bytes anywhere and use the cache: no wrong answer, no dead query."""
    chance = random.Random(seed)
    path = filled(directory, record)
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 3, 30])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    use(directory, record, key)
    shutil.rmtree(directory)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bits_never_give_a_wrong_answer(directory, record, key, seed):
    """A damaged row is a miss, a damaged page begins a new file."""
    flipped(directory, record, key, seed)


@pytest.mark.long
def test_many_flipped_bits_never_give_a_wrong_answer(directory, record, key):
    """The same, 3,000 times."""
    for seed in range(100, 3_100):
        flipped(directory, record, key, seed)


def test_damage_while_in_use_is_survived(run, directory, record, key):
    """A file that is overwritten under an open store is replaced at the next piece of work."""
    with open_store(directory) as store:
        store.put_many([record(n) for n in range(300)])
    with open_store(directory) as store:
        run("open(sys.argv[1], 'r+b').write(b'x' * 30_000)", directory / FILE)
        assert store.get_many([key(n) for n in range(300)]) == {}
        store.put_many([record("new")])
        assert store.get_many([key("new")])
        assert len(aside(directory)) == 1


def test_a_removed_cache_is_made_again(directory, record, key):
    """Nothing is written to a file that is no longer there: what is acknowledged can be found."""
    with open_store(directory) as store:
        store.put_many([record("a")])
        shutil.rmtree(directory)
        store.put_many([record("b")])
        with open_store(directory) as other:
            assert set(other.get_many([key("a"), key("b")])) == {key("b")}
        assert "replaced while in use" in store.notices[0]


def test_planted_rows_of_wrong_types_are_misses(directory, record, key):
    """Somebody else's rows can be absent, never an answer and never a crash."""
    path = filled(directory, record, 3)
    with contextlib.closing(apsw.Connection(str(path))) as planter:
        planter.execute("PRAGMA writable_schema = ON")
        planter.execute("UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT', ''), 'NOT NULL', '')")
        planter.execute("PRAGMA writable_schema = OFF")
    with contextlib.closing(apsw.Connection(str(path))) as planter:
        planter.execute("UPDATE answers SET text = 5 WHERE id = 1")
        planter.execute("UPDATE answers SET finish = NULL, created = 1e300, key = 5, cost_micro = 'x' WHERE id = 2")
        planter.execute("UPDATE answers SET text = CAST('other' AS BLOB), created = NULL, packed = 1 WHERE id = 3")
    with open_store(directory) as store:
        assert store.get_many([key(n) for n in range(3)]) == {}
        assert sum(batch.num_rows for batch in store.answers()) == 3


def test_a_newer_format_is_left_alone(directory, record, key):
    """A file of a version that this one does not know is neither read nor written."""
    path = filled(directory, record)
    with contextlib.closing(apsw.Connection(str(path))) as newer:
        newer.execute("PRAGMA user_version = 2001")
    before = path.read_bytes()
    (notice,) = use(directory, record, key)
    assert "newer version" in notice
    assert path.read_bytes() == before
    assert (directory / "answers-v1-own.sqlite").exists()


def test_a_newer_revision_is_shared(directory, record, key):
    """Columns and tables that a later revision adds do no harm to this one, nor does this one to them."""
    path = filled(directory, record)
    with contextlib.closing(apsw.Connection(str(path))) as newer:
        newer.execute("ALTER TABLE answers ADD COLUMN later TEXT NOT NULL DEFAULT 'x'; CREATE TABLE later (a)")
        newer.execute("PRAGMA user_version = 1007")
    assert use(directory, record, key) == []
    with contextlib.closing(apsw.Connection(str(path))) as newer:
        assert newer.execute("PRAGMA user_version").get == 1007
        assert newer.execute("SELECT count(*) FROM answers WHERE later = 'x'").get == 301


def test_a_network_file_system_is_told_from_a_local_one(tmp_path):
    """The innermost mount counts; where nothing can be told, the disk is taken for a local one."""
    mounts = tmp_path / "mounts"
    mounts.write_text("d / ext4 rw 0 0\nn /net nfs4 rw 0 0\nd /net/local\\040disk ext4 rw 0 0\n")
    assert on_network(Path("/net/home/cache"), mounts)
    assert not on_network(Path("/net/local disk/cache"), mounts)
    assert not on_network(Path("/home/cache"), mounts)
    assert not on_network(Path("/net"), tmp_path / "absent")


@posix
def test_only_the_owner_can_read_the_files(run, directory):
    """0700 and 0600 from the start, companions and lock files included, whatever the umask."""
    out = run(
        """
        os.umask(0)
        root = Path(sys.argv[1])
        store = open_store(root)
        store.put_many([record("a")])
        store.export(root / "out.parquet")
        for path in [root, *root.rglob("*")]:
            say(path.relative_to(root), oct(path.stat().st_mode & 0o777))
        """,
        directory,
    )
    modes = dict(line.split() for line in out.splitlines())
    assert {".", FILE, f"{FILE}-wal", f"{FILE}-shm", "owners", "out.parquet"} <= modes.keys()
    for name, mode in modes.items():
        assert mode == ("0o700" if name in {".", "owners"} else "0o600"), name


@posix
def test_a_file_that_others_could_read_is_closed_to_them(directory, record):
    """An older file's rights are narrowed."""
    path = filled(directory, record)
    path.chmod(0o644)
    open_store(directory).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_a_symbolic_link_is_refused(directory, tmp_path):
    """A link in the file's place is not followed, and its target is untouched."""
    target = tmp_path / "target"
    target.write_text("precious")
    directory.mkdir(mode=0o700)
    (directory / FILE).symlink_to(target)
    with pytest.raises(CacheError, match="not a plain file"):
        open_store(directory)
    assert target.read_text() == "precious"


@posix
def test_a_directory_that_anybody_may_write_is_refused(directory):
    """The message says how to close it."""
    directory.mkdir()
    directory.chmod(0o777)
    with pytest.raises(CacheError, match="chmod 700"):
        open_store(directory)


def test_a_file_in_the_directorys_place_is_an_error(directory):
    """The message names the place and the way out."""
    directory.write_text("x")
    with pytest.raises(CacheError, match=r"cannot use the cache directory .*cache.*DDB_AIQUERY_CACHE"):
        open_store(directory)


READER = """
root = Path(sys.argv[1])
if os.geteuid() == 0: os.setuid(65534)
store = open_store(root)
say(len(store.get_many([key(n) for n in range(300)])), len(store.notices))
for write in (lambda: store.put_many([record("x")]), lambda: store.claim_many([key("x")])):
    try: write()
    except CacheError as error: say(error)
"""


@posix
@pytest.mark.parametrize("state", ["closed", "open", "absent"])
def test_a_read_only_directory_is_read_and_refuses_writes(run, record, state):
    """Answers are served from it; a write says what stands against it and what to do."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "cache"
        Path(scratch).chmod(0o755)
        with open_store(place) as store:
            if state != "absent":
                store.put_many([record(n) for n in range(300)])
            if state != "open":
                store.close()
            for path in place.rglob("*"):
                path.chmod(0o555 if path.is_dir() else 0o444)
            if state == "absent":
                (place / FILE).unlink()
            place.chmod(0o555)
            served, *refused = run(READER, place).splitlines()
            place.chmod(0o700)
    assert served == ("0 1" if state == "absent" else "300 1")
    assert len(refused) == 2
    assert all("can only be read, not written" in line and "DDB_AIQUERY_CACHE" in line for line in refused)


@posix
def test_writing_works_again_when_the_directory_does(run):
    """What stood against writing is looked at anew, so a long session needs no restart."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        out = run(
            """
            root = Path(sys.argv[1])
            root.mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(root, 65534, 65534)
                os.setuid(65534)
            root.chmod(0o500)
            store = open_store(root)
            try: store.put_many([record("a")])
            except CacheError: say("refused")
            root.chmod(0o700)
            store.put_many([record("a")])
            say(len(store.get_many([key("a")])))
            """,
            Path(scratch) / "cache",
        )
    assert out.split() == ["refused", "1"]


FILL = """
store = open_store(Path(sys.argv[1]))
if len(sys.argv) > 2:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
stored = 0
try:
    while True:
        store.put_many([Record(key(stored), "e", os.urandom(3000), Answer("answer %s" % stored), 7, 1.0)])
        stored += 1
except CacheError as error: say(stored, error)
say(len(store.get_many([key(n) for n in range(stored + 1)])))
"""


@posix
def test_a_size_limit_is_an_error_that_loses_nothing(run, directory):
    """Where the system refuses another byte, what was acknowledged is there and the rest is told."""
    first, found = run(FILL, directory, 400_000).splitlines()
    stored, message = first.split(" ", 1)
    assert int(stored) > 5
    assert found == stored
    assert "cannot be written: a quota" in message


@pytest.mark.skipif(sys.platform != "linux", reason="needs a small file system")
def test_a_full_disk_is_an_error_that_loses_nothing(run, directory):
    """On a disk of one megabyte the cache says that it is full, and serves what it has."""
    directory.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(directory)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("only root may mount a small file system")
    try:
        first, found = run(FILL, directory).splitlines()
    finally:
        subprocess.run(["umount", str(directory)], check=True)
    stored, message = first.split(" ", 1)
    assert int(stored) > 5
    assert found == stored
    assert "the cache is full" in message


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_an_export_holds_every_answer_whole(directory, tmp_path, record, suffix):
    """Another program reads back all that was paid for."""
    import duckdb  # noqa: PLC0415 (only this test needs it)

    path = tmp_path / f"out{suffix}"
    with open_store(directory) as store:
        store.put_many([record(n) for n in range(3_000)])
        assert store.export(path) == 3_000
        with pytest.raises(CacheError, match="exists"):
            store.export(path)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT text, request FROM '{path}' ORDER BY ALL LIMIT 1").fetchall()
    assert rows == [("answer 0", '{"input":"0"}')]


def test_an_export_of_an_unknown_kind_is_an_error(store, tmp_path):
    """The message says which kinds there are."""
    with pytest.raises(CacheError, match=r"\.parquet or \.jsonl"):
        store.export(tmp_path / "out.csv")
