"""What a POS reports over HTTP: what it may say, what it is told, and that a refusal changes nothing."""

from typing import Any

import httpx
import pytest

from .shop import CAKE, RICE, SOUP, TEA, Shop

PATH = "/api/v1/poi/stock/sync-from-pos"


async def report(shop: Shop, object_id: int, updated_at: str | None, **fields: Any) -> httpx.Response:
    named = {"brandId": "fox", "poiId": "s1", "object_id": object_id, "updated_at": updated_at}
    headers = fields.pop("headers", {})
    return await shop.post(PATH, {**named, **fields}, headers=headers)


async def row(shop: Shop, object_id: int) -> Any:
    """The row as it is: a report on no base is told it."""
    answer = await report(shop, object_id, "2000-01-01T00:00:00Z", stock_status=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "STALE_REPORT"), answer.text
    return answer.json()["stock"]


async def test_a_whole_row_as_the_contract_has_it(own_shop: Shop) -> None:
    whole = {
        "object_type": 2, "stock_status": 1, "stock_type": 2, "plan_quantity": 20, "real_quantity": "12.5",
        "manual": False, "auto_restore_type": 0, "auto_restore_at": None, "event_id": "till-1-0001",
        "channel_stocks": [{"channel_code": "KIOSK", "stock_status": 1, "stock_type": 2, "limit_quantity": 5,
                            "guarantee_quantity": 2, "weight": 1}],
    }  # fmt: skip
    first = await report(own_shop, TEA, None, **whole)
    assert first.status_code == 200, first.text
    told = first.json()
    assert (told["real_quantity"], told["plan_quantity"], told["stock_type"]) == (12.5, 20, 2)
    assert (told["real_applied"], told["replayed"], told["settings_version"]) == (True, False, 1)
    assert told["version"] > 0
    assert [each["limit_quantity"] for each in told["channel_stocks"]] == [5]
    again = await report(own_shop, TEA, None, **whole)
    assert (again.status_code, again.json()) == (200, told | {"replayed": True})
    log = await own_shop.post("/api/v1/poi/stock/log", {"brandId": "fox", "poiId": "s1", "object_id": TEA})
    [entry] = log.json()["rows"]
    assert (entry["source"], entry["event_id"], entry["seq"]) == ("pos", "till-1-0001", told["version"])


async def test_a_report_that_is_behind_is_told_the_row_with_its_channels(own_shop: Shop) -> None:
    seen = await row(own_shop, RICE)
    cap = {"brandId": "fox", "poiId": "s1", "object_id": RICE, "channel_stocks": [{"channel_code": "POS", "weight": 3}]}
    assert (await own_shop.post("/api/v1/poi/stock/update", cap)).status_code == 200
    before = await own_shop.books()
    late = await report(own_shop, RICE, seen["updated_at"], stock_status=2, headers={"accept-language": "zh-CN"})
    assert late.status_code == 409
    told = late.json()
    assert (told["code"], told["message"], told["retryable"]) == ("STALE_REPORT", "库存已被其他操作修改。", False)
    assert told["stock"]["settings_version"] == seen["settings_version"] + 1
    assert [each["weight"] for each in told["stock"]["channel_stocks"]] == [3]
    assert await own_shop.books() == before


async def test_a_count_amid_orders(own_shop: Shop) -> None:
    await own_shop.stock(SOUP, 10)
    seen = await row(own_shop, SOUP)
    await own_shop.lock("o", (SOUP, 4))
    await own_shop.verb("deduct", "o")
    before = await own_shop.books()
    fields = {"stock_status": 1, "stock_type": 2, "real_quantity": 12}
    missing = await report(own_shop, SOUP, seen["updated_at"], **fields)
    assert (missing.status_code, missing.json()["code"]) == (409, "COUNT_BASE_MISSING")
    assert missing.json()["stock"]["real_quantity"] == 6
    assert await own_shop.books() == before
    echo = await report(own_shop, SOUP, seen["updated_at"], **fields | {"real_quantity": 8, "plan_quantity": 11})
    assert (echo.status_code, echo.json()["real_applied"], echo.json()["real_quantity"]) == (200, False, 6)
    assert echo.json()["plan_quantity"] == 11
    more = await report(own_shop, SOUP, echo.json()["updated_at"], **fields, base_real_quantity=10)
    assert (more.status_code, more.json()["real_applied"], more.json()["real_quantity"]) == (200, True, 8)


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"updated_at": "yesterday"}, 400, "WRONG_TYPE", "updated_at"),
        ({"updated_at": "2026-11-26T09:00:00"}, 400, "WRONG_TYPE", "updated_at"),
        ({"sold_out": True}, 400, "UNKNOWN_FIELD", "sold_out"),
        ({"object_id": 404_404}, 404, "ITEM_NOT_FOUND", "object_id"),
        ({"object_id": 404_404, "real_quantity": -1}, 404, "ITEM_NOT_FOUND", "object_id"),
        ({"poiId": "s9"}, 404, "STORE_NOT_FOUND", "poiId"),
        ({"channel_stocks": [{"channel_code": "NO"}]}, 404, "CHANNEL_NOT_FOUND", "channel_stocks[0].channel_code"),
        ({"real_quantity": -1}, 422, "QUANTITY_OUT_OF_RANGE", "real_quantity"),
        ({"object_id": CAKE, "real_quantity": 0.5}, 422, "QUANTITY_TOO_FINE", "real_quantity"),
        ({"object_id": CAKE, "base_real_quantity": 0.5}, 422, "QUANTITY_TOO_FINE", "base_real_quantity"),
        ({"base_real_quantity": -1}, 422, "QUANTITY_OUT_OF_RANGE", "base_real_quantity"),
        ({"stock_status": 3}, 422, "NUMBER_OUT_OF_RANGE", "stock_status"),
        ({"event_id": " x"}, 422, "ID_INVALID", "event_id"),
        ({"auto_restore_at": "2030-01-01T00:00:00Z"}, 422, "SETTING_INVALID", "auto_restore_at"),
    ],
)
async def test_what_is_wrong_is_named(shop: Shop, fields: dict[str, Any], status: int, code: str, field: str) -> None:
    before = await shop.books()
    named = {"brandId": "fox", "poiId": "s1", "object_id": CAKE, "stock_type": 2, "updated_at": None}
    answer = await shop.post(PATH, named | fields)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field), answer.text
    assert await shop.books() == before


async def test_the_base_must_be_told(shop: Shop) -> None:
    answer = await shop.post(PATH, {"brandId": "fox", "poiId": "s1", "object_id": CAKE, "stock_status": 2})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "MISSING_FIELD", "updated_at")
