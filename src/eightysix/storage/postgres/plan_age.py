"""When a session's cached plans are made anew.

An update joins the sent rows with its table, and for a table that was empty when it was planned "read all of it" looks
as good as "look each row up". PostgreSQL plans again only when statistics are collected, minutes later. So a young
session plans again whenever its number of batches has doubled, and every session once a minute (some milliseconds).
"""

import time

_SECONDS = 60.0


class PlanAge:
    """Counts the batches of one session."""

    def __init__(self) -> None:
        self._batches = 0
        self._next = 2
        self._planned_at = time.monotonic()

    def too_old(self) -> bool:
        """Count one more batch; whether the plans should be dropped before it."""
        self._batches += 1
        now = time.monotonic()
        if self._batches < self._next and now - self._planned_at < _SECONDS:
            return False
        self._next = max(self._next, self._batches) * 2
        self._planned_at = now
        return True
