"""Whether orders crowd, and how long the relay rests then: it works in the process that takes them."""

import time
from collections.abc import Callable, Mapping, Sequence
from math import inf

from eightysix.core.change import OutboxRow
from eightysix.core.key import StoreKey

from .pace import RelayPace

_THERE_SECONDS = 0.5
"""How long after a batch with long waits orders count as crowding."""

_LAGS = (5.0, 15.0, 45.0)
"""Beyond each of these seconds behind, the relay rests half as long."""


class Crowd:
    """What is known of the orders beside one relay."""

    def __init__(self, pace: RelayPace) -> None:
        self._pace = pace
        self._seen_at = -inf
        self.lag = 0.0
        """How old the oldest message of the last round was that was not held up by a failure, in seconds."""

    def waited(self, seconds: float, took: float) -> None:
        """A command has waited so long for its batch, which took so long."""
        if seconds > self._pace.crowd_seconds or took > self._pace.crowd_batch_seconds:
            self._seen_at = time.monotonic()

    def lags(
        self, found: Mapping[StoreKey, Sequence[OutboxRow]], now: float, has_failed: Callable[[StoreKey], bool]
    ) -> None:
        """These rows were found to be published, `now` by the database's clock, in seconds since 1970. How old one is
        that is stuck says nothing about the others."""
        firsts = (rows[0].committed_at / 1000 for store, rows in found.items() if rows and not has_failed(store))
        self.lag = now - min(firsts, default=now)

    def leaves(self) -> None:
        """No more orders come."""
        self._seen_at = -inf

    @property
    def is_there(self) -> bool:
        """Whether orders come before messages now."""
        return time.monotonic() - self._seen_at < _THERE_SECONDS

    def breath(self, took: float, rendered: float) -> float:
        """How long to rest after a round that took so many seconds, so many of them for rendering.

        Without a crowd as long as it took: what comes meanwhile is read together. With one a multiple of what it worked
        (to read and to publish costs about as much as to render), less of one the further the messages lag behind.
        """
        pace = self._pace
        if not self.is_there:
            return min(pace.breath_seconds_max, max(pace.breath_seconds_min, took))
        rests = pace.crowd_rests
        for lag in _LAGS:
            if self.lag > lag:
                rests /= 2
        return max(pace.breath_seconds_min, 2 * rendered * rests)
