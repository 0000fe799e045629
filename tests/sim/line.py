"""The line between a hub and the cloud: late, lossy, doubling, out of order, and cut for any length of time."""

from collections.abc import Callable
from random import Random

from .climate import Climate
from .timeline import Timeline


class Line:
    """Of one store. A message that is on its way when the line is cut is lost, in both directions."""

    def __init__(self, timeline: Timeline, random: Random, climate: Climate, store: int) -> None:
        self._timeline = timeline
        self._random = random
        self._climate = climate
        self._store = store
        self._cuts = 0
        self.is_up = True
        self._is_healed = False

    def send(self, arrive: Callable[[], None]) -> None:
        """Let a message arrive: once, twice, or never."""
        if not self.is_up or self._random.random() < self._climate.loss:
            return
        cuts = self._cuts

        def come() -> None:
            if self.is_up and cuts == self._cuts:
                arrive()

        for _ in range(2 if self._random.random() < self._climate.doubling else 1):
            self._timeline.plan(self._random.randint(1, self._climate.delay), come, self._store)

    def cut(self, for_ms: int) -> None:
        """Nothing passes for so long."""
        if self._is_healed:
            return
        self._cuts += 1
        self.is_up = False
        cuts = self._cuts
        self._timeline.plan(for_ms, lambda: self._mend(cuts), self._store)

    def _mend(self, cuts: int) -> None:
        if cuts == self._cuts:
            self.is_up = True

    def heal(self) -> None:
        """The line is there from now on, and good. What is on its way still arrives, late and twice."""
        self._climate = self._climate._replace(loss=0, doubling=0, delay=50)
        self._is_healed = True
        self.is_up = True
