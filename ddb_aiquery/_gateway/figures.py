"""What the gateway counts, as Prometheus reads it (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ddb_aiquery._engine.pool import Pool
from ddb_aiquery._figures import Run

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)
_ASKED = (
    *("questions", "cached", "sent", "retried", "failed", "input_tokens", "output_tokens"),
    *("cost_usd", "saved_usd"),
)


class Figures:
    """Counts of one gateway since it started. Used from one thread."""

    __slots__ = ("_asked", "_buckets", "_seconds", "_statuses")

    def __init__(self) -> None:
        self._statuses: Counter[int] = Counter()
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0
        self._asked: dict[str, float] = dict.fromkeys(_ASKED, 0)

    def answered(self, status: int, seconds: float) -> None:
        """Count a response."""
        self._statuses[status] += 1
        self._seconds += seconds
        self._buckets[next((i for i, bound in enumerate(_BOUNDS) if seconds <= bound), len(_BOUNDS))] += 1

    def add(self, run: Run) -> None:
        """Add the figures of a Run."""
        for name in _ASKED:
            self._asked[name] += getattr(run, name)

    def text(self, now: Run, pools: Iterable[Pool]) -> str:
        """Return everything in Prometheus' text format; `now` is the Run that is not added yet."""
        return "\n".join([*self._lines(now), *_of_pools(list(pools)), ""])

    def _lines(self, now: Run) -> Iterator[str]:
        yield "# TYPE ddb_aiquery_requests_total counter"
        for status, count in sorted(self._statuses.items()):
            yield f'ddb_aiquery_requests_total{{status="{status}"}} {count}'
        yield "# TYPE ddb_aiquery_request_seconds histogram"
        total = 0
        for bound, count in zip((*_BOUNDS, "+Inf"), self._buckets, strict=True):
            total += count
            yield f'ddb_aiquery_request_seconds_bucket{{le="{bound}"}} {total}'
        yield f"ddb_aiquery_request_seconds_sum {self._seconds:.6f}"
        yield f"ddb_aiquery_request_seconds_count {total}"
        for name in _ASKED:
            yield f"# TYPE ddb_aiquery_{name}_total counter"
            yield f"ddb_aiquery_{name}_total {self._asked[name] + getattr(now, name)}"


def _of_pools(pools: list[Pool]) -> Iterator[str]:
    for name, read in (("in_flight", "in_flight"), ("concurrency_limit", "limit")):
        yield f"# TYPE ddb_aiquery_{name} gauge"
        for pool in pools:
            label = pool.endpoint.name.replace("\\", "\\\\").replace('"', '\\"')
            yield f'ddb_aiquery_{name}{{endpoint="{label}"}} {getattr(pool.pace, read)}'
