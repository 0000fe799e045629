"""How long calls took: kept whole, summed up at the end."""

from collections.abc import Sequence

import msgspec


class Latency(msgspec.Struct, frozen=True):
    """Of one verb: how many calls, and their times in milliseconds."""

    calls: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def summed_up(seconds: Sequence[float]) -> Latency:
    """The percentiles by nearest rank; zeros when nothing was called."""
    if not seconds:
        return Latency(0, 0.0, 0.0, 0.0, 0.0)
    ordered = sorted(seconds)

    def rank(percent: int) -> float:
        at = -(-len(ordered) * percent // 100) - 1
        return round(ordered[at] * 1000, 3)

    return Latency(len(ordered), rank(50), rank(95), rank(99), round(ordered[-1] * 1000, 3))
