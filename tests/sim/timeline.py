"""The true time of a run and what happens when. Sides have clocks of their own, which are wrong by their skew."""

import heapq
from collections.abc import Callable
from typing import NamedTuple

from tests.world.kitchen import NOON


class Happening(NamedTuple):
    """`what` happens at `at` (ms) in the store `store`; None: everywhere."""

    at: int
    number: int
    what: Callable[[], None]
    store: int | None


class Timeline:
    """A queue of happenings in the order of their instants; of one instant, in the order in which they were planned."""

    def __init__(self) -> None:
        self.now = NOON
        self._queue: list[Happening] = []
        self._number = 0

    def plan(self, in_ms: int, what: Callable[[], None], store: int | None = None) -> None:
        """Let `what` happen in so many milliseconds."""
        self._number += 1
        heapq.heappush(self._queue, Happening(self.now + in_ms, self._number, what, store))

    def step(self) -> Happening | None:
        """The next happening, whose time it is now; None where nothing is planned."""
        if not self._queue:
            return None
        happening = heapq.heappop(self._queue)
        self.now = max(self.now, happening.at)
        return happening
