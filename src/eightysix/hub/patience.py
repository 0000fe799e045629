"""How long a hub waits before it calls a cloud again that didn't answer."""

from random import Random

FIRST_MS = 200


class Patience:
    """Waits that double with each failure, shortened by chance to half at least: the hubs of a thousand stores, which
    lost the cloud together, don't come back together."""

    def __init__(self, random: Random, longest_ms: int, first_ms: int = FIRST_MS) -> None:
        self._random = random
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self.failures = 0
        self.until = 0
        """Not before this instant (ms) is it tried again."""

    def fail(self, now: int, wait_ms: int = 0) -> None:
        """It failed once more; the other side has asked for `wait_ms`."""
        self.failures += 1
        longest = min(self._longest_ms, self._first_ms << min(self.failures - 1, 16))
        drawn = longest // 2 + self._random.randrange(longest // 2 + 1)
        self.until = now + max(drawn, wait_ms)

    def succeed(self) -> None:
        """It worked."""
        self.failures = 0
        self.until = 0
