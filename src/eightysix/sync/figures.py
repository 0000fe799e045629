"""What a relay counts: plain numbers, read by whoever shows them."""

import time
from collections.abc import Sequence

from eightysix.core.bucket import BUCKETS

from .latency import Latency

PUBLISHED = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Classes for a message on its way to the bus, in seconds."""

_MINUTE = 60.0


class RelayFigures:
    """The figures of one relay, from its start on."""

    def __init__(self) -> None:
        self.published = 0
        self.failed = 0
        """Tries to publish that came to nothing, the bus being there."""
        self.unavailable = 0
        """Tries to publish that found no bus."""
        self.parked = 0
        self.removed = 0
        self.database_faults = 0
        self.latency = Latency(PUBLISHED)
        """From commit to published."""
        self.swept_at: list[float | None] = [None] * BUCKETS
        """When each bucket was last looked through for rows that nobody woke the relay for, in seconds since 1970."""
        self.oldest_seconds: list[float | None] = [None] * BUCKETS
        """How old each bucket's oldest unpublished row was then; None for buckets that are not this process's."""

    def count_published(self, now: float, committed_at: Sequence[float]) -> None:
        """More messages, of what was committed then; in seconds by one clock."""
        self.published += len(committed_at)
        for each in committed_at:
            self.latency.took(now - each)

    def sweep(self, oldest: dict[int, float]) -> None:
        """These buckets were looked through; the oldest row of each was so many seconds old, 0 where there was none."""
        now = time.time()
        for bucket, seconds in oldest.items():
            self.swept_at[bucket] = now
            self.oldest_seconds[bucket] = seconds

    def forget(self, held: frozenset[int], ranges: int) -> None:
        """Buckets outside of the held ranges are others' to tell about."""
        for bucket in range(BUCKETS):
            if bucket % ranges not in held:
                self.oldest_seconds[bucket] = None

    def swept_in_last_minute(self) -> int:
        """How many buckets."""
        since = time.time() - _MINUTE
        return sum(at is not None and at >= since for at in self.swept_at)
