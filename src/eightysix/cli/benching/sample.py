"""What one measurement gives, and how several become one figure."""

import statistics
from collections.abc import Sequence

import msgspec


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds. None where the contestant's tool doesn't tell."""

    mean_ms: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    worst_ms: float | None = None


class CpuShare(msgspec.Struct, frozen=True):
    """CPU seconds used while measuring, by who used them; None where it can't be seen from here."""

    client: float | None = None
    service: float | None = None
    database: float | None = None


class Sample(msgspec.Struct, frozen=True):
    """One measurement: orders (or lives) done in `seconds`, and what else was seen."""

    done: int
    seconds: float
    failed: int = 0
    failure: str | None = None
    """The first thing that went wrong, in words."""
    latency: Latency | None = None
    cpu: CpuShare = CpuShare()

    @property
    def rate(self) -> float:
        """Orders (or lives) a second."""
        return self.done / self.seconds if self.seconds else 0.0


class Figure(msgspec.Struct, frozen=True):
    """The median of several rounds, with the lowest and the highest beside it."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        return cls(statistics.median(values), min(values), max(values), len(values))


def latency_of(seconds: Sequence[float]) -> Latency | None:
    """The percentiles of single latencies; each is a value that was measured (nearest rank)."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    count = len(ordered)

    def at(share: float) -> float:
        return ordered[min(count - 1, int(share * count))] * 1000

    return Latency(sum(ordered) / count * 1000, at(0.5), at(0.95), at(0.99), ordered[-1] * 1000)
