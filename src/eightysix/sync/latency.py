"""How long something took, in classes: what a histogram shows."""

from bisect import bisect_left

FOLLOWED = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Classes for a change on its way to somebody else, in seconds."""


class Latency:
    """Counts by upper bound, in seconds; the last count is of what was longer than every bound."""

    def __init__(self, bounds: tuple[float, ...] = FOLLOWED) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    @property
    def number(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def took(self, seconds: float) -> None:
        """One more. A clock that was set may have it end before it began."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds
