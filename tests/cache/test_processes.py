"""Several real processes on one cache: claims, kills, stops, forks."""

from __future__ import annotations

import os
import random
import signal
import sys

import apsw
import pytest

from ddb_aiquery._cache import open_store

HOLD = """
store = open_store(Path(sys.argv[1]))
say(len(store.claim_many([key(n) for n in range(5)]).ours))
if len(sys.argv) > 2:
    store.reserve("d", 30, 100)
    store.settle("d", 10, 5)
say("held")
sys.stdin.readline()
store.put_many([record(n) for n in range(3)])
store.release_many([key(3)])
say("stored")
sys.stdin.readline()
"""


def heard(child, line: str) -> None:
    """Wait until the child says the line."""
    for said in child.stdout:
        if said.strip() == line:
            return
    raise AssertionError(child.stderr.read())


def tell(child) -> None:
    child.stdin.write("\n")
    child.stdin.flush()


def test_what_another_process_asks_is_not_asked(start, directory, key):
    """Claims hold across processes, end with the answer or the release, and show the answer at once."""
    keys = [key(n) for n in range(5)]
    child = start(HOLD, directory)
    heard(child, "held")
    with open_store(directory) as store:
        assert store.claim_many(keys).theirs == set(keys)
        tell(child)
        heard(child, "stored")
        claims = store.claim_many(keys)
        assert (set(claims.answered), claims.ours, claims.theirs) == (set(keys[:3]), {keys[3]}, {keys[4]})


def test_a_release_ends_only_ones_own_claims(start, directory, key):
    """Nobody gives up what another process asks."""
    child = start(HOLD, directory)
    heard(child, "held")
    with open_store(directory) as store:
        store.release_many([key(0)])
        assert store.claim_many([key(0)]).theirs == {key(0)}


def test_the_claims_of_a_killed_process_are_free(start, directory, key):
    """After SIGKILL there is no lease to wait for."""
    child = start(HOLD, directory)
    heard(child, "held")
    with open_store(directory) as store:
        child.kill()
        child.wait()
        assert store.claim_many([key(0)]).ours == {key(0)}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_stopped_process_keeps_its_claims(start, directory, key):
    """Asleep is not dead: its answers are still coming."""
    child = start(HOLD, directory)
    heard(child, "held")
    child.send_signal(signal.SIGSTOP)
    with open_store(directory) as store:
        assert store.claim_many([key(0)]).theirs == {key(0)}
    child.send_signal(signal.SIGCONT)


def test_the_reservations_of_a_killed_process_count(start, directory):
    """What a dead process may have spent is held against its day's limit."""
    child = start(HOLD, directory, "reserve")
    heard(child, "held")
    with open_store(directory) as store:
        child.kill()
        child.wait()
        assert not store.reserve("d", 76, 100)
        assert store.reserve("d", 75, 100)


def test_processes_that_start_at_once_make_one_cache(start, directory, key):
    """Eight processes race to make the file and to claim the same keys: each key is asked once."""
    code = """
    sys.stdin.readline()
    store = open_store(Path(sys.argv[1]))
    ours = store.claim_many([key(n) for n in range(200)]).ours
    store.put_many([record(n) for n in range(200) if key(n) in ours])
    say(len(ours), store.notices)
    """
    children = [start(code, directory) for _ in range(8)]
    for child in children:
        tell(child)
    said = [child.communicate() for child in children]
    assert sum(int(out.split()[0]) for out, _ in said) == 200, said
    assert all("[]" in out for out, _ in said), said
    with open_store(directory) as store:
        assert len(store.get_many([key(n) for n in range(200)])) == 200


def test_processes_write_the_same_keys(start, directory, key):
    """Writers of the same keys neither fail nor lose a row."""
    code = """
    store = open_store(Path(sys.argv[1]))
    for start in range(0, 600, 20):
        store.put_many([record(n) for n in range(start, start + 20)])
    """
    for child in [start(code, directory) for _ in range(4)]:
        _, err = child.communicate()
        assert child.returncode == 0, err
    with open_store(directory) as store:
        assert {a.text for a in store.get_many([key(n) for n in range(600)]).values()} == {
            f"answer {n}" for n in range(600)
        }


def test_processes_share_a_budget(start, directory):
    """Four processes that reserve at once never pass the limit together."""
    code = """
    store = open_store(Path(sys.argv[1]))
    say(sum(store.reserve("d", 1, 100) for _ in range(60)))
    """
    children = [start(code, directory) for _ in range(4)]
    assert sum(int(child.communicate()[0]) for child in children) == 100


WRITER = """
store = open_store(Path(sys.argv[1]))
n = 0
while True:
    store.claim_many([key("%s-%d" % (sys.argv[2], n + i)) for i in range(10)])
    store.put_many([record("%s-%d" % (sys.argv[2], n + i)) for i in range(10)])
    n += 10
    say(n)
"""


def killed_writers(start, directory, key, rounds: int, writers: int) -> int:
    """Kill writers at random moments and return how many acknowledged records there were, all of them found."""
    chance = random.Random(7)
    total = 0
    for turn in range(rounds):
        children = [start(WRITER, directory, f"{turn}-{n}") for n in range(writers)]
        said = [[child.stdout.readline() for _ in range(chance.randrange(1, 60))] for child in children]
        for child in children:
            child.kill()
        for lines, child in zip(said, children, strict=True):
            lines.extend(child.stdout.readlines())  # communicate() would miss what is buffered here
        with open_store(directory) as store:
            for number, lines in enumerate(said):
                acknowledged = max(int(line) for line in lines if line.endswith("\n"))  # the kill may cut the last
                names = [key(f"{turn}-{number}-{n}") for n in range(acknowledged)]
                assert len(store.get_many(names)) == acknowledged
                total += acknowledged
            assert store.notices == []
            store.claim_many([key("unasked")])
            assert all(path.name.startswith(f"{os.getpid()}-") for path in (directory / "owners").iterdir())
    return total


def test_no_acknowledged_record_is_lost_to_a_kill(start, directory, key):
    """SIGKILL at any moment: what put_many returned for is there, and no claim or lock file is left behind."""
    assert killed_writers(start, directory, key, rounds=4, writers=2) > 0


@pytest.mark.long
def test_no_acknowledged_record_is_lost_to_many_kills(start, directory, key):
    """The same, 300 kills."""
    assert killed_writers(start, directory, key, rounds=100, writers=3) > 0


def test_who_leaves_claims_nothing_any_more(start, directory, key):
    """A store that leaves takes its claims along, and those of the dead; who lives keeps its own."""
    with open_store(directory) as store:
        code = "store = open_store(Path(sys.argv[1])); store.claim_many([key(sys.argv[2])]); say(1); time.sleep(60)"
        alive, dead = start(code, directory, "theirs"), start(code, directory, "dead")
        store.claim_many([key("mine")])
        for each in (alive, dead):
            each.stdout.readline()
        dead.kill()
        dead.wait()
        store.leave()
        with apsw.Connection(str(next(directory.glob("*.sqlite")))) as file:
            assert [row[0] for row in file.execute("SELECT key FROM claims")] == [key("theirs")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_uses_the_cache_as_a_process_of_its_own(run, directory):
    """Parent and child both read and write after a fork amid work, and each owns its own claims."""
    out = run(
        """
        import threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads
        store = open_store(Path(sys.argv[1]))
        store.put_many([record("before")])
        store.claim_many([key("claimed")])
        going = True
        def work():
            n = 0
            while going:
                store.put_many([record("thread-%d" % n)]); n += 1
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads: thread.start()
        for turn in range(5):
            pid = os.fork()
            if pid == 0:
                ok = bool(store.get_many([key("before")]))
                ok &= store.claim_many([key("claimed")]).theirs == {key("claimed")}
                store.put_many([record("child-%d" % turn)])
                os._exit(0 if ok else 1)
            assert os.waitpid(pid, 0)[1] == 0
        going = False
        for thread in threads: thread.join()
        store.put_many([record("after")])
        say(len(store.get_many([key("child-%d" % n) for n in range(5)] + [key("before"), key("after")])))
        """,
        directory,
    )
    assert out.strip() == "7"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_does_not_keep_its_dead_parent_alive(start, directory, key):
    """The parent's claims are free when it is killed, though a child of it lives on."""
    child = start(
        """
        store = open_store(Path(sys.argv[1]))
        store.claim_many([key("a")])
        if (pid := os.fork()) == 0:
            time.sleep(60)
            os._exit(0)
        say(pid)
        sys.stdin.readline()
        """,
        directory,
    )
    grandchild = int(child.stdout.readline())
    try:
        with open_store(directory) as store:
            assert store.claim_many([key("a")]).theirs
            child.kill()
            child.wait()
            assert store.claim_many([key("a")]).ours
    finally:
        os.kill(grandchild, signal.SIGKILL)
