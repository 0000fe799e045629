"""The relay: outbox rows onto the bus, each store's in sequence, and out of the outbox once they are there.

::

    wake(store) ──> woken ──read, render (many stores at once)──> parcels ──publish (a store at a time, many stores
      ^               ^                                            side by side, one message of each in flight)
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
from eightysix.core.invariant import invariant
from eightysix.core.key import StoreKey
from eightysix.engine import Committed
from eightysix.storage.lease import RANGES
from eightysix.storage.outbox import Outbox
from eightysix.storage.port import StorageFault

from .bus import Bus, BusUnavailable
from .crowd import Crowd
from .figures import RelayFigures
from .lease import Leases
from .pace import RelayPace
from .parcel import Parcel
from .rendering import Rendered, Renderer
from .trouble import Troubles, probes

_log = logging.getLogger(__name__)

REASON_LENGTH_MAX = 2_000

_PROBES = 4
"""Stores that try together while the bus is down."""

_OUTAGE_SECONDS = 2.0
"""After a longer time without a bus, all who wait for it try at once when it is back."""


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
        self._failures = 0
        self._bus_pause = 0.0
        self._failing_since = self._slowed_at = 0.0
        self._crowd = Crowd(self._pace)
        self._under_way: dict[asyncio.Task[None], float] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._to_read = asyncio.Event()
        self._to_remove = asyncio.Event()
        self._to_sweep = asyncio.Event()
        self._moved = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._running = False
        leases.on_change(self._leases_changed)

    # --- from outside

    async def start(self) -> None:
        """Begin to publish."""
        self._running = True
        self._to_sweep.set()
        self._loops = [
            asyncio.create_task(loop(), name=f"relay {loop.__name__}")
            for loop in (self._read, self._remove, self._sweep, self._watch)
        ]

    def wake(self, stores: Iterable[StoreKey]) -> None:
        """These have new rows, as far as somebody knows; none: somebody may know of some. Call it on the event loop."""
        some = False
        for store in stores:
            some = True
            self._wake(store)
        if not some:
            self.look()

    def committed(self, stores: Mapping[StoreKey, Committed]) -> None:
        """A batch of this process has committed this; the stores are woken besides."""
        for store, each in stores.items():
            if self._leases.holds(store.bucket):
                self._renderer.recent.note(store, each)

    def look(self) -> None:
        """Look for rows that nobody told of now."""
        self._to_sweep.set()

    def orders_waited(self, seconds: float) -> None:
        """A batch was done in which a command had waited so long for its turn."""
        self._crowd.waited(seconds)

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
        if self._failures < self._pace.bus_failures:
            return False
        return time.monotonic() - self._failing_since > self._pace.bus_failing_seconds

    # --- who has rows

    def _wake(self, store: StoreKey) -> None:
        if store in self._busy:
            self._again.add(store)
        elif self._leases.holds(store.bucket) and not self._troubles.waits(store):
            (self._retries if self._troubles.knows(store) else self._woken)[store] = None
            self._to_read.set()

    def _leases_changed(self, held: frozenset[int]) -> None:
        self.figures.forget(held, RANGES)
        self._troubles.leave(held, RANGES)
        self._renderer.recent.forget(lambda store: store.bucket % RANGES not in held)
        for waiting in (self._woken, self._retries):
            for store in [store for store in waiting if store.bucket % RANGES not in held]:
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
                    self._wake(store)
            if len(found) < self._pace.sweep_stores:
                break
            after = found[-1].store
        self.figures.sweep({bucket: age for bucket, age in oldest.items() if self._leases.holds(bucket)})

    # --- rows to messages

    async def _read(self) -> None:
        breath = 0.0
        while True:
            await self._to_read.wait()
            await asyncio.sleep(self._bus_pause if self.bus_is_down else breath)
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
            pending = await self._outbox.pending(stores, most)
            ahead = pending.now / 1000 - time.time()
            rendered = await self._renderer.render(pending.rows, pending.now)
        except Exception as fault:
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
        self._crowd.lags(pending, self._troubles.knows)
        for store in stores:
            messages = rendered.get(store)
            if messages:
                has_more = len(pending.rows[store]) >= most
                self._ready.append(Parcel(store, messages, has_more, ahead, probes))
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
        """More hands for what is ready: a store each while they are few; a bus that answers at once needs fewer."""
        ready = len(self._ready)
        wanted = ready if ready <= 32 else 32 + (ready - 32) // 8
        for _ in range(min(wanted, self._pace.in_flight - len(self._workers))):
            worker = asyncio.create_task(self._publish_ready(), name="relay publish")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _publish_ready(self) -> None:
        me = asyncio.current_task()
        invariant(me is not None, "it runs in a task")
        while self._ready:
            parcel = self._ready.popleft()
            if self.bus_is_down and not parcel.probes:
                self._rest(parcel.store, again=True)
                continue
            try:
                await self._publish(parcel, cast("asyncio.Task[None]", me))
            except Exception:  # noqa: BLE001 - a bug must not keep the store from ever being tried again
                _log.exception("the messages of %s could not be published", parcel.store)
                self._troubles.add(parcel.store, parcel.messages[0].row.seq, bus=False)
                self._rest(parcel.store)
            self._moved.set()

    async def _publish(self, parcel: Parcel, me: "asyncio.Task[None]") -> None:
        """The store's messages one after the other, up to the first that fails."""
        store, published = parcel.store, []
        again = parcel.has_more
        for each in parcel.messages:
            if not self._leases.holds(store.bucket):
                again = False  # somebody else goes on here
                break
            fault = await self._publish_one(each, me)
            if fault is not None:
                again = await self._failed(store, each.row, fault) or again
                break
            published.append(each.row.seq)
            self.figures.count_published(max(0.0, time.time() + parcel.ahead - each.row.committed_at / 1000))
        if again:
            self._again.add(store)
        if published:
            self._published[store] = published
            self._to_remove.set()
        else:
            self._rest(store)

    async def _publish_one(self, rendered: Rendered, me: "asyncio.Task[None]") -> Exception | None:
        if rendered.message is None:
            return rendered.fault or RuntimeError("the row has no message")
        self._under_way[me] = time.monotonic()
        try:
            await self._bus.publish(rendered.message)
        except asyncio.CancelledError:
            if me in self._late:
                self._late.discard(me)
                me.uncancel()
                return BusUnavailable(f"no answer from the bus for {self._pace.publish_seconds} s")
            if me.cancelling():
                raise  # the relay ends
            return BusUnavailable("the bus gave the message up")
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is this message's
            return fault
        finally:
            self._under_way.pop(me, None)
        if self._failures:
            was_down, self._failures, self._bus_pause = self.bus_is_down, 0, 0.0
            if was_down and time.monotonic() - self._failing_since > _OUTAGE_SECONDS:
                _log.warning("the bus is back")
                self._troubles.bus_is_back()
        return None

    async def _watch(self) -> None:
        """One timer for all messages under way: one for each would cost as much as handing it over."""
        while True:
            await asyncio.sleep(self._pace.publish_seconds / 4)
            late = time.monotonic() - self._pace.publish_seconds
            for worker in [worker for worker, since in self._under_way.items() if since < late]:
                if worker not in self._late:
                    self._late.add(worker)
                    worker.cancel()

    async def _failed(self, store: StoreKey, row: OutboxRow, fault: Exception) -> bool:
        """The store waits, or goes on without the row; whether it goes on."""
        if isinstance(fault, BusUnavailable):
            self.figures.unavailable += 1
            if not self._failures:
                self._failing_since = time.monotonic()
            self._failures += 1
            if self.bus_is_down:
                self._slow_down(fault)
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

    def _slow_down(self, fault: BusUnavailable) -> None:
        """Ever longer pauses, one step each: those that were under way together fail together."""
        now = time.monotonic()
        if not self._bus_pause:
            _log.warning("the bus can't be had: %s", fault)
            self._bus_pause = self._pace.bus_pause_first
        elif now - self._slowed_at > self._bus_pause:
            self._bus_pause = min(self._pace.bus_pause_max, self._bus_pause * 2)
        else:
            return
        self._slowed_at = now

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
