"""The consumer of the order service's messages at work, on a real engine, a real database, the bus of a process."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from eightysix.core.instant import to_iso
from eightysix.engine import Engine
from eightysix.storage.port import Database
from eightysix.sync.bus import BusMessage
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.order_events import OrderEvents
from eightysix.sync.order_upkeep import OrderUpkeep, UpkeepPace
from eightysix.wire.message import group_of
from eightysix.wire.order_event import ANSWERS_TOPIC, EVENTS_TOPIC
from tests.engine.shop import BRAND, Shop, audit, stock, store

STORE = "1"
HAPPENED_AT = int(time.time() * 1000)
NOW = to_iso(HAPPENED_AT)
"""When everything happens here."""

_ids = itertools.count(1)


class Market(Shop):
    """The catalogue; a store may come to it later, as from another process."""

    def __init__(self, stores: Sequence[str] = (STORE,)) -> None:
        super().__init__(stores)
        self.looks = 0
        self.coming: list[str] = []

    async def look_again(self) -> bool:
        self.looks += 1
        coming, self.coming = self.coming, []
        self._stores.update(Shop(coming)._stores)
        return bool(coming)


class Desk:
    """Hands messages to the consumer and keeps its answers."""

    def __init__(self, database: Database, market: Market) -> None:
        self.database = database
        self.market = market
        self.bus = LocalBus()
        self.engine = Engine(database, market)  # type: ignore[arg-type]
        self.events = OrderEvents(self.bus, self.engine.submit, market, database)
        self.answers: list[dict[str, Any]] = []
        """Every answer that was published, in that order."""

    def upkeep(self, **pace: Any) -> OrderUpkeep:
        return OrderUpkeep(self.events, UpkeepPace(**{"settle_seconds": 0.0, "rest_factor": 0.0, **pace}))

    async def tell(self, *events: dict[str, Any] | bytes) -> None:
        """Publish events, one after the other; raises what the bus says where one could not be handled."""
        for event in events:
            await self.bus.publish(message(event))

    async def tell_together(self, *events: dict[str, Any] | bytes) -> None:
        """Hand the events over in one call, as a bus of many may."""
        await self.events.handle([message(event) for event in events])

    async def look(self, **pace: Any) -> int:
        """What the upkeep does in a round; how many events it found to have waited too long."""
        upkeep = self.upkeep(**pace)
        await upkeep.look(store(STORE).bucket % 64)
        return upkeep.overdue

    def results(self, order_id: str | None = None) -> list[tuple[int, str]]:
        """(order_seq, result) of the answers."""
        said = [each for each in self.answers if order_id in (None, each["order_id"])]
        return [(each["order_seq"], each["result"]) for each in said]

    async def parked(self) -> dict[str, str]:
        """The code of every parked message, by the id of its event."""
        page = await self.database.parked_messages.page(None, None, 1_000)
        return {each.key.message_id.rpartition("/")[0]: json.loads(each.reason)["code"] for each in page}

    async def stocks(self) -> dict[int, tuple[int, int]]:
        """(real, locked) by SKU, in portions."""
        found = (await audit(self.database))[STORE]
        return {row.key.object_id: (row.real // 1000, row.locked // 1000) for row in found.stocks}

    async def keep_answers(self, messages: Sequence[BusMessage]) -> None:
        self.answers += [json.loads(each.body) for each in messages]


@contextlib.asynccontextmanager
async def open_desk(database: Database, market: Market | None = None) -> AsyncIterator[Desk]:
    """A desk at work; store 1 has ten portions of SKU 1."""
    desk = Desk(database, market or Market())
    await desk.engine.start()
    await desk.bus.subscribe(ANSWERS_TOPIC, "order service", desk.keep_answers)
    await desk.bus.subscribe(EVENTS_TOPIC, "events", desk.events.handle)
    if desk.market.store(BRAND, STORE) is not None:
        await desk.engine.submit(stock(STORE, 10, sku_ids=[1, 2]))
    yield desk
    await desk.bus.close()
    await desk.engine.stop()


def message(event: dict[str, Any] | bytes) -> BusMessage:
    """The event on its way."""
    if isinstance(event, bytes):
        return BusMessage(EVENTS_TOPIC, event, "somebody")
    group = group_of(store(event.get("poiId", STORE)))
    return BusMessage(EVENTS_TOPIC, msgspec.json.encode(event), group)


def event(kind: str, order_seq: int, order_id: str = "order", **fields: Any) -> dict[str, Any]:
    """An event of the store."""
    usual = {
        "type": f"order.{kind}", "event_id": f"event-{next(_ids)}", "occurred_at": NOW, "brandId": BRAND,
        "poiId": STORE, "order_id": order_id, "order_seq": order_seq,
    }  # fmt: skip
    return {**usual, **fields}


def placed(order_seq: int = 1, order_id: str = "order", portions: float = 1, **fields: Any) -> dict[str, Any]:
    """An order of some portions of SKU 1."""
    lines = [{"sku_id": 1, "quantity": portions}]
    return event("placed", order_seq, order_id, **{"channel_code": "ONLINE_ORDER", "lines": lines, **fields})


def paid(order_seq: int = 2, order_id: str = "order", **fields: Any) -> dict[str, Any]:
    return event("paid", order_seq, order_id, **fields)


def cancelled(order_seq: int = 2, order_id: str = "order", **fields: Any) -> dict[str, Any]:
    return event("cancelled", order_seq, order_id, **fields)


def returned(order_seq: int = 3, order_id: str = "order", **fields: Any) -> dict[str, Any]:
    return event("returned", order_seq, order_id, **fields)


async def expired(desk: Desk, order_id: str) -> None:
    """Return when the order's lock has died, by the database's clock."""
    async with asyncio.timeout(30):
        while True:
            now, held, _ = await desk.database.reader.order(store(STORE), order_id)
            if now >= held[0].expires_at:
                return
