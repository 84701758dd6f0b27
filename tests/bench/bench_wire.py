"""CPU microseconds for one request: a bare pyreqwest loop beside the Transport over both wires, in one run.

Run: python tests/bench/bench_wire.py [requests] [in_flight]. The server has a process of its own; where there are two
cores, client and server get one each. Rounds are interleaved and the median of them is printed. Read the ratios.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import orjson
from pyreqwest.client import ClientBuilder

from ddb_aiquery._transport import Transport, Way, open_wire
from ddb_aiquery._values import Answer, Endpoint, Question, Secret
from ddb_aiquery.testing import ScriptedEndpoint

ROUNDS = 5
PROMPT = "Summarize the following text in one sentence: " + "lorem ipsum dolor sit amet " * 20
BODY = orjson.dumps({"messages": [{"content": PROMPT, "role": "user"}], "model": "m"})
HEADERS = {"authorization": "Bearer test-key", "content-type": "application/json"}

Once = Callable[[], Awaitable[None]]


async def loop(once: Once, requests: int, in_flight: int) -> float:
    """Return the CPU microseconds that each of `requests` cost this process, `in_flight` of them at a time."""
    left = iter(range(requests))

    async def work() -> None:
        for _ in left:
            await once()

    start = time.process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return (time.process_time() - start) / requests * 1e6


def bare(url: str) -> Once:
    """Return the least that pyreqwest can be asked for: body out, body in."""
    client = ClientBuilder().no_proxy().follow_redirects(enable=False).build()

    async def once() -> None:
        response = await client.post(url).headers(HEADERS).body_bytes(BODY).build().send()
        await response.bytes()

    return once


def wire(name: str, url: str) -> Once:
    """Return the wire alone: the same, capped, with headers, faults told apart."""
    opened = open_wire(name, Way())

    async def once() -> None:
        await opened.send(url, HEADERS, BODY)

    return once


def transport(name: str, base_url: str) -> Once:
    """Return the whole way: a Question sealed, sent, and its reply read."""
    opened = Transport()
    endpoint = Endpoint("bench", base_url, "m", api_key=Secret("test-key"), options={"transport": name})

    async def once() -> None:
        outcome, _ = await opened.send(endpoint, opened.seal(endpoint, Question("bench", PROMPT)))
        if not isinstance(outcome, Answer):
            raise TypeError(outcome.message)

    return once


def sealing() -> float:
    """Return the microseconds that it takes to seal one of many different text questions."""
    opened, endpoint = Transport(), Endpoint("bench", "http://127.0.0.1:9/v1", "m")
    questions = [Question("bench", f"{number} {PROMPT}") for number in range(20_000)]
    start = time.process_time()
    for question in questions:
        opened.seal(endpoint, question)
    return (time.process_time() - start) / len(questions) * 1e6


async def main(requests: int, in_flight: int) -> None:
    """Measure and print."""
    with ScriptedEndpoint(process=True) as server:
        if hasattr(os, "sched_setaffinity") and (cores := sorted(os.sched_getaffinity(0)))[1:]:
            os.sched_setaffinity(server.pid, cores[1:])
            os.sched_setaffinity(0, cores[:1])
        url = server.base_url + "/chat/completions"
        ways = {
            "bare pyreqwest": (bare(url), requests),
            "wire: pyreqwest": (wire("pyreqwest", url), requests),
            "Transport: pyreqwest": (transport("pyreqwest", server.base_url), requests),
            "wire: httpx": (wire("httpx", url), requests // 8),
            "Transport: httpx": (transport("httpx", server.base_url), requests // 8),
        }
        costs: dict[str, list[float]] = {name: [] for name in ways}
        for once, count in ways.values():
            await loop(once, count // 10, in_flight)
        for _ in range(ROUNDS):
            for name, (once, count) in ways.items():
                costs[name].append(await loop(once, count, in_flight))
    base = statistics.median(costs["bare pyreqwest"])
    print(f"{requests} requests, {in_flight} in flight, median of {ROUNDS} rounds")
    for name, values in costs.items():
        cost = statistics.median(values)
        print(f"{name:22} {cost:8.1f} us CPU  {cost / base:5.2f} x bare  ({min(values):.1f} to {max(values):.1f})")
    print(f"{'seal alone':22} {sealing():8.1f} us CPU")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(given + [4000, 64][len(given) :])))
