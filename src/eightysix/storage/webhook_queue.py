"""What each webhook's endpoint hasn't been told yet: a row for each thing, which stands for its newest state.

A row has a `revision` of its own making, another one with each newer state: what was delivered or has failed is marked
by it, so that a state which came meanwhile is never lost. Every call may be repeated without harm.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from eightysix.core.bucket import bucket_of


class WebhookKey(NamedTuple):
    """One webhook. Its bucket is its own, whatever stores it is about."""

    bucket: int
    brand_id: str
    webhook_id: str

    @classmethod
    def of(cls, brand_id: str, webhook_id: str) -> "WebhookKey":
        """The key of a webhook; the bucket looks at `webhook_id` alone."""
        return cls(bucket_of(webhook_id), brand_id, webhook_id)


class Subject(NamedTuple):
    """What an event is about; sorts as the table's key does."""

    poi_id: str
    event: str
    object_type: int
    object_id: int


HEALTH = Subject("", "", 0, 0)
"""The row that says how an endpoint as a whole is failing (`tries` in a row, the next one at `due_at`, since
`committed_at`). There is one only while it fails, and it is the first of its webhook's rows."""


class QueueRow(msgspec.Struct, frozen=True, gc=False):
    """`seq` and `committed_at` name the state that is to be told, `due_at` when, after so many `tries`; all in ms."""

    webhook: WebhookKey
    subject: Subject
    seq: int
    committed_at: int
    due_at: int
    tries: int
    revision: int

    @property
    def rank(self) -> tuple[int, int]:
        """The higher one is the newer state; a replay asks for the same one later."""
        return self.seq, self.committed_at


class WebhookQueue(Protocol):
    """One database's queues. Rows of one call may lie in any buckets."""

    async def put(self, rows: Sequence[QueueRow]) -> None:
        """Write these rows, no two with the same key, where none of a higher or the same rank is there."""
        ...

    async def delivered(self, rows: Sequence[QueueRow]) -> None:
        """Take these rows out, each if its revision is still there."""
        ...

    async def failed(self, rows: Sequence[QueueRow]) -> None:
        """Set `tries` and `due_at` of these rows, each if its revision is still there."""
        ...

    async def waiting(self, webhooks: Sequence[WebhookKey]) -> list[WebhookKey]:
        """Those of the webhooks that have rows."""
        ...

    async def load(self, webhook: WebhookKey, after: Subject | None, limit: int) -> list[QueueRow]:
        """A webhook's rows by subject, above `after`."""
        ...

    async def clear(self, webhook: WebhookKey, limit: int) -> int:
        """Forget up to `limit` rows of a webhook; how many these were."""
        ...

    async def webhooks(self, bucket: int) -> list[WebhookKey]:
        """Every webhook of the bucket that has rows, be it in the catalogue or not."""
        ...
