"""Whether the bus can be had, as far as a relay's messages show."""

import logging
import time

from .bus import BusUnavailable
from .pace import RelayPace

_log = logging.getLogger(__name__)

_OUTAGE_SECONDS = 2.0
"""After a longer time without a bus, all who wait for it try at once when it is back."""


class BusHealth:
    """Down after `bus_failures` in `bus_failing_seconds` without a success; then it is tried ever more slowly."""

    def __init__(self, pace: RelayPace) -> None:
        self._pace = pace
        self.failures = 0
        """Since the last success."""
        self.pause = 0.0
        """While it is down: seconds between two rounds of tries."""
        self._failing_since = self._slowed_at = 0.0

    @property
    def is_down(self) -> bool:
        """Whether for some time nothing but failures came of several messages."""
        if self.failures < self._pace.bus_failures:
            return False
        return time.monotonic() - self._failing_since > self._pace.bus_failing_seconds

    def failed(self, fault: BusUnavailable) -> None:
        """One more message could not be published. The pauses get longer one step each: those that were under way
        together fail together."""
        now = time.monotonic()
        if not self.failures:
            self._failing_since = now
        self.failures += 1
        if not self.is_down:
            return
        if not self.pause:
            _log.warning("the bus can't be had: %s", fault)
            self.pause = self._pace.bus_pause_first
        elif now - self._slowed_at > self.pause:
            self.pause = min(self._pace.bus_pause_max, self.pause * 2)
        else:
            return
        self._slowed_at = now

    def succeeded(self) -> bool:
        """A message was published after failures; whether an outage is over."""
        over = self.is_down and time.monotonic() - self._failing_since > _OUTAGE_SECONDS
        self.failures, self.pause = 0, 0.0
        if over:
            _log.warning("the bus is back")
        return over
