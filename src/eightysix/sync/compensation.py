"""Finds devices that stay behind though there is something new for them, marks them, and has it sent to them again.

A device lags when the oldest change that it hasn't acknowledged is older than `lag_seconds`; how old that is, the
change log says. Marks are for metrics, alerts and the list of devices; whoever gets on loses its mark at once, with its
acknowledgement. A marked device that has a stream in this process is nudged: its stream begins again after what it has
acknowledged. It is nudged more and more seldom while that doesn't help.

Each process marks the devices of its bucket ranges and nudges those that are connected to it.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from time import monotonic

import msgspec
from msgspec.structs import replace

from eightysix.catalog.catalog import Catalog
from eightysix.core.bucket import BUCKETS
from eightysix.core.change import Head
from eightysix.core.key import StoreKey
from eightysix.storage.device import Device
from eightysix.storage.lease import RANGES
from eightysix.storage.port import DAY_MS, Database, StorageFault

from .gateway import Gateway
from .stream import Stream

_log = logging.getLogger(__name__)

ALL_RANGES = frozenset(range(RANGES))

PAUSE_SECONDS_MAX = 10.0

NUDGE_SECONDS_MAX = 3_600.0

BUCKETS_AT_ONCE = 32
"""Whose devices are read together."""

FORGET_DAYS = 90
"""A device that acknowledged nothing for so long is forgotten."""


class _Nudged(msgspec.Struct):
    acked_seq: int
    again_at: float
    pause_seconds: float


class Compensation:
    """`lagging` and `oldest_lag_ms` are of the last look; `marked`, `nudged` and `forgotten` count since the start."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        gateway: Gateway,
        *,
        lag_seconds: float = 30.0,
        held: Callable[[], Collection[int]] = lambda: ALL_RANGES,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._gateway = gateway
        self._lag_ms = int(lag_seconds * 1000)
        self._held = held
        self._nudges: dict[tuple[StoreKey, str], _Nudged] = {}
        self._task: asyncio.Task[None] | None = None
        self.lagging = 0
        self.oldest_lag_ms = 0
        self.marked = 0
        self.nudged = 0
        self.forgotten = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._forever(), name="compensation")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """One look at everybody."""
        lagging, oldest = 0, 0
        for buckets in self._buckets():
            now, _ = await self._database.reader.head(StoreKey(buckets[0], "", ""))
            silent = await self._database.devices.silent(buckets, now - self._lag_ms)
            found = await self._found_lagging(silent, now)
            lagging += len(found)
            oldest = max([oldest, *(now - (each.lagging_since or now) for each in found)])
            gone = [each for each in silent if each.acked_at < now - FORGET_DAYS * DAY_MS]
            await self._database.devices.remove(gone)
            self.forgotten += len(gone)
        self.lagging, self.oldest_lag_ms = lagging, oldest
        await self._nudge_connected()

    async def _found_lagging(self, devices: Sequence[Device], now: int) -> list[Device]:
        """Those of these that lag, their marks written; those that don't have theirs taken away."""
        heads = await self._database.following.heads(list({each.store for each in devices}))
        lagging, moved = [], []
        for device in devices:
            seen = heads.get(device.store)
            since = await self._lagging_since(device, Head() if seen is None else seen.head, now)
            marked = device if device.lagging_since == since else replace(device, lagging_since=since)
            if marked is not device:
                moved.append(marked)
            if since is not None:
                lagging.append(marked)
        await self._database.devices.mark(moved)
        self.marked += sum(each.lagging_since is not None for each in moved)
        return lagging

    async def _lagging_since(self, device: Device, head: Head, now: int) -> int | None:
        acked = device.acked_seq if device.generation == self._catalog.generation else 0
        if acked >= head.outbox_seq:
            return None
        if device.lagging_since is not None:
            return device.lagging_since
        oldest = await self._database.log.table.mark(device.store, acked + 1)
        at = head.last_at if oldest is None else oldest.at
        return at if at <= now - self._lag_ms else None

    async def _nudge_connected(self) -> None:
        stores = self._gateway.stores
        marked = [each for each in await self._database.devices.of_stores(stores) if each.lagging_since is not None]
        now, kept = monotonic(), {}
        for device in marked:
            streams = _streams_of(device, self._gateway.of(device.store))
            if not streams:
                continue
            key = (device.store, device.device_id)
            known = self._nudges.get(key)
            if known is None or known.acked_seq != device.acked_seq:
                known = _Nudged(device.acked_seq, now, self._lag_ms / 1000)
            if now >= known.again_at:
                known.again_at = now + known.pause_seconds
                known.pause_seconds = min(2 * known.pause_seconds, NUDGE_SECONDS_MAX)
                self.nudged += 1
                _log.info("the device %s of %s lags and is nudged", device.device_id, device.store)
                for stream in streams:
                    stream.nudge(device.acked_seq if device.generation == self._catalog.generation else 0)
            kept[key] = known
        self._nudges = kept

    def _buckets(self) -> list[list[int]]:
        """Of the ranges of this process, some at a time, those of one physical shard together: devices that have
        nothing to acknowledge are looked at too, and that may be nearly all there are."""
        shards, held = self._database.capabilities.physical_shards, self._held()
        found: dict[int, list[int]] = defaultdict(list)
        for bucket in range(BUCKETS):
            if bucket % RANGES in held:
                found[bucket % shards].append(bucket)
        return [
            buckets[at : at + BUCKETS_AT_ONCE]
            for buckets in found.values()
            for at in range(0, len(buckets), BUCKETS_AT_ONCE)
        ]

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(min(self._lag_ms / 3000, PAUSE_SECONDS_MAX))
            try:
                await self.look()
            except StorageFault as fault:
                _log.warning("compensation looks again later: %s", fault)
            except Exception:  # noqa: BLE001 - the next look may go better
                _log.exception("compensation looks again later")


def _streams_of(device: Device, streams: Sequence[Stream]) -> list[Stream]:
    """Its own; where none says that it is, those that don't say whose they are."""
    own = [each for each in streams if each.device_id == device.device_id]
    return own or [each for each in streams if each.device_id is None]
