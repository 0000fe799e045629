"""The 86 over HTTP: dishes, a category or a tag, in one store, some or all, with or without an end; and back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from eightysix.core.change import Kind

from .shop import CAKE, RICE, SOUP, TEA, Shop

PATH = "/api/v1/poi/stock/86"
WINGS, THIGH, DISH = 201, 202, 20
"""Two SKUs of one dish, which has the category and the tag that the first of them has not."""


@pytest.fixture(scope="module", autouse=True)
async def menu(shop: Shop) -> None:
    def item(kind: int, object_id: int, **more: Any) -> dict[str, Any]:
        return {"brandId": "fox", "object_type": kind, "object_id": object_id, "name": {"en": "x", "zh": "x"}, **more}

    items = [
        item(1, DISH, category="grill", tags=["chicken", "hot"]),
        item(2, WINGS, spu_id=DISH),
        item(2, THIGH, spu_id=DISH, category="specials", tags=["chicken"]),
    ]
    answer = await shop.call("PUT", "/api/v1/items", content=msgspec.json.encode({"items": items}))
    assert answer.status_code == 200


async def eighty_six(shop: Shop, *, sold_out: bool = True, key: str | None = None, **fields: Any) -> list[Any]:
    answer = await shop.post(PATH, {"brandId": "fox", "sold_out": sold_out, **fields}, key=key)
    assert answer.status_code == 200, answer.text
    results: list[Any] = answer.json()["results"]
    return results


def shown(results: list[Any]) -> list[tuple[Any, ...]]:
    return [(each["poiId"], each["object_id"], each["status"], each["body"].get("stock_status")) for each in results]


async def back(shop: Shop, **fields: Any) -> None:
    await eighty_six(shop, sold_out=False, all=True, **fields)


async def test_a_dish_off_sale_and_back(shop: Shop) -> None:
    await shop.stock(RICE, 7)
    results = await eighty_six(shop, poiId="s1", object_ids=[RICE, TEA, 404], reason="no gas")
    assert shown(results) == [("s1", RICE, 200, 2), ("s1", TEA, 200, 2), ("s1", 404, 404, None)]
    assert (results[0]["body"]["manual"], results[0]["body"]["real_quantity"]) == (True, 7)
    assert results[2]["body"]["code"] == "ITEM_NOT_FOUND"
    rows = [row async for each in shop.service.database.audit() if each.store[1:] == ("fox", "s1") for row in each.logs]
    assert [(row.kind, row.quantity, row.reason) for row in rows[-2:]] == [(Kind.EIGHTY_SIX, 0, "no gas")] * 2
    refused = await shop.lock(shop.new_order(), (RICE, 1))
    assert refused.json()["shortages"][0]["blocked_by"] == "sku"
    before = await shop.books()
    again = await eighty_six(shop, poiId="s1", object_ids=[RICE, TEA, 404], reason="no gas")
    assert [each["body"].get("replayed") for each in again] == [True, True, None]
    assert await shop.books() == before
    results = await eighty_six(shop, sold_out=False, poiId="s1", object_ids=[RICE, TEA])
    assert shown(results) == [("s1", RICE, 200, 1), ("s1", TEA, 200, 1)]
    assert await shop.left(RICE) == 7


async def test_a_whole_dish_by_its_spu(shop: Shop) -> None:
    results = await eighty_six(shop, poiIds=["s1", "s2"], object_type=1, object_ids=[DISH])
    assert shown(results) == [("s1", DISH, 200, 2), ("s2", DISH, 200, 2)]
    refused = await shop.lock(shop.new_order(), (WINGS, 1))
    assert refused.json()["shortages"][0]["blocked_by"] == "spu"
    await back(shop, object_type=1, object_ids=[DISH])
    assert (await shop.lock(shop.new_order(), (WINGS, 1))).status_code == 200


@pytest.mark.parametrize(
    ("what", "skus"),
    [({"category": "grill"}, [WINGS]), ({"category": "specials"}, [THIGH]), ({"tag": "chicken"}, [WINGS, THIGH]),
     ({"tag": "hot"}, [WINGS])],
)  # fmt: skip
async def test_a_category_or_a_tag(shop: Shop, what: dict[str, str], skus: list[int]) -> None:
    results = await eighty_six(shop, all=True, **what)
    assert shown(results) == [(poi_id, sku_id, 200, 2) for poi_id in ("s1", "s2") for sku_id in skus]
    await back(shop, **what)
    assert [await shop.left(sku_id, poi_id) for poi_id in ("s1", "s2") for sku_id in skus] == [None] * 2 * len(skus)


async def test_an_end(shop: Shop) -> None:
    at = (datetime.now(UTC) + timedelta(hours=3)).replace(microsecond=0)
    for until, kind, restore_at in (
        ("next_day", 1, None),
        (at.isoformat(), 1, f"{at:%Y-%m-%dT%H:%M:%S}.000Z"),
        ("never", 2, None),
    ):
        [result] = await eighty_six(shop, poiId="s2", object_ids=[CAKE], until=until)
        body = result["body"]
        assert (body["auto_restore_type"], body["auto_restore_at"]) == (kind, restore_at)
    [result] = await eighty_six(shop, poiId="s2", object_ids=[CAKE])  # what was set before decides
    assert (result["body"]["auto_restore_type"], result["body"]["replayed"]) == (2, True)
    [result] = await eighty_six(shop, sold_out=False, poiId="s2", object_ids=[CAKE])
    assert (result["body"]["auto_restore_type"], result["body"]["stock_status"]) == (0, 1)
    [result] = await eighty_six(shop, poiId="s2", object_ids=[CAKE], until="2020-01-01T00:00:00Z")
    assert (result["status"], result["body"]["field"]) == (422, "until")


async def test_a_store_key_reaches_its_own_stores_only(shop: Shop) -> None:
    key = await shop.make_key("store", brandId="fox", poi_ids=["s1"])
    results = await eighty_six(shop, poiIds=["s1", "s2"], object_ids=[SOUP], key=key)
    assert [(each["poiId"], each["status"]) for each in results] == [("s1", 200), ("s2", 404)]
    results = await eighty_six(shop, sold_out=False, all=True, object_ids=[SOUP], key=key)
    assert [(each["poiId"], each["status"]) for each in results] == [("s1", 200)]


async def test_a_dry_run_writes_nothing(shop: Shop) -> None:
    before = await shop.books()
    results = await eighty_six(shop, all=True, tag="chicken", dry_run=True)
    assert [each["body"]["stock_status"] for each in results] == [2] * 4
    assert await shop.books() == before


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_what_is_wrong_is_said(shop: Shop, language: str) -> None:
    before = await shop.books()
    for fields, status, code, field in (
        ({}, 400, "MISSING_FIELD", "object_ids"),
        ({"object_ids": []}, 422, "EMPTY", "object_ids"),
        ({"object_ids": [RICE], "tag": "hot"}, 422, "VALUE_INVALID", "object_ids"),
        ({"object_ids": [RICE, 0]}, 422, "NUMBER_OUT_OF_RANGE", "object_ids[1]"),
        ({"object_ids": [RICE, TEA, RICE]}, 422, "VALUE_INVALID", "object_ids[2]"),
        ({"object_ids": list(range(1, 1002))}, 422, "TOO_MANY", "object_ids"),
        ({"category": "puddings"}, 404, "ITEM_NOT_FOUND", "category"),
        ({"tag": "puddings"}, 404, "ITEM_NOT_FOUND", "tag"),
        ({"tag": ""}, 422, "TEXT_INVALID", "tag"),
        ({"tag": "hot", "object_type": 1}, 422, "VALUE_INVALID", "object_type"),
        ({"object_ids": [RICE], "until": "soon"}, 422, "VALUE_INVALID", "until"),
        ({"object_ids": [RICE], "until": "2026-01-01T00:00:00"}, 422, "VALUE_INVALID", "until"),
        ({"object_ids": [RICE], "until": "never", "sold_out": False}, 422, "VALUE_INVALID", "until"),
        ({"object_ids": [RICE], "poiId": None}, 400, "MISSING_FIELD", "poiId"),
        ({"object_ids": [RICE], "poiId": "nowhere"}, 404, "STORE_NOT_FOUND", "poiId"),
        ({"object_ids": [0], "poiId": "nowhere"}, 404, "STORE_NOT_FOUND", "poiId"),
        ({"object_ids": [0], "brandId": "nobody"}, 404, "BRAND_NOT_FOUND", "brandId"),
    ):
        body = {"brandId": "fox", "poiId": "s1", "sold_out": True, **fields}
        answer = await shop.post(PATH, body, headers={"accept-language": language})
        told = answer.json()
        assert (answer.status_code, told["code"], told.get("field")) == (status, code, field), fields
        assert told["message"].isascii() is (language == "en")
    empty = msgspec.json.encode({"brandId": "empty", "name": "No stores"})
    assert (await shop.call("PUT", "/api/v1/brands", content=empty)).status_code == 200
    body = {"brandId": "empty", "all": True, "object_ids": [RICE], "sold_out": True}
    answer = await shop.post(PATH, body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (404, "STORE_NOT_FOUND", "all")
    assert (await shop.books())[1:] == before[1:]
