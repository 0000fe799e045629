"""Reading orders and availability, and what the back office sets."""

from typing import Annotated, Any

import msgspec

from eightysix.catalog.catalog import Catalog
from eightysix.core.catalogue import Item
from eightysix.core.command import SetStock
from eightysix.core.key import StoreKey
from eightysix.core.outcome import Code, Refused, StockRow, StocksSet
from eightysix.storage.port import Reader
from eightysix.wire.answer import either, refused_answer
from eightysix.wire.fields import MAX_OBJECT_ID, Body, Identifier, identifier, object_id, whole
from eightysix.wire.language import Language
from eightysix.wire.order import MAX_LINES
from eightysix.wire.problem import STATUS, Problem, Rejection
from eightysix.wire.stock import UpdateManyBody, UpdateOneBody, stock_answer

from .availability import Availability
from .endpoint import Call, Sent
from .orders import Submit, held_order
from .reply import Reply, json_reply


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


class SettingResult(msgspec.Struct, frozen=True):
    """The status and body that the setting would have had as a call of its own."""

    status: int
    body: Annotated[Any, either("StockRowAnswer", "ErrorAnswer")]


class UpdateAnswer(msgspec.Struct, frozen=True):
    """Results in the order of the items."""

    results: list[SettingResult]


class Stocks:
    """Answers the calls about stocks."""

    def __init__(self, submit: Submit, reader: Reader, catalog: Catalog, availability: Availability) -> None:
        self._submit = submit
        self._reader = reader
        self._catalog = catalog
        self._availability = availability

    async def order(self, call: Call) -> Reply:
        """GET an order's reservations."""
        store = self._store(call, call.query.brand_id, call.query.poi_id)
        order_id = identifier(call.tail, "order_id")
        now, held, fact = await self._reader.order(store, order_id)
        if not held and fact is None:
            raise Rejection(Code.ORDER_NOT_FOUND, "order_id")
        call.caller.reach_order(held)
        return json_reply(held_order(order_id, now, held, None if fact is None else fact.closed_at))

    async def available(self, call: Call) -> Reply:
        """GET what can be sold."""
        query: AvailabilityQuery = call.query
        store = self._store(call, query.brand_id, query.poi_id)
        call.caller.reach_channel(query.channel_code)
        channel = self._catalog.current.channel(query.brand_id, query.channel_code)
        if channel is None:
            raise Rejection(Code.CHANNEL_NOT_FOUND, "channel_code")
        return json_reply(await self._availability.of(store, channel, self._items(query)))

    async def update(self, call: Call) -> Reply:
        """POST settings of one store's stocks."""
        sent: Sent[UpdateOneBody | UpdateManyBody] = call.body
        body = sent.body
        self._store(call, body.brand_id, body.poi_id)
        outcome = await self._submit(body.command(call.caller.actor))
        if isinstance(outcome, StocksSet):
            results = [_result(result, call.language) for result in outcome.results]
            if sent.is_many:
                return json_reply(UpdateAnswer(results))
        elif isinstance(outcome, Refused):  # the brand or the store was taken away meanwhile
            results = [_result(outcome, call.language)]
        else:
            raise TypeError(f"{SetStock.__name__} came to {type(outcome).__name__}")
        return json_reply(results[0].body, results[0].status)

    def _store(self, call: Call, brand_id: str, poi_id: str) -> StoreKey:
        """The store, if it exists and is the caller's."""
        identifier(brand_id, "brandId")
        identifier(poi_id, "poiId")
        call.caller.reach(brand_id, poi_id)
        catalogue = self._catalog.current
        if catalogue.brand(brand_id) is None:
            raise Rejection(Code.BRAND_NOT_FOUND, "brandId")
        if catalogue.store(brand_id, poi_id) is None:
            raise Rejection(Code.STORE_NOT_FOUND, "poiId")
        return StoreKey.of(brand_id, poi_id)

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


def _result(result: StockRow | Refused, language: Language) -> SettingResult:
    if isinstance(result, StockRow):
        return SettingResult(200, stock_answer(result.stock, result.channels))
    return SettingResult(STATUS[result.code], refused_answer(result, language))
