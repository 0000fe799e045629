"""How far this clock is from the cloud's, by the instant that some of its answers tell.

For people, and nothing else: what happened first is told by the journal's order.
"""

from eightysix.core.instant import from_iso

WARN_MS = 120_000
"""Beyond that people see wrong times, and locks die early or late by as much."""


class Skew:
    """`ms` above 0: this clock is ahead. None: nothing was heard yet."""

    def __init__(self) -> None:
        self.ms: int | None = None

    @property
    def is_far(self) -> bool:
        """Whether the difference matters."""
        return self.ms is not None and abs(self.ms) > WARN_MS

    def look(self, told: str, began: float, ended: float) -> None:
        """Take the difference from an answer that tells the cloud's instant and was asked for and had at these, in
        seconds since 1970. ValueError for what is no instant."""
        theirs = from_iso(told)
        self.ms = int((began + ended) * 500) - theirs
