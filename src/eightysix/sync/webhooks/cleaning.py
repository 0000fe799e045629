"""Takes away what nobody needs any more: old lines of the delivery logs, and queues of webhooks that are gone or
disabled. A few rows at a time, bucket by bucket."""

import asyncio
import logging
import random
from collections.abc import Callable

from eightysix.catalog.snapshot import Snapshot
from eightysix.core.bucket import BUCKETS
from eightysix.storage.lease import RANGES
from eightysix.storage.port import DAY_MS, StorageFault
from eightysix.storage.webhook_attempt import WebhookAttempts
from eightysix.storage.webhook_queue import WebhookKey, WebhookQueue
from eightysix.sync.lease import Leases

_log = logging.getLogger(__name__)

ROWS_MOST = 200
ROUND_SECONDS = 3_600.0
_REST_SECONDS = 0.05


class Cleaning:
    """The cleaning of the ranges that this process holds. `clock` in ms."""

    def __init__(
        self,
        stores: tuple[WebhookQueue, WebhookAttempts],
        source: Callable[[], Snapshot],
        leases: Leases,
        days: int,
        clock: Callable[[], int],
    ) -> None:
        self._queue, self._attempts = stores
        self._source = source
        self._leases = leases
        self._days = days
        self._clock = clock
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name="webhooks' cleaning")

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def clean(self, bucket: int) -> int:
        """Clean a bucket; how many rows went. Raises StorageFault."""
        gone = 0
        before = self._clock() - self._days * DAY_MS
        for webhook in await self._attempts.webhooks(bucket):
            while removed := await self._attempts.remove(webhook, before, ROWS_MOST):
                gone += removed
                await asyncio.sleep(_REST_SECONDS)
        for webhook in await self._queue.webhooks(bucket):
            while not self._is_told(webhook) and (removed := await self._queue.clear(webhook, ROWS_MOST)):
                gone += removed
                await asyncio.sleep(_REST_SECONDS)
        return gone

    def _is_told(self, webhook: WebhookKey) -> bool:
        """Whether there is something to keep the queue for."""
        known = self._source().webhooks(webhook.brand_id).get(webhook.webhook_id)
        return known is not None and known.status != "disabled"

    async def _run(self) -> None:
        first = random.randrange(BUCKETS)  # noqa: S311 - any will do
        while True:
            for number in range(first, first + BUCKETS):
                await asyncio.sleep(ROUND_SECONDS / BUCKETS)
                bucket = number % BUCKETS
                if bucket % RANGES not in self._leases.held:
                    continue
                try:
                    await self.clean(bucket)
                except StorageFault as fault:
                    _log.warning("webhooks: bucket %d is left for later: %s", bucket, fault)
                except Exception:  # noqa: BLE001 - a bug must not end the cleaning
                    _log.exception("webhooks: bucket %d could not be cleaned", bucket)
