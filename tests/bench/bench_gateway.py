"""The gateway's figures, side by side with LiteLLM's proxy: `python tests/bench/bench_gateway.py [requests]`.

64 clients ask for the same cached chat completions over kept connections. Each server runs on one core (Linux:
`taskset`), the clients on the others. LiteLLM is found as `litellm` on the PATH, or by DDB_AIQUERY_LITELLM
(`python3 -m venv .venv/litellm && .venv/litellm/bin/pip install -q 'litellm[proxy]'`); it answers from its own memory
cache, in front of the same scripted endpoint. Latency is that of a machine with nothing else to do: on a busy one read
the CPU a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from ddb_aiquery.testing import ScriptedEndpoint

CLIENTS = 64
PROMPTS = 128
"""Fewer than the 200 answers that LiteLLM keeps in memory."""
RATE = 1500
"""Requests a second at which latency is measured: the target, not the limit, where every queue is full."""
TOKEN = "sk-benchmark-0123456789-0123456789-0123456789"  # noqa: S105 (of servers that live for a minute)


@contextlib.contextmanager
def server(command: list[str], ready: str, seconds: float, **environ: str) -> Iterator[int]:
    """Run a server on core 0 until it answers at `ready`; gives its process id."""
    pin = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    child = subprocess.Popen(
        [*pin, *command], env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(ready, timeout=2).status_code < 500:
                    break
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} did not start")
            time.sleep(0.2)
        yield child.pid
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def request(number: int, model: str) -> bytes:
    """Return the bytes of one request."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"prompt {number}"}]
    body = json.dumps({"model": model, "messages": messages, "temperature": 0}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def client(port: int, requests: list[bytes], times: list[float], every: float, first: float) -> None:
    """Send one request after the other over one connection and note how long each took from when it was due."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due = time.perf_counter() + first
    for data in requests:
        if every:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        begun = due if every else time.perf_counter()
        due += every
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        times.append(time.perf_counter() - begun)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(body[:300])
    writer.close()


async def load(port: int, model: str, count: int, clients: int, rate: float = 0) -> tuple[float, list[float]]:
    """Return the seconds that all requests took, and each one's; a `rate` spreads them evenly over time."""
    every = clients / rate if rate else 0.0
    times: list[float] = []
    shares = [[request((i * 7 + k) % PROMPTS, model) for k in range(count // clients)] for i in range(clients)]
    begun = time.perf_counter()
    await asyncio.gather(*(client(port, share, times, every, every * i / clients) for i, share in enumerate(shares)))
    return time.perf_counter() - begun, sorted(times)


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used; they do not depend on who else is on the machine (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(title: str, pid: int, port: int, model: str, count: int) -> None:
    """Fill the cache, warm up, measure, print."""
    asyncio.run(load(port, model, PROMPTS * 2, 2))
    for clients, rate in ((1, 0), (CLIENTS, 0), (CLIENTS, RATE)):
        before = cpu(pid)
        seconds, times = asyncio.run(load(port, model, count if clients > 1 else count // 4, clients, rate))
        p50, p99 = (times[int(len(times) * part)] * 1000 for part in (0.5, 0.99))
        asked = f"{rate}/s asked" if rate else "no pause"
        print(
            f"{title:<12} {clients:>3} clients, {asked:<12}: {len(times) / seconds:7.0f} requests/s   "
            f"p50 {p50:8.2f} ms   p99 {p99:8.2f} ms   "
            f"cpu {(cpu(pid) - before) / len(times) * 1e6:6.0f} us/request"
        )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with contextlib.closing(__import__("socket").create_server(("127.0.0.1", 0))) as socket:
        return int(socket.getsockname()[1])


def gateway(folder: Path, upstream: ScriptedEndpoint, count: int) -> None:
    """Measure our own."""
    port = free_port()
    (folder / "c.toml").write_text(
        f'[endpoints.test]\nbase_url = "{upstream.base_url}"\nmodel = "m"\n[cache]\ndirectory = "{folder}/cache"\n'
    )
    command = [sys.executable, "-m", "ddb_aiquery", "serve", "--port", str(port), "--config", str(folder / "c.toml")]
    with server(command, f"http://127.0.0.1:{port}/health", 30, DDB_AIQUERY_GATEWAY_TOKEN=TOKEN) as pid:
        measure("ddb_aiquery", pid, port, "test", count)


def litellm(folder: Path, upstream: ScriptedEndpoint, count: int) -> None:
    """Measure LiteLLM's proxy with its own cache in memory."""
    program = os.environ.get("DDB_AIQUERY_LITELLM") or shutil.which("litellm")
    if not program:
        print("litellm      is not installed")
        return
    port = free_port()
    (folder / "l.yaml").write_text(
        "model_list:\n  - model_name: test\n    litellm_params:\n      model: openai/m\n"
        f"      api_base: {upstream.base_url}\n      api_key: x\n"
        f"litellm_settings:\n  cache: true\n  cache_params:\n    type: local\n  telemetry: false\n"
        f"general_settings:\n  master_key: {TOKEN}\n"
    )
    command = [
        program,
        "--config",
        str(folder / "l.yaml"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--telemetry",
        "False",
    ]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    with server(command, f"http://127.0.0.1:{port}/health/liveliness", 120, **quiet) as pid:
        measure("litellm", pid, port, "test", count // 10)  # enough to tell


def main() -> None:
    """Measure both in one run, and tell how many of the requests were sent on."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with ScriptedEndpoint(process=True) as upstream, tempfile.TemporaryDirectory() as folder:
        for run in (gateway, litellm):
            run(Path(folder), upstream, count)
            print(f"{'':<12} {upstream.reset_counts().requests} requests reached the endpoint, {PROMPTS} prompts")


if __name__ == "__main__":
    main()
