"""Telling an endpoint again what is: of some stores, or of what was tried in a stretch of time.

What is queued is only what it is about; the state is read when it is sent, and goes out under a message id of its own,
so that a receiver which drops repeats doesn't drop it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eightysix.catalog.webhook import Webhook
from eightysix.core.key import WHOLE_STORE, StoreKey
from eightysix.storage.port import Reader
from eightysix.storage.webhook_attempt import Place, WebhookAttempts
from eightysix.storage.webhook_queue import QueueRow, Subject

from .intake import Intake, newest_of, queue_row

ATTEMPTS_MOST = 1_000
"""Lines of the delivery log that one call looks at."""


class Span(NamedTuple):
    """From `since` on and before `until`, in ms; older than `before` where a call goes on."""

    since: int
    until: int
    before: Place | None


class Replay:
    """Queues through `intake`."""

    def __init__(self, reader: Reader, attempts: WebhookAttempts, intake: Intake) -> None:
        self._reader = reader
        self._attempts = attempts
        self._intake = intake

    async def stores(self, webhook: Webhook, poi_ids: Iterable[str]) -> int:
        """Queue the stores themselves and each of their stocks that has a row; how many events. Raises StorageFault."""
        queued = 0
        for poi_id in poi_ids:
            rows = await self._of_store(webhook, poi_id)
            await self._intake.add(rows)
            queued += len(rows)
        return queued

    async def attempts(self, webhook: Webhook, span: Span, now: int) -> tuple[int, Place | None]:
        """Queue anew what was tried; (how many events, where to go on). Raises StorageFault."""
        page = await self._attempts.page(webhook.key, span.since, span.until, span.before, ATTEMPTS_MOST)
        rows = newest_of(
            [
                queue_row(webhook.key, each.subject, each.seq, now)
                for each in page
                if each.subject is not None and each.seq is not None
            ]
        )
        await self._intake.add(rows)
        return len(rows), page[-1].place if len(page) == ATTEMPTS_MOST else None

    async def _of_store(self, webhook: Webhook, poi_id: str) -> Sequence[QueueRow]:
        found = await self._reader.store_rows(StoreKey.of(webhook.key.brand_id, poi_id), None)
        rows = []
        if webhook.wants(poi_id, "store.changed"):
            subject = Subject(poi_id, "store.changed", *WHOLE_STORE)
            rows.append(queue_row(webhook.key, subject, found.head.seq, found.now))
        if webhook.wants(poi_id, "stock.changed"):
            rows += [
                queue_row(webhook.key, Subject(poi_id, "stock.changed", *stock.key), stock.version, found.now)
                for stock in found.stocks
            ]
        return rows
