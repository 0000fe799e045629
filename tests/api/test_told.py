"""What others are told that no order and no setting says by itself: of combos, a store that closes, a smaller menu."""

import asyncio
from typing import Any

from eightysix.core.audit import findings

from .shop import CAKE, RICE, SOUP, TEA, Shop

LOG = "/api/v1/poi/stock/log"
SET_MEAL = 200


async def rows(shop: Shop, poi_id: str = "s1", **asked: Any) -> list[dict[str, Any]]:
    answer = await shop.post(LOG, {"brandId": "fox", "poiId": poi_id, **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


async def told(shop: Shop, count: int, poi_id: str = "s1", **asked: Any) -> list[dict[str, Any]]:
    """The newest rows of this kind, once there are so many."""
    async with asyncio.timeout(10):
        while len(found := await rows(shop, poi_id, **asked)) < count:  # noqa: ASYNC110 - the timers announce nothing
            await asyncio.sleep(0.02)
    return found


async def assert_sound(shop: Shop) -> None:
    catalogue = shop.service.catalog.current
    async for store in shop.service.database.audit():
        assert findings(store, catalogue) == []
        outbox = sorted(store.outbox, key=lambda row: row.seq)  # without those that are published already
        assert [row.prev_seq for row in outbox[1:]] == [row.seq for row in outbox[:-1]]


async def put(shop: Shop, kind: str, body: Any) -> None:
    answer = await shop.call("PUT", f"/api/v1/{kind}", json=body)
    assert answer.status_code == 200, answer.text


def item(object_id: int, **fields: Any) -> dict[str, Any]:
    return {"brandId": "fox", "object_type": 2, "object_id": object_id, "name": {"en": "x", "zh": "x"}, **fields}


async def test_a_combo_has_a_row_of_its_own_when_its_component_is_86ed(own_shop: Shop) -> None:
    shop = own_shop
    parts = [{"object_id": RICE, "quantity": 1}, {"object_id": SOUP, "quantity": 1}]
    await put(shop, "items", item(SET_MEAL, components=parts))
    fox = {"brandId": "fox", "poiId": "s1"}
    sold_out = await shop.post("/api/v1/poi/stock/update", {**fox, "object_id": RICE, "stock_status": 2})
    assert sold_out.status_code == 200
    (row,) = await rows(shop, object_id=SET_MEAL)
    assert (row["kind"], row["source"], row["quantity"], row["changes"]) == ("flip", "engine", 0, [])
    turned = {code: [True, False] for code in ("EMENU", "KIOSK", "ONLINE_ORDER", "POS")}
    assert row["details"] == {"sellable": turned}
    assert row["seq"] == sold_out.json()["version"] + 1
    assert [each["seq"] for each in await rows(shop, kind="flip")] == [row["seq"]]
    await assert_sound(shop)


async def test_a_store_that_closes_is_told_of_once(own_shop: Shop) -> None:
    shop = own_shop
    await put(
        shop, "stores", {"brandId": "fox", "poiId": "s1", "name": "s1", "time_zone": "Asia/Tokyo", "status": "closed"}
    )
    (row,) = await told(shop, 1, kind="store")
    assert (row["object_type"], row["object_id"], row["source"]) == (0, 0, "timer")
    assert row["details"] == {
        "brand_open": True, "store_open": False, "time_zone": "Asia/Tokyo", "business_day_start": "04:00",
    }  # fmt: skip
    await put(shop, "brands", {"brandId": "fox", "name": "Fox", "status": "closed"})
    newest, *_ = await told(shop, 2, kind="store")
    assert newest["details"]["brand_open"] is False
    await put(shop, "brands", {"brandId": "fox", "name": "Fox", "status": "open"})
    await told(shop, 3, kind="store")
    export = await shop.call("GET", f"{LOG}/export", params={"brandId": "fox", "poiId": "s1", "kind": "store"})
    assert len(export.text.splitlines()) == 4
    answer = await shop.call("DELETE", "/api/v1/stores", params={"brandId": "fox", "poiId": "s1"})
    assert answer.status_code in {200, 204}, answer.text

    async def books() -> Any:
        return [each async for each in shop.service.database.audit() if each.store.poi_id == "s1"]

    async with asyncio.timeout(10):
        while '{"deleted":true}' not in {row.content for each in await books() for row in each.logs}:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    await assert_sound(shop)


async def test_what_leaves_the_menu_is_told_of_where_it_has_a_row(own_shop: Shop) -> None:
    shop = own_shop
    await shop.stock(CAKE, 5)
    await shop.stock(CAKE, 5, "s2")
    for object_id in (CAKE, TEA):
        query = {"brandId": "fox", "object_type": 2, "object_id": object_id}
        answer = await shop.call("DELETE", "/api/v1/items", params=query)
        assert answer.status_code in {200, 204}, answer.text
    for poi_id in ("s1", "s2"):
        (row,) = await told(shop, 1, poi_id, kind="flip")
        assert (row["object_id"], row["details"]) == (CAKE, {"deleted": True})
    await put(shop, "items", item(CAKE))
    await told(shop, 2, kind="flip", object_id=CAKE)
    await assert_sound(shop)
