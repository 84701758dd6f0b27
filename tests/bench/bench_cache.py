"""Rows a second of the cache; `python tests/bench/bench_cache.py [DIRECTORY]`, the directory on the disk to measure."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ddb_aiquery._cache import Store, open_store
from ddb_aiquery._values import Answer, Record, Usage

HITS = 100_000
PROCESSES = 4


def record(name: str) -> Record:
    """A record as a small chat call makes it: about 300 bytes asked, 200 answered."""
    request = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % (name.encode() * 8)
    answer = Answer("An answer of some length. " * 8, Usage(60, 50), model="m", request_id="req_" + name)
    return Record(hashlib.sha256(name.encode()).digest(), "bench", request, answer, 7, time.time())


def put(store: Store, name: str, rows: int, batch: int) -> float:
    """Return rows a second, the making of the records not counted."""
    records = [record(f"{name}-{number}") for number in range(rows)]
    begun = time.perf_counter()
    for start in range(0, rows, batch):
        store.put_many(records[start : start + batch])
    return rows / (time.perf_counter() - begun)


def read(store: Store, keys: list[bytes], what: str) -> None:
    """Print how long one get_many takes."""
    begun = time.perf_counter()
    found = len(store.get_many(keys))
    seconds = time.perf_counter() - begun
    print(f"get_many {len(keys):,} keys, {what:16} {seconds:8.3f} s  {found:,} found")


def main(directory: Path) -> None:
    """Print the figures."""
    with open_store(directory) as store:
        for batch, rows in ((1, 1_000), (64, 20_000), (1_000, 50_000)):
            speed = put(store, f"batch-{batch}", rows, batch)
            print(f"put_many in batches of {batch:<5}  {speed:10,.0f} rows/s  {1e6 / speed:8.1f} us a row")
        put(store, "hit", HITS, 1_000)
        read(store, [record(f"hit-{number}").key for number in range(HITS)], "all hits")
        read(store, [os.urandom(32) for _ in range(HITS)], "all misses")
        begun = time.perf_counter()
        claims = store.claim_many([os.urandom(32) for _ in range(10_000)])
        print(f"claim_many 10,000 keys {time.perf_counter() - begun:20.3f} s  {len(claims.ours):,} ours")
        store.release_many(claims.ours)
    for batch in (64, 1_000):
        begun = time.perf_counter()
        command = [sys.executable, __file__, str(directory), str(batch)]
        children = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE) for n in range(PROCESSES)]
        speeds = [float(child.communicate()[0]) for child in children]
        print(
            f"{PROCESSES} processes, batches of {batch:<5}  {sum(speeds):10,.0f} rows/s together,"
            f" slowest {min(speeds):,.0f}, {time.perf_counter() - begun:.1f} s with start"
        )
    print(f"file {(directory / 'answers-v1.sqlite').stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        where, size, number = sys.argv[1:]
        with open_store(Path(where)) as shared:
            print(put(shared, f"process-{size}-{number}", 20_000, int(size)))
    else:
        with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as scratch:
            main(Path(scratch) / "cache")
