"""All that webhooks need, in one process on one database: catalogue, engine, a bus, a clock that a test moves."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from eightysix.catalog.catalog import Catalog
from eightysix.catalog.clock import now_ms
from eightysix.catalog.kinds import BRAND, CHANNEL, ITEM, STORE
from eightysix.catalog.webhook import Webhook
from eightysix.core.command import Actor, SetStock, Setting
from eightysix.core.key import StoreKey, sku_key
from eightysix.core.stock import LIMITED
from eightysix.engine import Engine, Limits
from eightysix.storage import catalog as catalog_rows
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from eightysix.storage.webhook_attempt import Attempt
from eightysix.storage.webhook_queue import HEALTH, QueueRow, WebhookKey
from eightysix.sync.bus import BusMessage
from eightysix.sync.lease import Leases
from eightysix.sync.local_bus import LocalBus
from eightysix.sync.rendering import Renderer
from eightysix.sync.webhooks.address import Addresses, Rules
from eightysix.sync.webhooks.courier import Timeouts
from eightysix.sync.webhooks.desk import Desk
from eightysix.sync.webhooks.sender import Pace
from eightysix.sync.webhooks.service import Webhooks
from eightysix.wire.administration import BrandBody, ChannelBody, ItemBody, ItemName, StoreBody
from eightysix.wire.webhook import WebhookBody

RICE, SOUP, TEA = 101, 102, 103
STORES = ("s1", "s2")
ACTOR = Actor("test")

HOUR, DAY = 3_600_000, 86_400_000

PATIENT, BRISK = Timeouts(5.0, 5.0), Timeouts(0.5, 0.5)
"""On a busy machine half a second may pass without an answer, and the clock stands still: nothing is tried again."""


class Clock:
    """Time in ms, from now on, that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = now_ms()

    def __call__(self) -> int:
        return self.now

    def pass_by(self, milliseconds: int) -> None:
        self.now += milliseconds


class Station:
    """See `working`."""

    def __init__(self, database: Database, catalog: Catalog, engine: Engine, bus: LocalBus, clock: Clock) -> None:
        self.database = database
        self.catalog = catalog
        self.engine = engine
        self.bus = bus
        self.clock = clock
        self.webhooks: Webhooks = None  # type: ignore[assignment]  # see `begin`
        self._published: dict[StoreKey, int] = {}

    async def begin(self, *, addresses: Addresses | None = None, leases: Leases | None = None, **desk: Any) -> None:
        """Start webhooks, as a process does; `desk` is what is unlike it."""
        addresses = addresses or Addresses(Rules(private=True, plain_http=True))
        usual: dict[str, Any] = {"clock": self.clock, "chance": lambda: 0.0, "timeouts": PATIENT, **desk}
        made = Webhooks.a_desk(self.database, self.catalog, addresses)
        fields = {name: getattr(made, name) for name in Desk.__struct_fields__ if not name.startswith("_")}
        pace = Pace(tick=0.01, look=0.05, stop=0.2)
        self.webhooks = Webhooks(
            self.database, self.catalog, addresses, leases=leases, pace=pace, desk=Desk(**{**fields, **usual})
        )
        await self.webhooks.start(self.bus)
        await self.webhooks.sender.look()

    async def end(self) -> None:
        """Stop webhooks, as a process that is told to."""
        await self.webhooks.stop()

    async def hook(self, url: str, webhook_id: str = "w1", **fields: Any) -> str:
        """Subscribe; the secret."""
        body = WebhookBody(brand_id="fox", webhook_id=webhook_id, url=url, **fields)
        made = await self.webhooks.subscriptions.write([body], "test", replace=False)
        await self.webhooks.sender.look()
        assert isinstance(made[0].secret, str)
        return made[0].secret

    def webhook(self, webhook_id: str = "w1") -> Webhook:
        return self.catalog.current.webhooks("fox")[webhook_id]

    async def set(self, real: int, sku_id: int = RICE, poi_id: str = "s1") -> None:
        """Limit a dish to `real` portions, and have the bus told of it."""
        setting = Setting(sku_key(sku_id), type=LIMITED, plan=real * 1000, real=real * 1000)
        await self.engine.submit(SetStock(StoreKey.of("fox", poi_id), (setting,), ACTOR))
        await self.relay(poi_id)

    async def relay(self, *poi_ids: str) -> list[BusMessage]:
        """Publish what is new in these stores' outboxes."""
        stores = [StoreKey.of("fox", poi_id) for poi_id in poi_ids]
        pending = await self.database.outbox.pending(stores, 1_000)
        rows = {store: [row for row in pending.rows.get(store, ()) if row.seq > self._published.get(store, 0)]
                for store in stores}  # fmt: skip
        rendered = await Renderer(self.database.outbox, self.catalog).render(rows, pending.now)
        messages = []
        for store, each in rendered.items():
            for one in each:
                assert one.message is not None, one.fault
                await self.bus.publish(one.message)
                messages.append(one.message)
                self._published[store] = one.row.seq
        return messages

    async def queued(self, webhook_id: str = "w1") -> list[QueueRow]:
        """What waits for a webhook."""
        rows = await self.database.webhook_queue.load(WebhookKey.of("fox", webhook_id), None, 10_000)
        return [row for row in rows if row.subject != HEALTH]

    async def health(self, webhook_id: str = "w1") -> QueueRow | None:
        rows = await self.database.webhook_queue.load(WebhookKey.of("fox", webhook_id), None, 1)
        return rows[0] if rows and rows[0].subject == HEALTH else None

    async def attempts(self, webhook_id: str = "w1") -> list[Attempt]:
        """The delivery log, the oldest first."""
        page = await self.database.webhook_attempts.page(WebhookKey.of("fox", webhook_id), 0, 2**53, None, 10_000)
        return page[::-1]

    async def furnish(self) -> None:
        catalog = self.catalog
        for brand_id in ("fox", "owl"):
            await catalog.write(BRAND, [BrandBody(brand_id, brand_id)], "test", replace=True)
            stores = [StoreBody(brand_id, poi_id, poi_id, "UTC") for poi_id in STORES]
            await catalog.write(STORE, stores, "test", replace=True)
            items = [ItemBody(brand_id, 2, sku_id, ItemName("x", "x")) for sku_id in (RICE, SOUP, TEA)]
            await catalog.write(ITEM, items, "test", replace=True)
        meal = ChannelBody("fox", "MEAL", "x", "online", "third")
        await catalog.write(CHANNEL, [meal], "test", replace=True)


@asynccontextmanager
async def working(url: str, clock: Clock | None = None) -> AsyncIterator[Station]:
    """A station on a migrated database, without webhooks: `begin` starts them."""
    database = await open_database(url, owner=uuid.uuid4().hex)
    catalog = Catalog(catalog_rows.connect(url), 0.05)
    await catalog.start()
    engine = Engine(database, catalog, Limits(sweep_seconds=3_600))
    await engine.start()
    bus = LocalBus()
    station = Station(database, catalog, engine, bus, clock or Clock())
    try:
        if catalog.current.brand("fox") is None:
            await station.furnish()
        yield station
    finally:
        if station.webhooks is not None:
            await station.webhooks.stop()
        await bus.close()
        await engine.stop()
        await catalog.stop()
        await database.close()


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until it holds; what it is then."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)


def reals(requests: Iterable[Any]) -> list[int]:
    """The counts that requests told of."""
    return [request.event["data"]["real_quantity"] for request in requests]
