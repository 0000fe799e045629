"""Takes the old end of the change log away, a few rows at a time, beside the lanes and never in their way.

Bucket by bucket and store by store: what is older than the retention is found by time, then deleted in ranges of `seq`
within the store's whole key. Between two deletes nine times as long is waited as the last one took, and while commands
queue up nothing is deleted at all. Each store keeps its newest row whatever its age, so that `eightysix check` still
sees where the log ends. Several processes may do this at once: what one has deleted, the others don't find.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from time import monotonic

import msgspec

from eightysix.core.bucket import BUCKETS
from eightysix.core.key import StoreKey
from eightysix.core.log_query import LogSpan
from eightysix.storage.port import DAY_MS, Conflict, Database, StorageFault

_log = logging.getLogger(__name__)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How much at once and how often. Durations in seconds."""

    delete_rows: int = 200
    """A delete's range; on SQLite it holds up every lane for as long as it takes, some milliseconds."""
    rest_factor: float = 9.0
    """How long to wait after a delete, in times of what it took."""
    tries: int = 3
    """How often a delete is tried that somebody else's lock stands in the way of."""
    busy_commands: int = 32
    """With more than so many waiting in a lane, nothing is deleted."""
    busy_seconds: float = 0.25
    """When to look again whether the lanes are less busy."""
    round_seconds: float = 6 * 3600.0
    """In which every bucket is looked at once."""


class Housekeeping:
    """The housekeeping of one process. `waiting` tells how many commands wait, by lane."""

    def __init__(
        self, database: Database, days: int, waiting: Callable[[], Sequence[int]], pace: Pace | None = None
    ) -> None:
        self._database = database
        self._table = database.log.table
        self._days = days
        self._waiting = waiting
        self._pace = pace or Pace()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep house until `stop`."""
        self._running = asyncio.create_task(self._run(), name="housekeeping")

    async def stop(self) -> None:
        """End, without waiting for more than the delete that runs."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def keep_bucket(self, bucket: int) -> int:
        """Delete what is too old in the stores of a bucket; how many rows these were. Raises StorageFault."""
        return sum([await self._keep_store(store) for store in await self._table.stores(bucket)])

    async def _run(self) -> None:
        """Round after round, each process from another bucket on. Whatever goes wrong, the next round tries again."""
        first = random.randrange(BUCKETS)  # noqa: S311 - any will do
        while True:
            for bucket in range(first, first + BUCKETS):
                await asyncio.sleep(self._pace.round_seconds / BUCKETS)
                try:
                    await self.keep_bucket(bucket % BUCKETS)
                except StorageFault as fault:
                    _log.warning("old log rows of bucket %d are left for later: %r", bucket % BUCKETS, fault)
                except Exception:  # noqa: BLE001 - a bug must not end the housekeeping
                    _log.exception("old log rows of bucket %d could not be deleted", bucket % BUCKETS)

    async def _keep_store(self, store: StoreKey) -> int:
        oldest = await self._table.mark(store, 0)
        if oldest is None:
            return 0
        now, _ = await self._database.reader.head(store)
        before = now - self._days * DAY_MS
        newest = await self._table.newest(store)
        if oldest.at >= before or newest is None:
            return 0
        young = await self._database.log.first_since(store, before)
        end = newest.seq if young is None else min(young, newest.seq)
        step = self._pace.delete_rows
        spans = [LogSpan(least, min(least + step, end)) for least in range(oldest.seq, end, step)]
        return sum([await self._patiently(store, span, before) for span in spans])

    async def _delete(self, store: StoreKey, span: LogSpan, before: int) -> int:
        while max(self._waiting(), default=0) > self._pace.busy_commands:  # noqa: ASYNC110 - queues tell nobody
            await asyncio.sleep(self._pace.busy_seconds)
        started = monotonic()
        removed = await self._table.remove(store, span, before)
        await asyncio.sleep((monotonic() - started) * self._pace.rest_factor)
        return removed

    async def _patiently(self, store: StoreKey, span: LogSpan, before: int) -> int:
        for _ in range(self._pace.tries - 1):
            try:
                return await self._delete(store, span, before)
            except Conflict:
                await asyncio.sleep(self._pace.busy_seconds)
        return await self._delete(store, span, before)
