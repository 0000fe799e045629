"""The delivery log: every attempt to tell a webhook's endpoint something, and what came of it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from .webhook_queue import Subject, WebhookKey


class Place(NamedTuple):
    """An attempt's place in the log of its webhook."""

    attempted_at: int
    attempt_id: str


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One attempt. `subject` and `seq` are missing where nothing of a store was told; `status_code` where there was no
    answer, and then `error` says why."""

    webhook: WebhookKey
    place: Place
    message_id: str
    event: str
    subject: Subject | None
    seq: int | None
    status_code: int | None
    error: str | None
    took_ms: int
    delivered: bool


class WebhookAttempts(Protocol):
    """One database's delivery logs."""

    async def add(self, attempts: Sequence[Attempt]) -> None:
        """Append these; those that are there already are left as they are."""
        ...

    async def page(
        self, webhook: WebhookKey, since: int, until: int, before: Place | None, limit: int
    ) -> list[Attempt]:
        """Attempts from `since` on and before `until` and `before`, the newest first."""
        ...

    async def remove(self, webhook: WebhookKey, before: int, limit: int) -> int:
        """Delete up to `limit` of the attempts made before `before`, the oldest first; how many these were."""
        ...

    async def webhooks(self, bucket: int) -> list[WebhookKey]:
        """Every webhook of the bucket that has attempts, be it in the catalogue or not."""
        ...


def attempt_of(row: Sequence[object]) -> Attempt:
    """An attempt from its columns in the table's order."""
    bucket, brand_id, webhook_id, at, attempt_id, message_id, event, poi_id, kind, object_id, *rest = row
    subject = None if poi_id is None else Subject(poi_id, event, kind, object_id)  # type: ignore[arg-type]  # as stored
    seq, status_code, error, took_ms, delivered = rest
    return Attempt(
        WebhookKey(bucket, brand_id, webhook_id),  # type: ignore[arg-type]  # as stored
        Place(at, attempt_id),  # type: ignore[arg-type]  # as stored
        message_id,  # type: ignore[arg-type]  # as stored
        event,  # type: ignore[arg-type]  # as stored
        subject,
        seq,  # type: ignore[arg-type]  # as stored
        status_code,  # type: ignore[arg-type]  # as stored
        error,  # type: ignore[arg-type]  # as stored
        took_ms,  # type: ignore[arg-type]  # as stored
        bool(delivered),
    )


def attempt_row(attempt: Attempt) -> tuple[object, ...]:
    """The values of an attempt in the order of the table's columns."""
    subject = attempt.subject
    about = (None, None, None) if subject is None else (subject.poi_id, subject.object_type, subject.object_id)
    return (
        *attempt.webhook,
        *attempt.place,
        attempt.message_id,
        attempt.event,
        *about,
        attempt.seq,
        attempt.status_code,
        attempt.error,
        attempt.took_ms,
        attempt.delivered,
    )


COLUMNS = (
    *("product_shard_id", "brand_id", "webhook_id", "attempted_at", "attempt_id", "message_id", "event"),
    *("poi_id", "object_type", "object_id", "seq", "status_code", "error", "took_ms", "delivered"),
)
"""The table's columns, in the order that the two functions above have."""
