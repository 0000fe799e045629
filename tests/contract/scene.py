"""A test's own stores and lanes, and the shortest way to write rows."""

import itertools
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from eightysix.core.bucket import bucket_of
from eightysix.core.change import Head, StoreChanges
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation, State, Take
from eightysix.core.stock import LIMITED, ChannelStock, Stock
from eightysix.storage.port import AuditStore, Database, Lane, OrdersWanted, StoreOrders, StoreStocks

_lane_numbers = itertools.count(1)
_batch_numbers = itertools.count(1)

DISH = StockKey(2, 4711)
SOUP = StockKey(2, 4712)


class Scene:
    """Stores nobody else has, and lanes that are rolled back and closed at the end."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._lanes: list[Lane] = []

    def physical(self, poi_id: str) -> int:
        """Number of the physical shard that a store lies in."""
        return bucket_of(poi_id) % self.database.capabilities.physical_shards

    def store(self, *, brand_id: str = "brand", beside: StoreKey | None = None) -> StoreKey:
        """A new store; `beside` another one means in its physical shard."""
        while True:
            poi_id = f"shop-{secrets.token_hex(8)}"
            if beside is None or self.physical(poi_id) == self.physical(beside.poi_id):
                return StoreKey.of(brand_id, poi_id)

    def stores(self, count: int) -> list[StoreKey]:
        """New stores of one physical shard, in no particular order."""
        first = self.store()
        return [first, *(self.store(beside=first) for _ in range(count - 1))]

    async def lane(self, store: StoreKey, *, number: int | None = None) -> Lane:
        """A lane that may touch `store`."""
        lane = await self.database.lane(number or new_lane_number(), store.bucket)
        self._lanes.append(lane)
        return lane

    async def write(self, changes: Mapping[StoreKey, StoreChanges]) -> None:
        """One committed batch on a lane of its own."""
        lane = await self.lane(next(iter(changes)))
        await write(lane, changes)

    async def audit(self, store: StoreKey) -> AuditStore | None:
        """Everything the database holds of `store`."""
        found = [entry async for entry in self.database.audit(store.bucket) if entry.store == store]
        assert len(found) <= 1
        return found[0] if found else None

    async def close(self) -> None:
        for lane in self._lanes:
            await lane.rollback()
            await lane.close()


def new_lane_number() -> int:
    return next(_lane_numbers)


def new_batch_number() -> int:
    """Numbers only rise, as an engine's do."""
    return next(_batch_numbers)


async def write(lane: Lane, changes: Mapping[StoreKey, StoreChanges]) -> None:
    """Begin, save, commit."""
    await lane.begin(list(changes), new_batch_number())
    await lane.save(changes)
    await lane.commit()


async def stocks_of(lane: Lane, store: StoreKey, *keys: StockKey) -> StoreStocks:
    """What `load_stocks` says in a batch of its own."""
    await lane.begin([store], new_batch_number())
    loaded = await lane.load_stocks({store: set(keys)})
    await lane.rollback()
    return loaded[store]


async def orders_of(
    lane: Lane, store: StoreKey, *order_ids: str, requests: Iterable[str] = (), now: int = 0
) -> StoreOrders:
    """What `load_orders` says in a batch of its own; `now` decides which locks are due."""
    await lane.begin([store], new_batch_number())
    loaded = await lane.load_orders({store: OrdersWanted(set(order_ids), set(requests))}, {store: now})
    await lane.rollback()
    return loaded[store]


def changes(**parts: Any) -> StoreChanges:
    """Store changes with nothing in them but `parts`. The head goes from nothing to seq 1 unless said otherwise."""
    nothing: dict[str, Any] = {
        "head_before": Head(), "head": Head(seq=1, outbox_seq=0, last_at=1), "stocks": [], "channels": [],
        "reservations": [], "facts": [], "requests": [], "logs": [], "outbox": [], "incidents": [], "due_added": [],
        "due_removed": [],
    }  # fmt: skip
    return StoreChanges(**(nothing | parts))


def next_changes(seq: int, **parts: Any) -> StoreChanges:
    """Changes of a store whose head stands at `seq`, written with `changes` or `next_changes`."""
    heads = {"head_before": Head(seq, 0, seq), "head": Head(seq + 1, 0, seq + 1)}
    return changes(**(heads | parts))


def a_stock(key: StockKey = DISH, **fields: Any) -> Stock:
    """A limited stock with ten portions."""
    usual: dict[str, Any] = {"type": LIMITED, "plan": 10_000, "real": 10_000, "version": 1, "updated_at": 1}
    return Stock(key, **(usual | fields))


def a_channel(key: StockKey = DISH, channel_code: str = "POS", **fields: Any) -> ChannelStock:
    """A channel capped at five portions."""
    usual: dict[str, Any] = {"type": LIMITED, "limit": 5_000, "period_at": 100, "used": 1_000}
    return ChannelStock(key, channel_code, **(usual | fields))


def a_reservation(
    order_id: str = "order", sku_id: int = DISH.object_id, line_no: int = 0, **fields: Any
) -> Reservation:
    """One portion, locked until `expires_at` (far away by default)."""
    usual: dict[str, Any] = {
        "channel_code": "POS", "state": State.LOCKED, "requested": 1_000, "quantity": 1_000, "locked_at": 1_000,
        "expires_at": 4_000_000_000_000, "takes": (Take(2, sku_id),), "revision": 1,
    }  # fmt: skip
    return Reservation(order_id, sku_id, line_no, **(usual | fields))


def by_line(rows: Iterable[Reservation]) -> list[Reservation]:
    """Sorted, for databases may answer in any order."""
    return sorted(rows, key=lambda row: (row.order_id, row.sku_id, row.line_no))
