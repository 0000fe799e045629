"""When an endpoint that fails is tried again."""

import msgspec

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

DELAYS_MS = (
    *(5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, DAY, DAY, DAY),
)
"""After the first failure, the second one and so on; together about five days."""

JITTER = 0.2
"""A delay is up to so much longer, so that those who failed together don't come back together."""

RETRY_AFTER_MS_MAX = HOUR
"""What an endpoint may ask for itself."""


class Again(msgspec.Struct, frozen=True):
    """Try again at `at`."""

    at: int


class GiveUp(msgspec.Struct, frozen=True):
    """That was the last try."""


def after_failure(failures: int, now: int, jitter: float, retry_after_ms: int = 0) -> Again | GiveUp:
    """What comes after so many failures in a row, the last one at `now`. `jitter` is a random number from 0 to 1."""
    if failures > len(DELAYS_MS):
        return GiveUp()
    return Again(now + later(failures, jitter, retry_after_ms))


def later(failures: int, jitter: float, retry_after_ms: int = 0) -> int:
    """How long to wait after so many failures of one event; after the last delay always that."""
    delay = int(DELAYS_MS[min(failures, len(DELAYS_MS)) - 1] * (1 + JITTER * jitter))
    return max(delay, min(retry_after_ms, RETRY_AFTER_MS_MAX))
