"""What nobody delivers again: events that wait are looked at from time to time, those that wait too long are parked,
and what was done long ago is forgotten.

An event's turn comes when the one before it is done, at once. This is the net: for two processes that were at one order
at the same time, for one that died between an answer's being written and its being published, for stores that were made
a moment later than their first order.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

import msgspec

from eightysix.core.bucket import BUCKETS
from eightysix.core.key import StoreKey
from eightysix.storage.lease import RANGES
from eightysix.storage.order_event import EventState, OrderEventRow
from eightysix.storage.port import DAY_MS, StorageFault
from eightysix.wire.parked_event import Because, because

from .order_events import OrderEvents, may_pass
from .order_ledger import OrderLedger
from .order_run import park_waiting

_log = logging.getLogger(__name__)


class UpkeepPace(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how much at once. Durations in seconds."""

    look_seconds: float = 5.0
    """In which every range is looked at once."""
    settle_seconds: float = 5.0
    """What has been there for less is left to whoever received it."""
    wait_seconds: float = 900.0
    """How long an event waits for the one before it until somebody is told."""
    store_seconds: float = 60.0
    """The same for an event of a store that isn't known: the catalogue may be behind."""
    rows: int = 200
    """Rows of one look, and of one delete."""
    keep_days: int = 90
    """How long events that are done are kept, to answer repeats from. At least as long as an event may be old."""
    rest_factor: float = 9.0
    """How long to wait after a delete, in times of what it took."""
    round_seconds: float = 6 * 3600.0
    """In which old events of every bucket are looked for once."""


class OrderUpkeep:
    """The upkeep of one process. `overdue` is how many events were parked for waiting too long.

    Each process that consumes looks at every range, several at once, which does no harm: it is not a matter of leases,
    for whoever holds one need not consume."""

    def __init__(self, events: OrderEvents, pace: UpkeepPace | None = None) -> None:
        self._events = events
        self._table = events.means.table
        self._pace = pace or UpkeepPace()
        self._running: list[asyncio.Task[None]] = []
        self.overdue = 0

    def start(self) -> None:
        """Begin, until `stop`."""
        self._running = [
            asyncio.create_task(self._look_forever(), name="order events that wait"),
            asyncio.create_task(self._forget_forever(), name="old order events"),
        ]

    async def stop(self) -> None:
        """End."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def look(self, range_: int) -> None:
        """Look at what waits in a range of buckets. Raises StorageFault."""
        buckets = range(range_, BUCKETS, RANGES)
        now, rows = await self._unfinished(buckets)
        if len(rows) >= self._pace.rows:  # so many that they are taken bucket by bucket, the oldest first
            rows = [row for bucket in buckets for row in (await self._unfinished([bucket]))[1]]
        by_store: dict[StoreKey, list[OrderEventRow]] = defaultdict(list)
        for row in rows:
            by_store[row.store].append(row)
        for store, of_store in by_store.items():
            try:
                await self._look_at(store, of_store, now)
            except Exception as error:
                if not may_pass(error):
                    _log.exception("events of %s that wait could not be looked at", store)
                if isinstance(error, StorageFault):
                    raise

    async def forget(self, bucket: int) -> int:
        """Delete what was done too long ago in a bucket, in small steps; how many rows. Raises StorageFault."""
        now, _ = await self._table.load(StoreKey(bucket, "", ""), ())
        before = now - self._pace.keep_days * DAY_MS
        forgotten = 0
        while rows := await self._table.done_before(bucket, before, self._pace.rows):
            started = monotonic()
            await self._table.remove(rows)
            forgotten += len(rows)
            await asyncio.sleep((monotonic() - started) * self._pace.rest_factor)
        return forgotten

    async def _unfinished(self, buckets: Iterable[int]) -> tuple[int, list[OrderEventRow]]:
        return await self._table.unfinished(list(buckets), int(self._pace.settle_seconds * 1000), self._pace.rows)

    async def _look_at(self, store: StoreKey, rows: list[OrderEventRow], now: int) -> None:
        ledgers = await self._events.look_at(store, {row.order_id for row in rows})
        for row in rows:
            ledger = ledgers[row.order_id]
            left = ledger.row(row.order_seq)
            if left is not None and left.state is EventState.WAITING:
                await self._tell(left, ledger, now - row.received_at)

    async def _tell(self, row: OrderEventRow, ledger: OrderLedger, waited_ms: int) -> None:
        """Park what has waited too long; it waits on."""
        pace, missing = self._pace, ledger.done + 1
        is_next = row.order_seq == missing
        if waited_ms < 1000 * (pace.store_seconds if is_next else pace.wait_seconds):
            return
        # it could be done, and wasn't: only an unknown store stands in its way
        reason = because(Because.STORE_UNKNOWN) if is_next else because(Because.EVENT_EARLY, missing=missing)
        await park_waiting(self._events.means, row, reason)
        self.overdue += 1

    async def _look_forever(self) -> None:
        while True:
            for range_ in range(RANGES):
                await asyncio.sleep(self._pace.look_seconds / RANGES)
                if not await self._quietly(self.look, range_):
                    await asyncio.sleep(self._pace.look_seconds)

    async def _forget_forever(self) -> None:
        """Each process from another bucket on."""
        first = random.randrange(BUCKETS)  # noqa: S311 - any will do
        while True:
            for bucket in range(first, first + BUCKETS):
                await asyncio.sleep(self._pace.round_seconds / BUCKETS)
                await self._quietly(self.forget, bucket % BUCKETS)

    @staticmethod
    async def _quietly(work: Callable[[int], Awaitable[object]], number: int) -> bool:
        """Whether it went well; whatever goes wrong, the next round tries again."""
        try:
            await work(number)
        except StorageFault as fault:
            _log.warning("order events are left for later: %r", fault)
        except Exception:  # noqa: BLE001 - a bug must not end the upkeep
            _log.exception("order events could not be looked after")
        else:
            return True
        return False
