"""How an endpoint is doing, as its answers tell.

Without an answer, and after a few refusals in a row, it is failing: then it is asked by the schedule, with one request,
until one gets through. A refusal now and then is about what was sent, and puts off only that.
"""

import random
from enum import Enum

import msgspec

from eightysix.storage.webhook_queue import HEALTH, QueueRow, WebhookKey

from .courier import Answer
from .schedule import GiveUp, after_failure

STRIKES = 3
"""Refusals in a row that make an endpoint a failing one."""

_UNABLE = (408, 425, 429, 502, 503, 504)
"""Answers of an endpoint that can't take anything just now."""

GONE = 410


class Verdict(Enum):
    """What an answer means for the endpoint."""

    WELL = "well"
    FAILING = "failing"
    SPENT = "spent"
    """That was the last try of the schedule."""
    GONE = "gone"


class Health(msgspec.Struct):
    """One endpoint's. `row` stands in the queue while it fails; `strikes` are refusals in a row."""

    webhook: WebhookKey
    row: QueueRow | None = None
    strikes: int = 0
    is_brisk: bool = False

    @property
    def is_failing(self) -> bool:
        return self.row is not None

    def judge(self, answer: Answer, now: int, jitter: float, soon_ms: int, *, is_probe: bool) -> Verdict:
        """Take an answer in. One that was asked for before the endpoint began to fail doesn't count again."""
        self.is_brisk = answer.is_delivered and answer.took_ms <= soon_ms
        if answer.status == GONE:
            return Verdict.GONE
        if answer.is_delivered:
            self.strikes = 0
            return Verdict.WELL
        if self.row is not None and not is_probe:
            return Verdict.FAILING
        self.strikes += 1
        if self.row is None and answer.status is not None and answer.status not in _UNABLE and self.strikes < STRIKES:
            return Verdict.WELL
        failures = 1 if self.row is None else self.row.tries + 1
        since = now if self.row is None else self.row.committed_at
        again = after_failure(failures, now, jitter, answer.retry_after * 1000)
        if isinstance(again, GiveUp):
            return Verdict.SPENT
        revision = random.randrange(1, 2**62)  # noqa: S311 - only unlike others
        self.row = QueueRow(self.webhook, HEALTH, failures, since, again.at, failures, revision)
        return Verdict.FAILING

    def recovered(self) -> list[QueueRow]:
        """It is well again: the row to take out."""
        row, self.row, self.strikes = self.row, None, 0
        return [] if row is None else [row]
