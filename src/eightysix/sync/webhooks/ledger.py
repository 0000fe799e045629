"""What came of attempts, written down: rows taken out of the queue or put off, a line each in the delivery log.

Those that end while others are being written are written together. If they can't be, the endpoint is told again later,
under the same message id.
"""

from collections.abc import Sequence

import msgspec

from eightysix.storage.webhook_attempt import Attempt, WebhookAttempts
from eightysix.storage.webhook_queue import QueueRow, WebhookQueue

from .gathering import Gathering

ENTRIES_MOST = 500


class Entry(msgspec.Struct, frozen=True):
    """One attempt and its consequences. `put`: how the endpoint as a whole is now."""

    attempt: Attempt | None = None
    delivered: Sequence[QueueRow] = ()
    failed: Sequence[QueueRow] = ()
    put: Sequence[QueueRow] = ()


class Ledger:
    """The ledger of one process."""

    def __init__(self, queue: WebhookQueue, attempts: WebhookAttempts) -> None:
        self._queue = queue
        self._attempts = attempts
        self._gathering = Gathering(self._write, ENTRIES_MOST)

    async def write(self, entry: Entry) -> None:
        """Return when it is durable. Raises StorageFault."""
        await self._gathering.add([entry])

    async def close(self) -> None:
        await self._gathering.close()

    async def _write(self, entries: list[Entry]) -> None:
        """Health first: an endpoint that was found dead isn't asked at once again if the rest is lost."""
        await self._queue.put([row for entry in entries for row in entry.put])
        await self._queue.failed([row for entry in entries for row in entry.failed])
        await self._queue.delivered([row for entry in entries for row in entry.delivered])
        await self._attempts.add([entry.attempt for entry in entries if entry.attempt is not None])
