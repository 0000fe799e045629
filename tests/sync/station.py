"""An engine, its relay and a bus on which everything is heard; the bus may have something in the way."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from eightysix.core.bucket import BUCKETS, bucket_of
from eightysix.core.key import StoreKey
from eightysix.engine import Engine, Limits
from eightysix.storage.port import Database
from eightysix.sync.bus import BusMessage, MessageRefused
from eightysix.sync.lease import Leases
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.pace import RelayPace
from eightysix.sync.relay import Relay
from eightysix.sync.rendering import Renderer
from eightysix.sync.waking import Waker
from eightysix.wire.message import STOCK_TOPIC, StockMessage, decode_message
from tests.engine.shop import Shop, stock, store

QUICK = RelayPace(
    tries=3, poll_seconds=0.2, wait_seconds_first=0.01, wait_seconds_max=0.2, bus_failing_seconds=0.1, bus_pause_max=0.2
)

Obstacle = Callable[[StockMessage], Awaitable[None]]
"""Called with each message before it is published; what it raises, the relay gets."""


async def nothing(message: StockMessage) -> None:
    """An obstacle that lets everything pass."""


def refuses(seq: int) -> Obstacle:
    """An obstacle that never lets the message of this sequence value pass."""

    async def obstacle(message: StockMessage) -> None:
        if message.seq == seq:
            raise MessageRefused("such a message is refused")

    return obstacle


class ObstructedBus(LocalBus):
    """The real bus, behind an obstacle. `tried` are the (store, seq) that it was given, in order."""

    at_once = 1

    def __init__(self) -> None:
        super().__init__()
        self.obstacle: Obstacle = nothing
        self.tried: list[tuple[StoreKey, int]] = []

    async def publish(self, *messages: BusMessage) -> None:
        for message in messages:
            told = decode_message(message.body)
            self.tried.append((StoreKey.of(told.brand_id, told.poi_id), told.seq))
            await self.obstacle(told)
        await super().publish(*messages)


class Station:
    """Everything of one process that has to do with the outbox. `heard` are the messages by store, in order."""

    def __init__(self, database: Database, bus: ObstructedBus, pace: RelayPace, owner: str) -> None:
        self.database = database
        self.bus = bus
        self.leases = Leases(database.leases, owner)
        self.shop = Shop()
        self.relay = Relay(
            database.outbox,
            Renderer(database.outbox, self.shop),
            bus,
            self.leases,
            physical_shards=database.capabilities.physical_shards,
            pace=pace,
        )
        waker = Waker(self.relay, database.signals)
        self.engine = Engine(database, self.shop, Limits(sweep_seconds=3600, deadline_seconds=60), waker)
        self.heard: dict[StoreKey, list[StockMessage]] = defaultdict(list)

    def open_stores(self, poi_ids: Iterable[str]) -> list[StoreKey]:
        """Stores that the catalogue has from now on."""
        found = Shop(poi_ids)._stores
        self.shop._stores |= found
        return [store(poi_id) for poi_id in found]

    async def hear(self, messages: Sequence[BusMessage]) -> None:
        for each in messages:
            told = decode_message(each.body)
            assert isinstance(told, StockMessage)
            self.heard[StoreKey.of(told.brand_id, told.poi_id)].append(told)

    async def set(self, key: StoreKey, portions: int, *sku_ids: int) -> None:
        """Set some stocks of a store, as a person would."""
        await self.engine.submit(stock(key.poi_id, portions, sku_ids=sku_ids or (1,)))

    async def unpublished(self, stores: Sequence[StoreKey]) -> dict[StoreKey, list[int]]:
        """The rows that are still in the outbox."""
        rows = (await self.database.outbox.pending(stores, 1_000)).rows
        return {key: [row.seq for row in found] for key, found in rows.items()}

    def seqs(self, key: StoreKey) -> list[int]:
        """What was heard of a store."""
        return [told.seq for told in self.heard[key]]


@asynccontextmanager
async def station(
    database: Database, *, pace: RelayPace = QUICK, owner: str = "me", bus: ObstructedBus | None = None
) -> AsyncIterator[Station]:
    """A station at work; its relay is for the test to start."""
    opened = Station(database, bus or ObstructedBus(), pace, owner)
    await opened.bus.subscribe(STOCK_TOPIC, f"test-{owner}", opened.hear)
    await opened.leases.start()
    await opened.engine.start()
    try:
        yield opened
    finally:
        await opened.engine.stop()
        await opened.relay.stop(0)
        await opened.leases.stop()
        if bus is None:
            await opened.bus.close()


def everywhere() -> list[str]:
    """A store's id for each of the 1,024 buckets."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < BUCKETS:
        number += 1
        found.setdefault(bucket_of(str(number)), str(number))
    return [found[bucket] for bucket in range(BUCKETS)]
