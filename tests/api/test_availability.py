"""What can be sold is never stale: every way in which it changes is seen by the next question."""

import asyncio
import time

from eightysix.api.availability import Availability
from eightysix.core.key import StoreKey
from eightysix.core.reservation import State

from .shop import RICE, SOUP, TEA, Shop


async def test_it_follows_locks_settings_and_channels(shop: Shop) -> None:
    await shop.stock(SOUP, 8)
    assert await shop.left(SOUP) == 8
    order = shop.new_order()
    await shop.lock(order, (SOUP, 3))
    assert await shop.left(SOUP) == 5
    capped = {"brandId": "fox", "poiId": "s1", "object_id": SOUP,
              "channel_stocks": [{"channel_code": "KIOSK", "limit_quantity": 2}]}  # fmt: skip
    assert (await shop.post("/api/v1/poi/stock/update", capped)).status_code == 200
    assert await shop.left(SOUP, channel_code="KIOSK") == 2
    assert await shop.left(SOUP, channel_code="POS") == 5
    await shop.verb("unlock", order)
    assert await shop.left(SOUP) == 8


async def test_a_lock_that_dies_gives_back_without_a_write(shop: Shop) -> None:
    await shop.stock(RICE, 4)
    order = shop.new_order()
    await shop.lock(order, (RICE, 4), expires_in=1)
    assert await shop.left(RICE) == 0
    deadline = time.monotonic() + 5
    while await shop.left(RICE) != 4:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    while not await _is_swept(shop, order):  # or it would be a change in the middle of another test
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def _is_swept(shop: Shop, order: str) -> bool:
    store = StoreKey.of("fox", "s1")
    _, held, _ = await shop.service.database.reader.order(store, order)
    return all(line.state is State.EXPIRED for line in held)


async def test_it_follows_what_only_a_cap_has_counted(shop: Shop) -> None:
    """Food back on sale moves no counter of an unlimited dish, and yet the channel may sell more of it."""
    tea = {"brandId": "fox", "poiId": "s1", "object_id": TEA}
    caps = [{**tea, "channel_stocks": [{"channel_code": "EMENU", "limit_quantity": cap}]} for cap in (50, None)]
    assert (await shop.post("/api/v1/poi/stock/update", caps[0])).status_code == 200
    before = await shop.left(TEA, channel_code="EMENU")  # others may have sold of it today
    order = shop.new_order()
    await shop.lock(order, (TEA, 3), channel_code="EMENU")
    await shop.verb("deduct", order)
    assert await shop.left(TEA, channel_code="EMENU") == before - 3
    back = [{"sku_id": TEA, "quantity": 3, "restock": True}]
    assert (await shop.verb("return", order, request_id=order, lines=back)).status_code == 200
    assert await shop.left(TEA, channel_code="EMENU") == before
    assert (await shop.post("/api/v1/poi/stock/update", caps[1])).status_code == 200
    assert await shop.left(TEA, channel_code="EMENU") is None


async def test_everything_is_listed_and_an_unlimited_dish_has_no_number(shop: Shop) -> None:
    query = {"brandId": "fox", "poiId": "s2", "channel_code": "POS"}
    answer = (await shop.call("GET", "/api/v1/stock/availability", params=query)).json()
    tea = next(item for item in answer["items"] if item["object_id"] == TEA)
    assert tea == {"object_type": 2, "object_id": TEA, "sellable": True, "available": None, "blocked_by": None,
                   "stock_status": 1, "stock_type": 1, "guaranteed": None, "possible": None,
                   "blocked_object": None}  # fmt: skip
    some = await shop.call("GET", "/api/v1/stock/availability", params={**query, "sku_id": [TEA, RICE]})
    assert [item["object_id"] for item in some.json()["items"]] == [TEA, RICE]
    none = await shop.call("GET", "/api/v1/stock/availability", params={**query, "sku_id": [TEA, 999]})
    assert (none.status_code, none.json()["field"]) == (404, "sku_id[1]")


async def test_the_cache_is_bounded_and_reads_rows_once(shop: Shop) -> None:
    catalog, reader = shop.service.catalog, shop.service.database.reader
    availability = Availability(reader, catalog)
    channel = catalog.current.channel("fox", "POS")
    assert channel is not None
    store = StoreKey.of("fox", "s1")
    first = await availability.of(store, channel, catalog.current.items("fox"))
    kept = availability._kept[store]
    assert await availability.of(store, channel, catalog.current.items("fox")) == first
    assert availability._kept[store] is kept
