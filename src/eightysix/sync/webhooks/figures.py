"""What the deliveries of this process came to, as plain numbers for whoever shows them."""

from bisect import bisect_left

LATENCY_MS = (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
"""Upper bounds of the classes of `Figures.latency`; a last one has no bound."""


class Figures:
    """Counted since the start. `latency` counts, by class, how long after its commit (or after a replay was asked
    for) a change was delivered at its first try; what had to be tried again doesn't say how fast we are."""

    def __init__(self) -> None:
        self.queued = 0
        self.delivered = 0
        self.failed = 0
        self.paused = 0
        self.disabled = 0
        self.in_flight = 0
        self.endpoints_failing = 0
        self.latency = [0] * (len(LATENCY_MS) + 1)
        self.latency_ms_sum = 0
        self.latency_ms_max = 0

    def told(self, latency_ms: int) -> None:
        """A change reached its endpoint at the first try."""
        latency_ms = max(0, latency_ms)
        self.latency[bisect_left(LATENCY_MS, latency_ms)] += 1
        self.latency_ms_sum += latency_ms
        self.latency_ms_max = max(self.latency_ms_max, latency_ms)
