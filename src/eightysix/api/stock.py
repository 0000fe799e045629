"""Reading orders and availability."""

from typing import Annotated

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.catalogue import Item
from eightysix.core.instant import business_day
from eightysix.core.outcome import Code
from eightysix.core.preview import preview
from eightysix.storage.port import Reader
from eightysix.wire.fields import MAX_OBJECT_ID, Body, Identifier, identifier, instant, object_id, whole
from eightysix.wire.order import MAX_LINES
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.restore_rule import PreviewQuery, preview_answer

from .availability import Availability
from .endpoint import Call
from .orders import held_order
from .reply import Reply, json_reply
from .scope import store_named


class OrderQuery(Body):
    """Which store's order."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")


class AvailabilityQuery(Body):
    """Which store and channel; `sku_id` may come several times, without it all items are listed."""

    brand_id: Identifier = msgspec.field(name="brandId")
    poi_id: Identifier = msgspec.field(name="poiId")
    channel_code: Identifier
    sku_id: list[Annotated[int, whole(1, MAX_OBJECT_ID)]] = msgspec.field(default_factory=list)


class Stocks:
    """Answers the calls about stocks."""

    def __init__(self, reader: Reader, catalog: Catalog, availability: Availability) -> None:
        self._reader = reader
        self._catalog = catalog
        self._availability = availability

    async def order(self, call: Call) -> Reply:
        """GET an order's reservations."""
        store = store_named(call.caller, self._catalog.current, call.query.brand_id, call.query.poi_id)
        order_id = identifier(call.tail, "order_id")
        now, held, fact = await self._reader.order(store, order_id)
        if not held and fact is None:
            raise Rejection(Code.ORDER_NOT_FOUND, "order_id")
        call.caller.reach_order(held)
        return json_reply(held_order(order_id, now, held, None if fact is None else fact.closed_at))

    async def available(self, call: Call) -> Reply:
        """GET what can be sold."""
        query: AvailabilityQuery = call.query
        store = store_named(call.caller, self._catalog.current, query.brand_id, query.poi_id)
        call.caller.reach_channel(query.channel_code)
        channel = self._catalog.current.channel(query.brand_id, query.channel_code)
        if channel is None:
            raise Rejection(Code.CHANNEL_NOT_FOUND, "channel_code")
        return json_reply(await self._availability.of(store, channel, self._items(query)))

    async def restore_preview(self, call: Call) -> Reply:
        """GET what comes back, when and why."""
        query: PreviewQuery = call.query
        key = store_named(call.caller, self._catalog.current, query.brand_id, query.poi_id)
        rows = await self._reader.store_rows(key, None)
        catalogue = self._catalog.current
        store = catalogue.store(key.brand_id, key.poi_id)
        if store is None:  # taken away meanwhile
            raise Rejection(Code.STORE_NOT_FOUND, "poiId")
        until = business_day(rows.now, store.time_zone, store.day_start_minute).ends_at
        if query.until is not None:
            until = instant(query.until, "until")
        coming = preview(catalogue, store, rows.stocks, rows.now, until)
        return json_reply(preview_answer(coming, rows.now, until))

    def _items(self, query: AvailabilityQuery) -> list[Item]:
        catalogue = self._catalog.current
        if not query.sku_id:
            return catalogue.items(query.brand_id)
        if len(query.sku_id) > MAX_LINES:
            raise Rejection(Problem.TOO_MANY, "sku_id", most=MAX_LINES)
        items = []
        for at, sku_id in enumerate(query.sku_id):
            item = catalogue.item(query.brand_id, 2, object_id(sku_id, f"sku_id[{at}]"))
            if item is None:
                raise Rejection(Code.ITEM_NOT_FOUND, f"sku_id[{at}]")
            items.append(item)
        return items
