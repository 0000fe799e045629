"""What a subscriber gets: the state after each change, signed, once, and only what they asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import standardwebhooks

from eightysix.catalog.kinds import BRAND, STORE
from eightysix.core.change import OutboxRow
from eightysix.core.command import Line, LockStock, ResolveIncident, SetStock, Setting
from eightysix.core.key import WHOLE_STORE, StoreKey, sku_key
from eightysix.engine.days import BusinessDays
from eightysix.engine.view import store_view
from eightysix.sync.bus import BusMessage
from eightysix.wire.administration import BrandBody, StoreBody
from eightysix.wire.message import STOCK_TOPIC, decode_message, encode_message, group_of, message
from eightysix.wire.webhook import WebhookBody
from tests.webhooks.receiver import Receiver, receiving
from tests.webhooks.station import ACTOR, RICE, SOUP, Station, reals, until, working


async def test_a_change_is_told_whole_and_signed(any_url: str, receiver: Receiver) -> None:
    async with working(any_url) as station:
        await station.begin()
        secret = await station.hook(receiver.url)
        await station.set(7)
        request = (await until(lambda: receiver.received))[0]
        event = standardwebhooks.Webhook(secret).verify(request.body, request.headers)
        assert event["type"] == "stock.changed"
        data = event["data"]
        assert (data["brandId"], data["poiId"], data["object_type"], data["object_id"]) == ("fox", "s1", 2, RICE)
        assert (data["real_quantity"], data["available"], data["seq"], data["version"]) == (7, 7, 1, 1)
        assert {sale["channel_code"]: sale["available"] for sale in data["channels"]}["MEAL"] == 7
        assert request.headers["content-type"] == "application/json"
        assert request.path == "/hook?shop=1"
        await until(station.attempts)
        (attempt,) = await station.attempts()
        assert attempt.delivered
        assert (attempt.status_code, attempt.error, attempt.seq) == (204, None, 1)
        assert attempt.message_id == request.message_id
        assert await until(lambda: station.webhooks.figures.delivered == 1)
        assert station.webhooks.figures.latency.number == 1
        await _nothing_waits(station)
        assert len(receiver.received) == 1


async def _nothing_waits(station: Station, webhook_id: str = "w1") -> None:
    async def is_empty() -> bool:
        return not await station.queued(webhook_id)

    await until(is_empty)


async def test_each_state_has_its_own_message_id_and_a_higher_seq(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    for real in (5, 6, 7):
        await station.set(real)
        await until(lambda real=real: real in reals(receiver.received))
    assert reals(receiver.received) == [5, 6, 7]
    assert len({request.message_id for request in receiver.received}) == 3
    assert [request.event["data"]["seq"] for request in receiver.received] == [1, 2, 3]


async def test_one_subscribes_to_stores_kinds_and_a_channel(station: Station, receiver: Receiver) -> None:
    ways = {
        "all": {},
        "one-store": {"poi_ids": ["s2"]},
        "no-stocks": {"events": ["store.changed"]},
        "meal": {"channel_code": "MEAL"},
        "off": {"status": "disabled"},
    }
    async with _receivers(len(ways)) as receivers:
        for (name, fields), each in zip(ways.items(), receivers, strict=True):
            await station.hook(each.url, name, **fields)
        await station.set(4, RICE, "s1")
        await station.set(9, SOUP, "s2")
        everything, store, no_stocks, meal, off = receivers
        await until(lambda: len(everything.received) == 2 and len(meal.received) == 2 and store.received)
        for name in ways:
            await _nothing_waits(station, name)
        assert sorted(request.about for request in everything.received) == [
            ("stock.changed", "s1", RICE),
            ("stock.changed", "s2", SOUP),
        ]
        assert [request.about for request in store.received] == [("stock.changed", "s2", SOUP)]
        assert (no_stocks.received, off.received) == ([], [])
        told = meal.received[0].event["data"]
        assert told == {
            "brandId": "fox", "poiId": "s1", "seq": 1, "object_type": 2, "object_id": RICE, "version": 1,
            "channel_code": "MEAL", "sellable": True, "available": 4, "blocked_by": None, "deleted": False,
        }  # fmt: skip


@contextlib.asynccontextmanager
async def _receivers(count: int) -> AsyncIterator[list[Receiver]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(receiving()) for _ in range(count)]


async def test_what_is_not_wanted_any_more_is_not_told(station: Station, receiver: Receiver) -> None:
    """What waited for a webhook of all stores is not for one of a single store."""
    receiver.say(503)
    await station.hook(receiver.url)
    await station.set(5, poi_id="s2")
    await station.set(6, poi_id="s1")

    async def is_failing() -> bool:
        return await station.health() is not None and len(await station.queued()) == 2

    await until(is_failing)
    count = len(receiver.received)
    receiver.say(204)
    body = WebhookBody("fox", "w1", receiver.url, poi_ids=["s1"])
    await station.webhooks.subscriptions.write([body], "x", replace=True)
    station.clock.pass_by(5_000)
    await _nothing_waits(station)
    assert [request.event["data"]["poiId"] for request in receiver.received[count:]] == ["s1"]


async def test_other_brands_are_not_told(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    owl = StoreKey.of("owl", "s1")
    await station.engine.submit(SetStock(owl, (Setting(sku_key(RICE), type=2, real=3000),), ACTOR))
    rows = await station.database.reader.store_rows(owl, None)
    view = store_view(owl, rows, rows.now, station.catalog.current, BusinessDays())
    told = message(view, OutboxRow(1, 0, sku_key(RICE), rows.now))
    await station.bus.publish(BusMessage(STOCK_TOPIC, encode_message(told), group_of(owl)))
    await station.set(2)
    await until(lambda: receiver.received)
    assert [request.event["data"]["brandId"] for request in receiver.received] == ["fox"]


async def test_a_store_that_closes_is_told_of(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url, events=["store.changed"])
    await station.catalog.write(STORE, [StoreBody("fox", "s1", "s1", "UTC", status="closed")], "test", replace=True)
    await _tell_store(station, seq=5)
    request = (await until(lambda: receiver.received))[0]
    assert request.event["type"] == "store.changed"
    assert request.event["data"] == {
        "brandId": "fox", "poiId": "s1", "seq": 5, "open": False, "brand_open": True, "store_open": False,
        "time_zone": "UTC", "deleted": False,
    }  # fmt: skip


async def _tell_store(station: Station, seq: int, poi_id: str = "s1") -> None:
    store = StoreKey.of("fox", poi_id)
    rows = await station.database.reader.store_rows(store, [])
    view = store_view(store, rows, rows.now, station.catalog.current, BusinessDays())
    told = message(view, OutboxRow(seq, seq - 1, WHOLE_STORE, rows.now))
    await station.bus.publish(BusMessage(STOCK_TOPIC, encode_message(told), group_of(store)))


async def test_a_low_stock_is_told_of_with_its_thresholds(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url, events=["stock.low"])
    store = StoreKey.of("fox", "s1")
    low = Setting(sku_key(RICE), type=2, plan=9000, real=9000, low=5000)
    await station.engine.submit(SetStock(store, (low,), ACTOR))
    await station.relay("s1")
    await station.set(4)
    request = (await until(lambda: receiver.received))[0]
    assert len(receiver.received) == 1
    assert request.event["type"] == "stock.low"
    data = request.event["data"]
    assert (data["real_quantity"], data["is_low"]) == (4, True)
    assert [(alert["quantity"], alert["threshold"], alert["channel_code"]) for alert in data["alerts"]] == [
        (4, 5, None)
    ]


async def test_incidents_are_told_to_who_asks_for_them(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url, events=["incident.opened", "incident.resolved"])
    store = StoreKey.of("fox", "s1")
    await station.set(1)
    lines = (Line(RICE, quantity=3000),)
    await station.engine.submit(LockStock(store, "o", "POS", lines, ACTOR, force=True, reason="on the counter"))
    (message,) = await station.relay("s1")
    told = (await until(lambda: receiver.received))[0].event
    assert told["type"] == "incident.opened"
    opened = told["data"]
    assert {name: opened[name] for name in ("brandId", "poiId", "kind", "object_id", "quantity", "order_id")} == {
        "brandId": "fox", "poiId": "s1", "kind": "forced_sale", "object_id": RICE, "quantity": 2, "order_id": "o",
    }  # fmt: skip
    assert (opened["reason"], opened["resolved_at"], opened["seq"]) == ("on the counter", None, 2)
    assert b"on the counter" not in message.body, "who follows the store isn't told why"
    await station.engine.submit(ResolveIncident(store, 2, "cancel", ACTOR, "none left"))
    await station.relay("s1")
    closed = (await until(lambda: receiver.received[1:]))[0].event
    assert closed["type"] == "incident.resolved"
    assert (closed["data"]["incident_id"], closed["data"]["how"]) == (opened["incident_id"], "cancel")
    assert closed["data"]["seq"] > opened["seq"]
    assert len(receiver.received) == 2


async def test_incidents_are_told_to_nobody_who_did_not_ask_or_has_one_channel(
    station: Station, receiver: Receiver
) -> None:
    await station.hook(receiver.url, webhook_id="all")
    await station.hook(receiver.url, webhook_id="one", channel_code="POS", events=["incident.opened"])
    await station.set(1)
    lines = (Line(RICE, quantity=3000),)
    store = StoreKey.of("fox", "s1")
    await station.engine.submit(LockStock(store, "o", "POS", lines, ACTOR, force=True, reason="on the counter"))
    await station.relay("s1")
    await until(lambda: any(each.event["data"]["seq"] == 2 for each in receiver.received))
    await _nothing_waits(station)
    assert {each.event["type"] for each in receiver.received} == {"stock.changed"}


async def test_a_message_that_comes_again_tells_nothing_older(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    (first,) = await _set(station, 5)
    (second,) = await _set(station, 6)
    await until(lambda: reals(receiver.received)[-1:] == [6])
    await _nothing_waits(station)
    before = len(receiver.received)
    await station.bus.publish(first)
    await station.bus.publish(second)
    await _nothing_waits(station)
    again = receiver.received[before:]
    assert again
    assert set(reals(again)) == {6}
    assert {request.event["data"]["seq"] for request in again} == {decode_message(second.body).seq}


async def _set(station: Station, real: int) -> list[BusMessage]:
    setting = Setting(sku_key(RICE), type=2, plan=real * 1000, real=real * 1000)
    await station.engine.submit(SetStock(StoreKey.of("fox", "s1"), (setting,), ACTOR))
    return await station.relay("s1")


async def test_rubbish_on_the_bus_stops_nobody(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    await station.bus.publish(BusMessage(STOCK_TOPIC, b"{", "3.fox/s1"))
    await station.bus.publish(BusMessage(STOCK_TOPIC, b'{"brandId": "fox"}', "3.fox/s1"))
    await station.set(5)
    await until(lambda: receiver.received)


async def test_many_changes_go_a_few_at_a_time(station: Station, receiver: Receiver) -> None:
    await station.hook(receiver.url)
    await station.set(1)
    await until(lambda: receiver.received)
    reals_of = [(sku_id, poi_id, real) for real in range(2, 22) for sku_id in (RICE, SOUP) for poi_id in ("s1", "s2")]
    await asyncio.gather(*(station.set(real, sku_id, poi_id) for sku_id, poi_id, real in reals_of))
    await _nothing_waits(station)
    assert 1 <= receiver.most_at_once <= 4
    last: dict[tuple[str, int], int] = {}
    for request in receiver.received:
        data = request.event["data"]
        assert data["seq"] >= last.get((data["poiId"], data["object_id"]), 0), "it went back"
        last[data["poiId"], data["object_id"]] = data["seq"]
    assert len(last) == 4


async def test_a_brand_s_webhooks_go_with_it(station: Station, receiver: Receiver) -> None:
    await station.catalog.write(BRAND, [BrandBody("elk", "elk")], "test", replace=True)
    await station.webhooks.subscriptions.write([WebhookBody("elk", "w", receiver.url)], "test", replace=False)
    assert station.catalog.current.webhooks("elk")
    await station.catalog.remove(BRAND, ("elk",), "test")
    await station.catalog.write(BRAND, [BrandBody("elk", "elk")], "test", replace=True)
    assert not station.catalog.current.webhooks("elk")
