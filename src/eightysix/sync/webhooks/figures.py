"""What the deliveries of this process came to, as plain numbers for whoever shows them."""

from eightysix.sync.latency import Latency


class Figures:
    """Counted since the start. `latency`: how long after its commit (or after a replay was asked
    for) a change was delivered at its first try; what had to be tried again doesn't say how fast we are."""

    def __init__(self) -> None:
        self.queued = 0
        self.delivered = 0
        self.failed = 0
        self.paused = 0
        self.disabled = 0
        self.in_flight = 0
        self.endpoints_failing = 0
        self.latency = Latency()
