"""The relay: outbox rows onto the bus, each store's in sequence, and out of the outbox once they are there.

::

    wake(store) ──> woken ──read, render (many stores at once)──> parcels ──publish (a store at a time, many stores
      ^               ^                                            side by side, one call for each in flight)
      │               └── look for rows that nobody told of (sweep)   │
      └──────────────────────── more rows ── remove (many at once) <──┘

A store is in one of these places at a time: woken, busy (from reading to removal), in trouble, or at rest.

- *A message that is refused or can't be rendered* waits in its store's way, longer from try to try, and after `tries`
  is parked with the reason; its store goes on.
- *A bus that can't be had* is waited for as long as it takes. A store that alone can't reach it waits by itself. After
  `bus_failures` in `bus_failing_seconds` without a success the bus counts as down: a few stores try, ever more slowly.
- *A database that can't be had*: a pause, then again.

A relay that dies between publishing and removing leaves rows that another one publishes again.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import cast

from eightysix.core.bucket import BUCKETS
from eightysix.core.change import OutboxRow
from eightysix.core.key import StoreKey
from eightysix.engine import Committed
from eightysix.storage.lease import RANGES
from eightysix.storage.outbox import Outbox
from eightysix.storage.port import StorageFault

from .bus import Bus, BusUnavailable
from .bus_health import BusHealth
from .crowd import Crowd
from .figures import RelayFigures
from .in_flight import InFlight
from .lease import Leases
from .pace import RelayPace
from .parcel import Parcel
from .rendering import Rendered, Renderer
from .trouble import Troubles, probes
from .unpublished import Unpublished

_log = logging.getLogger(__name__)

REASON_LENGTH_MAX = 2_000

_PROBES = 4
"""Stores that try together while the bus is down."""


class Relay:
    """The relay of one process, for the buckets that it holds by lease."""

    def __init__(
        self,
        outbox: Outbox,
        renderer: Renderer,
        bus: Bus,
        leases: Leases,
        *,
        physical_shards: int = 1,
        pace: RelayPace | None = None,
    ) -> None:
        self._outbox = outbox
        self._unpublished = Unpublished(outbox)
        self._renderer = renderer
        self._bus = bus
        self._leases = leases
        self._shards = physical_shards
        self._pace = pace or RelayPace()
        self.figures = RelayFigures()
        self._woken: dict[StoreKey, None] = {}
        self._retries: dict[StoreKey, None] = {}
        self._busy: set[StoreKey] = set()
        self._again: set[StoreKey] = set()
        self._troubles = Troubles(self._pace, self._wake)
        self._ready: deque[Parcel] = deque()
        self._published: dict[StoreKey, list[int]] = {}
        self._health = BusHealth(self._pace)
        self._crowd = Crowd(self._pace)
        self._in_flight = InFlight(bus, self._pace.publish_seconds)
        self._to_read = asyncio.Event()
        self._to_remove = asyncio.Event()
        self._to_sweep = asyncio.Event()
        self._moved = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._free = 0
        self._running = False
        leases.on_change(self._leases_changed)

    # --- from outside

    async def start(self) -> None:
        """Begin to publish."""
        self._running = True
        self._to_sweep.set()
        self._loops = [
            asyncio.create_task(loop(), name=f"relay {loop.__name__}")
            for loop in (self._read, self._remove, self._sweep, self._in_flight.watch)
        ]

    def wake(self, stores: Iterable[StoreKey]) -> None:
        """These have new rows, as far as somebody knows; none: somebody may know of some. Call it on the event loop."""
        some = False
        for store in stores:
            some = True
            self._doubt(store)
        if not some:
            self.look()

    def committed(self, stores: Mapping[StoreKey, Committed]) -> None:
        """A batch of this process has committed this."""
        for store, each in stores.items():
            if self._leases.holds(store.bucket):
                self._renderer.recent.note(store, each)
                if each.outbox:
                    self._unpublished.note(store, each.outbox)
                    self._wake(store)

    def look(self) -> None:
        """Look for rows that nobody told of now."""
        self._to_sweep.set()

    def orders_waited(self, seconds: float, took: float) -> None:
        """A batch was done that took so long, in which a command had waited so long for its turn; in seconds."""
        self._crowd.waited(seconds, took)

    async def stop(self, drain_seconds: float) -> None:
        """Publish what is there, for `drain_seconds` at most or until the bus can't be had, then end."""
        if not self._running:
            return
        self._crowd.leaves()
        with contextlib.suppress(TimeoutError, StorageFault):
            async with asyncio.timeout(drain_seconds):
                await self.sweep()
                while (self._woken or self._busy) and not self.bus_is_down:
                    self._moved.clear()
                    await self._moved.wait()
        self._running = False
        self._troubles.clear()
        tasks = [*self._loops, *self._workers]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._pace.publish_seconds)
        if self._published:
            with contextlib.suppress(StorageFault):
                await self._outbox.remove(self._published)

    @property
    def waiting_stores(self) -> int:
        """Stores with messages that are not out yet, as far as is known."""
        return len(self._woken) + len(self._busy) + len(self._troubles)

    @property
    def troubled_stores(self) -> int:
        """Stores that wait because a message of theirs could not be published."""
        return len(self._troubles)

    @property
    def bus_is_down(self) -> bool:
        """Whether for some time nothing but failures came of several messages."""
        return self._health.is_down

    # --- who has rows

    def _doubt(self, store: StoreKey) -> None:
        """The store may have rows that somebody else has written."""
        if store in self._busy or self._leases.holds(store.bucket):
            self._unpublished.doubt(store)
            self._wake(store)

    def _wake(self, store: StoreKey) -> None:
        if store in self._busy:
            self._again.add(store)
        elif self._leases.holds(store.bucket) and not self._troubles.waits(store):
            (self._retries if self._troubles.knows(store) else self._woken)[store] = None
            self._to_read.set()

    def _leases_changed(self, held: frozenset[int]) -> None:
        self.figures.forget(held, RANGES)
        self._troubles.leave(held, RANGES)

        def left(store: StoreKey) -> bool:
            return store.bucket % RANGES not in held

        self._unpublished.forget(left)
        self._renderer.recent.forget(left)
        for waiting in (self._woken, self._retries):
            for store in [store for store in waiting if left(store)]:
                del waiting[store]
        self.look()

    async def _sweep(self) -> None:
        while True:
            self._to_sweep.clear()
            try:
                await self.sweep()
            except StorageFault as fault:
                self._database_failed(fault)
            except Exception:  # noqa: BLE001 - a bug must not end the looking
                _log.exception("the relay could not look for unpublished rows")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.poll_seconds):
                    await self._to_sweep.wait()

    async def sweep(self) -> None:
        """Look through every bucket that is ours, and wake the stores that have rows. Raises StorageFault."""
        for shard in range(self._shards):
            buckets = [bucket for bucket in range(shard, BUCKETS, self._shards) if self._leases.holds(bucket)]
            if buckets:
                await self._sweep_shard(buckets)

    async def _sweep_shard(self, buckets: Sequence[int]) -> None:
        """A page of stores after the other: those that wait in trouble hide nobody."""
        oldest: dict[int, float] = dict.fromkeys(buckets, 0.0)
        after: StoreKey | None = None
        while True:
            found = await self._outbox.waiting(buckets, after, self._pace.sweep_stores)
            now = time.time()
            for store, committed_at in found:
                if store.bucket in oldest:
                    oldest[store.bucket] = max(oldest[store.bucket], now - committed_at / 1000)
                    self._doubt(store)
            if len(found) < self._pace.sweep_stores:
                break
            after = found[-1].store
        self.figures.sweep({bucket: age for bucket, age in oldest.items() if self._leases.holds(bucket)})

    # --- rows to messages

    async def _read(self) -> None:
        breath = 0.0
        while True:
            await self._to_read.wait()
            await asyncio.sleep(self._health.pause if self.bus_is_down else breath)
            started, spent = time.monotonic(), self._renderer.seconds
            try:
                await self._read_some()
            except StorageFault as fault:
                await self._database_pause(fault)
            except Exception:  # noqa: BLE001 - a bug must not end the relay
                _log.exception("a round of the relay failed")
                await asyncio.sleep(self._pace.database_pause)
            took = time.monotonic() - started
            breath = self._crowd.breath(took, self._renderer.seconds - spent)

    async def _read_some(self) -> None:
        """One round: some of the woken stores, read and rendered together, handed over to be published."""
        stores = self._some_woken()
        self._busy.update(stores)
        await self._read_stores(stores, probes=self.bus_is_down)
        while len(self._ready) >= self._pace.stores_at_once:  # the bus is slower than the database
            self._moved.clear()
            await self._moved.wait()

    def _some_woken(self) -> list[StoreKey]:
        """Those that have waited longest, and of those that failed before as many as there is room for, a quarter at
        least; while the bus is down a few, first of those that were not tried yet."""
        if self.bus_is_down:
            stores = probes(self._woken, _PROBES) or list(islice(self._retries, _PROBES))
        else:
            most = self._pace.crowd_stores if self._crowd.is_there else self._pace.stores_at_once
            stores = list(islice(self._woken, most))
            stores += islice(self._retries, max(most // 4, most - len(stores)))
        for store in stores:
            self._woken.pop(store, None)
            self._retries.pop(store, None)
        if not self._woken and not self._retries:
            self._to_read.clear()
        return stores

    async def _read_stores(self, stores: Sequence[StoreKey], *, probes: bool) -> None:
        """Where that can't be done for all together, each store is asked for by itself: one may be to blame."""
        most = self._pace.crowd_rows if self._crowd.is_there else self._pace.rows_at_once
        try:
            found = await self._unpublished.find(stores, most)
            rendered = await self._renderer.render(found.rows, found.now, look=found.others)
        except Exception as fault:
            for store in stores:
                self._unpublished.doubt(store)
            if isinstance(fault, StorageFault) and fault.retryable:
                for store in stores:
                    self._rest(store, again=True)
                raise
            if len(stores) > 1:
                await self._read_each(stores, probes=probes)
            else:
                _log.warning("the rows of %s can't be read", stores[0], exc_info=fault)
                self.figures.failed += 1
                self._troubles.add(stores[0], 0, bus=False)
                self._rest(stores[0])
            return
        except BaseException:
            for store in stores:
                self._rest(store, again=True)
            raise
        self._crowd.lags(found.rows, self._unpublished.now, self._troubles.knows)
        for store in stores:
            messages = rendered.get(store)
            if messages:
                has_more = len(found.rows[store]) >= most
                self._ready.append(Parcel(store, messages, has_more, probes))
            else:
                self._troubles.end(store)
                self._rest(store)
        self._work()

    async def _read_each(self, stores: Sequence[StoreKey], *, probes: bool) -> None:
        for at, store in enumerate(stores):
            try:
                await self._read_stores([store], probes=probes)
            except BaseException:
                for left in stores[at + 1 :]:
                    self._rest(left, again=True)
                raise

    # --- messages to the bus

    def _work(self) -> None:
        """Hands for what is ready: with a bus that answers at once, one does it all; where they wait for it, as many
        again as wait."""
        waiting = len(self._workers) - self._free
        wanted = min(len(self._ready), max(1, waiting)) - self._free
        for _ in range(min(wanted, self._pace.in_flight - len(self._workers))):
            worker = asyncio.create_task(self._publish_ready(), name="relay publish")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
            self._free += 1

    async def _publish_ready(self) -> None:
        stretch = self._renderer.stretch
        while self._ready:
            if stretch.is_over:
                if self._free > 1:
                    break  # one is enough to wait for the next
                await stretch.breathe()
                continue  # somebody else may have had it
            parcel = self._ready.popleft()
            if self.bus_is_down and not parcel.probes:
                self._unpublished.doubt(parcel.store)
                self._rest(parcel.store, again=True)
                continue
            self._free -= 1
            self._work()
            try:
                await self._publish(parcel)
            except Exception:  # noqa: BLE001 - a bug must not keep the store from ever being tried again
                _log.exception("the messages of %s could not be published", parcel.store)
                self._unpublished.doubt(parcel.store)
                self._troubles.add(parcel.store, parcel.messages[0].row.seq, bus=False)
                self._rest(parcel.store)
            self._free += 1
            self._moved.set()
        self._free -= 1
        self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))  # now: the next may be wanted at once

    async def _publish(self, parcel: Parcel) -> None:
        """The store's messages, up to the first that fails: several at once, as the bus likes them, but one by one
        where it has to be seen which of them is to blame."""
        store, again = parcel.store, parcel.has_more
        published: list[int] = []
        at_once = 1 if self._troubles.knows(store) else self._bus.at_once
        while len(published) < len(parcel.messages):
            if not self._leases.holds(store.bucket):
                again = False  # somebody else goes on here
                break
            some = parcel.messages[len(published) : len(published) + at_once]
            fault = await self._publish_some(some)
            if fault is not None and len(some) > 1 and not isinstance(fault, BusUnavailable):
                at_once = 1
                continue
            if fault is not None:
                self._unpublished.doubt(store)
                again = await self._failed(store, some[0].row, fault) or again
                break
            published += [each.row.seq for each in some]
            self.figures.count_published(self._unpublished.now, [each.row.committed_at / 1000 for each in some])
        if again:
            self._again.add(store)
        if published:
            self._unpublished.told(store, published[-1])
            self._published[store] = published
            self._to_remove.set()
        else:
            self._rest(store)

    async def _publish_some(self, some: Sequence[Rendered]) -> Exception | None:
        messages = [each.message for each in some if each.message is not None]
        if len(messages) < len(some):
            return some[-1].fault or RuntimeError("the row has no message")
        fault = await self._in_flight.publish(messages)
        if fault is None and self._health.failures and self._health.succeeded():
            self._troubles.bus_is_back()
        return fault

    async def _failed(self, store: StoreKey, row: OutboxRow, fault: Exception) -> bool:
        """The store waits, or goes on without the row; whether it goes on."""
        if isinstance(fault, BusUnavailable):
            self.figures.unavailable += 1
            self._health.failed(fault)
            self._troubles.add(store, row.seq, bus=True)
            return False
        self.figures.failed += 1
        tries = self._troubles.add(store, row.seq, bus=False)
        if tries < self._pace.tries:
            level = logging.WARNING if tries == 1 else logging.DEBUG
            _log.log(level, "message %d of %s could not be published (try %d): %r", row.seq, store, tries, fault)
            return False
        try:
            await self._outbox.park(store, row, tries, _reason(fault))
        except StorageFault as storage_fault:
            self._database_failed(storage_fault)
            return False
        _log.error("message %d of %s is parked after %d tries: %r", row.seq, store, tries, fault)
        self.figures.parked += 1
        self._troubles.end(store)
        return True

    # --- published rows out of the outbox

    async def _remove(self) -> None:
        while True:
            await self._to_remove.wait()
            self._to_remove.clear()
            rows, self._published = self._published, {}
            try:
                await self._remove_rows(rows)
            except StorageFault as fault:
                self._published |= rows  # their stores are still busy, so nobody else has added to them
                self._to_remove.set()
                await self._database_pause(fault)
                continue
            except BaseException:
                self._published |= rows
                raise
            for store, seqs in rows.items():
                self._troubles.passed(store, seqs[-1])
                self._rest(store)

    async def _remove_rows(self, rows: dict[StoreKey, list[int]]) -> None:
        """Where that can't be done for all together, each store's by themselves: one may be to blame, and waits."""
        try:
            self.figures.removed += await self._outbox.remove(rows)
        except Exception as fault:
            if isinstance(fault, StorageFault) and fault.retryable:
                raise
            if len(rows) > 1:
                for store, seqs in rows.items():
                    await self._remove_rows({store: seqs})
                return
            for store, seqs in rows.items():
                _log.warning("the published rows of %s can't be removed", store, exc_info=fault)
                self._troubles.add(store, seqs[0], bus=False)
                self._unpublished.doubt(store)

    def _rest(self, store: StoreKey, *, again: bool = False) -> None:
        """The store is no longer busy; if it is to go on, it is woken."""
        self._busy.discard(store)
        if store in self._again:
            self._again.discard(store)
            again = True
        if again:
            self._wake(store)
        if not self._busy:
            self._moved.set()

    async def _database_pause(self, fault: StorageFault) -> None:
        self._database_failed(fault)
        await asyncio.sleep(self._pace.database_pause)

    def _database_failed(self, fault: StorageFault) -> None:
        self.figures.database_faults += 1
        _log.warning("the relay could not use the database: %r", fault)


def _reason(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}"[:REASON_LENGTH_MAX]
