"""Adding to stock and counting it, and setting it in many stores: a result for each, and none sinks the others."""

import asyncio
from typing import Any

import httpx
import pytest

from eightysix.api.bulk import IN_FLIGHT, set_in_each
from eightysix.core.change import Kind
from eightysix.core.command import Actor, Command, SetStock, Setting
from eightysix.core.key import StoreKey, sku_key
from eightysix.core.outcome import Outcome, StockRow
from eightysix.engine import Overloaded
from eightysix.wire.problem import Rejection

from .shop import CAKE, RICE, SOUP, TEA, Shop

UPDATE = "/api/v1/poi/stock/update"


async def update(shop: Shop, status: int = 200, **fields: Any) -> Any:
    key = fields.pop("key", None)
    answer = await shop.post(UPDATE, {"brandId": "fox", **fields}, key=key)
    assert answer.status_code == status, answer.text
    return answer.json()


async def logged(shop: Shop, poi_id: str = "s1") -> list[Any]:
    """The store's log rows."""
    return [row async for each in shop.service.database.audit() if each.store.brand_id == "fox"
            if each.store.poi_id == poi_id for row in each.logs]  # fmt: skip


async def test_an_addition_is_made_once(shop: Shop) -> None:
    await shop.stock(RICE, 10)
    add = {"poiId": "s1", "object_id": RICE, "op": "add", "quantity": "2.5", "request_id": "delivery-1",
           "reason": "bakery"}  # fmt: skip
    first = await update(shop, **add)
    assert (first["real_quantity"], first["replayed"]) == (12.5, False)
    assert first["changes"] == [{"field": "real_quantity", "channel_code": None, "before": 10, "after": 12.5}]
    row = (await logged(shop))[-1]
    assert (row.kind, row.quantity, row.reason, row.source) == (Kind.ADD, 2500, "bakery", "api")
    before = await shop.books()
    again = await update(shop, **add)
    assert (again["real_quantity"], again["replayed"], again["changes"]) == (12.5, True, [])
    other = await update(shop, 409, **{**add, "quantity": 3})
    assert (other["code"], other["field"]) == ("IDEMPOTENCY_MISMATCH", "request_id")
    assert await shop.books() == before
    less = await update(shop, **{**add, "quantity": -12.5, "request_id": "delivery-2"})
    assert (less["real_quantity"], less["stock_status"]) == (0, 2)


async def test_a_count_says_what_is_there(shop: Shop) -> None:
    await shop.stock(RICE, 10)
    counted = await update(shop, poiId="s1", object_id=RICE, op="count", quantity=7)
    assert (counted["real_quantity"], counted["replayed"]) == (7, False)
    row = (await logged(shop))[-1]
    assert (row.kind, row.quantity) == (Kind.COUNT, -3000)
    before = await shop.books()
    assert (await update(shop, poiId="s1", object_id=RICE, op="count", quantity=7))["replayed"] is True
    assert await shop.books() == before


async def test_each_item_may_have_an_op_of_its_own(shop: Shop) -> None:
    await shop.stock(RICE, 10)
    await shop.stock(SOUP, 10)
    items = [
        {"object_id": RICE, "quantity": 1},
        {"object_id": SOUP, "op": "count", "quantity": 4},
        {"object_id": TEA, "op": "set", "stock_status": 1},
        {"object_id": TEA, "quantity": 1},
        {"object_id": CAKE, "op": "set", "stock_type": 2, "real_quantity": 3},
        {"object_id": CAKE, "quantity": 0.5},
        {"object_id": CAKE, "quantity": 2, "expected_version": 10**6},
    ]
    body = {"poiId": "s1", "op": "add", "request_id": "mixed", "items": items}
    results = (await update(shop, **body))["results"]
    assert [each["status"] for each in results] == [200, 200, 200, 422, 200, 422, 409]
    assert [each["body"].get("real_quantity") for each in results] == [11, 4, 0, None, 3, None, None]
    before = await shop.books()
    again = (await update(shop, **body))["results"]
    assert [each["status"] for each in again] == [200, 200, 200, 422, 200, 422, 409]
    assert all(each["body"]["replayed"] for each in again if each["status"] == 200)
    assert await shop.books() == before


async def test_many_stores_have_a_result_each(shop: Shop) -> None:
    for poi_id in ("s1", "s2"):
        await shop.stock(RICE, 10, poi_id)
    body = {"object_id": RICE, "op": "add", "quantity": 5, "request_id": "many"}
    told = await update(shop, poiIds=["s2", "nowhere", "s1"], **body)
    shown = [(each["poiId"], each["object_id"], each["status"]) for each in told["results"]]
    assert shown == [("s2", RICE, 200), ("nowhere", RICE, 404), ("s1", RICE, 200)]
    assert told["results"][1]["body"]["code"] == "STORE_NOT_FOUND"
    before = await shop.books()
    again = await update(shop, poiIds=["s2", "nowhere", "s1"], **body)
    assert [each["body"].get("replayed") for each in again["results"]] == [True, None, True]
    assert await shop.books() == before
    assert [await shop.left(RICE, poi_id) for poi_id in ("s1", "s2")] == [15, 15]


async def test_all_stores_and_several_items(shop: Shop) -> None:
    items = [{"object_id": RICE, "stock_type": 2, "real_quantity": 6}, {"object_id": 404, "stock_status": 2}]
    told = (await update(shop, all=True, items=items))["results"]
    shown = [(each["poiId"], each["object_id"], each["status"]) for each in told]
    assert shown == [("s1", RICE, 200), ("s1", 404, 404), ("s2", RICE, 200), ("s2", 404, 404)]
    assert [await shop.left(RICE, poi_id) for poi_id in ("s1", "s2")] == [6, 6]


async def test_a_store_key_reaches_its_own_stores_only(shop: Shop) -> None:
    for poi_id in ("s1", "s2"):
        await shop.stock(RICE, 10, poi_id)
    key = await shop.make_key("store", brandId="fox", poi_ids=["s1"])
    body = {"object_id": RICE, "real_quantity": 4, "key": key}
    told = (await update(shop, poiIds=["s1", "s2"], **body))["results"]
    assert [(each["poiId"], each["status"]) for each in told] == [("s1", 200), ("s2", 404)]
    told = (await update(shop, all=True, **{**body, "real_quantity": 5}))["results"]
    assert [each["poiId"] for each in told] == ["s1"]
    assert [await shop.left(RICE, poi_id) for poi_id in ("s1", "s2")] == [5, 10]
    before = await shop.books()
    foreign = await shop.post(UPDATE, {"brandId": "owl", "all": True, "object_id": RICE, "stock_status": 2}, key=key)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "BRAND_NOT_FOUND")
    assert await shop.books() == before


async def test_a_dry_run_shows_what_would_change(shop: Shop) -> None:
    await shop.stock(RICE, 10)
    before = await shop.books()
    body = {"poiId": "s1", "object_id": RICE, "dry_run": True}
    caps = [{"channel_code": "POS", "limit_quantity": 3}]
    told = await update(shop, **body, plan_quantity=20, channel_stocks=caps)
    assert (told["plan_quantity"], told["replayed"]) == (20, False)
    assert told["changes"] == [
        {"field": "plan_quantity", "channel_code": None, "before": 10, "after": 20},
        {"field": "limit_quantity", "channel_code": "POS", "before": None, "after": 3},
    ]
    told = await update(shop, **body, op="add", quantity=-1, request_id="dry")
    assert told["real_quantity"] == 9
    assert (await update(shop, 422, **body, op="add", quantity=-11, request_id="dry"))["field"] == "quantity"
    assert await shop.books() == before


async def test_what_names_no_store_too_many_or_the_same_twice(shop: Shop) -> None:
    before = await shop.books()
    for fields, status, code, field in (
        ({}, 400, "MISSING_FIELD", "poiId"),
        ({"all": False}, 400, "MISSING_FIELD", "poiId"),
        ({"poiIds": []}, 422, "EMPTY", "poiIds"),
        ({"poiIds": ["s1", " s2"]}, 422, "ID_INVALID", "poiIds[1]"),
        ({"poiIds": ["s1", "s2", "s1"]}, 422, "VALUE_INVALID", "poiIds[2]"),
        ({"poiIds": ["s1"], "all": True}, 422, "VALUE_INVALID", "poiId"),
        ({"poiIds": [f"s{at}" for at in range(10_001)]}, 422, "TOO_MANY", "poiIds"),
    ):
        told = await update(shop, status, object_id=RICE, stock_status=2, **fields)  # type: ignore[arg-type]
        assert (told["code"], told.get("field")) == (code, field), fields
    many = {"poiIds": [f"x{at}" for at in range(11)], "items": [{"object_id": RICE, "stock_status": 2}] * 1000}
    assert (await update(shop, 422, **many))["code"] == "TOO_MANY"
    assert await shop.books() == before


async def test_a_store_that_cannot_be_had_stops_no_other(shop: Shop) -> None:
    """The engine's own `submit`, refusing as a full lane would for one of the stores."""

    def submit(command: Command, *, background: bool = False) -> "asyncio.Future[Outcome]":
        if command.store.poi_id == "s1":
            full: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            full.set_exception(Overloaded(7))
            return full
        return shop.service.engine.submit(command, background=background)

    settings = (Setting(sku_key(RICE), plan=1000), Setting(sku_key(SOUP), plan=1000))
    stores = [StoreKey.of("fox", poi_id) for poi_id in ("s1", "s2")]
    full, done = await set_in_each(submit, [SetStock(store, settings, Actor("head office")) for store in stores])
    assert [each.code for each in full if isinstance(each, Rejection)] == ["OVERLOADED", "OVERLOADED"]
    assert [type(each) for each in done] == [StockRow, StockRow]


async def test_a_bounded_number_is_under_way(shop: Shop) -> None:
    under_way: set[asyncio.Future[Outcome]] = set()
    most = 0

    def submit(command: Command, *, background: bool = False) -> "asyncio.Future[Outcome]":
        nonlocal most
        assert background
        future = shop.service.engine.submit(command, background=background)
        under_way.add(future)
        future.add_done_callback(under_way.discard)
        most = max(most, len(under_way))
        return future

    settings = (Setting(sku_key(RICE), plan=2000),)
    stores = [StoreKey.of("fox", poi_id) for poi_id in ("s1", "s2")] * 100
    done = await set_in_each(submit, [SetStock(store, settings, Actor("head office")) for store in stores])
    assert [type(result) for results in done for result in results] == [StockRow] * 200
    assert 1 < most <= IN_FLIGHT


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z"])
async def test_an_instant_that_no_answer_could_show(shop: Shop, moment: str) -> None:
    """It would be written, and then nobody could read the stock, or export its brand."""
    before = await shop.books()
    body = {"brandId": "fox", "poiId": "s1"}
    file = f"sku_id,auto_restore_type,auto_restore_at\n{RICE},1,{moment}\n"
    for path, fields, field in (
        (UPDATE, {"object_id": RICE, "auto_restore_type": 1, "auto_restore_at": moment}, "auto_restore_at"),
        ("/api/v1/poi/stock/86", {"object_ids": [RICE], "sold_out": True, "until": moment}, "until"),
    ):
        told = await shop.post(path, {**body, **fields}, headers={"accept-language": "zh-CN"})
        assert (told.status_code, told.json()["code"], told.json()["field"]) == (422, "VALUE_INVALID", field)
        assert not told.json()["message"].isascii()
    query = {"brandId": "fox", "poiId": "s1"}
    imported = await shop.call("POST", "/api/v1/poi/stock/import", content=file, params=query)
    assert [each["error"]["code"] for each in imported.json()["results"]] == ["VALUE_INVALID"]
    assert await shop.books() == before


@pytest.mark.parametrize("how", ["update", "86", "import"])
async def test_many_stores_are_as_many_calls_to_the_limit_of_a_key(own_shop: Shop, how: str) -> None:
    shop = own_shop

    async def limited(rate_limit: int) -> str:
        made = await shop.post(
            "/api/v1/keys", {"name": "x", "role": "brand", "brandId": "fox", "rate_limit": rate_limit}
        )
        key: str = made.json()["key"]
        return key

    async def tell(key: str) -> httpx.Response:
        if how == "import":
            text = "poi_id,sku_id,stock_status\n" + "".join(f"s{at},{TEA},2\n" for at in range(1, 21))
            return await shop.call("POST", "/api/v1/poi/stock/import", key=key, content=text, params={"brandId": "fox"})
        body = {"brandId": "fox", "poiIds": [f"s{at}" for at in range(1, 21)]}
        if how == "86":
            return await shop.post("/api/v1/poi/stock/86", {**body, "object_ids": [TEA], "sold_out": True}, key=key)
        return await shop.post(UPDATE, {**body, "object_id": TEA, "stock_status": 2}, key=key)

    before = await shop.books()
    never = await tell(await limited(19))
    assert (never.status_code, never.json()["code"]) == (422, "TOO_MANY")
    assert (await shop.books())[1:] == before[1:]
    key = await limited(20)
    assert (await tell(key)).status_code == 200
    async with asyncio.timeout(20):
        while (answer := await tell(key)).status_code == 200:
            pass
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
