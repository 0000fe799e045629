"""Setting stock over HTTP: a result for each item, and a refused one doesn't hold up the others."""

from typing import Any

from .shop import RICE, TEA, Shop


def setting(object_id: int, **fields: Any) -> dict[str, Any]:
    return {"object_type": 2, "object_id": object_id, **fields}


async def test_each_item_has_a_result_of_its_own(shop: Shop) -> None:
    await shop.stock(RICE, 3)
    body = {
        "brandId": "fox", "poiId": "s1",
        "items": [
            setting(RICE, real_quantity=7),
            setting(404_404, real_quantity=7),
            setting(TEA, real_quantity="0.125"),
            setting(RICE, real_quantity=9, expected_version=999_999),
            setting(RICE, channel_stocks=[{"channel_code": "NOBODY", "limit_quantity": 1}]),
        ],
    }  # fmt: skip
    answer = await shop.post("/api/v1/poi/stock/update", body)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    told = [(each["status"], each["body"].get("code"), each["body"].get("field")) for each in results]
    assert told == [
        (200, None, None),
        (404, "ITEM_NOT_FOUND", "object_id"),
        (422, "QUANTITY_TOO_FINE", "real_quantity"),
        (409, "VERSION_CONFLICT", None),
        (404, "CHANNEL_NOT_FOUND", "channel_stocks[0].channel_code"),
    ]
    assert results[3]["body"]["stock"]["real_quantity"] == 7
    assert await shop.left(RICE) == 7


async def test_one_item_is_answered_by_its_own_status(shop: Shop) -> None:
    before = await shop.books()
    answer = await shop.post("/api/v1/poi/stock/update", {"brandId": "fox", "poiId": "s1", **setting(404_404)})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (404, "ITEM_NOT_FOUND", "object_id")
    assert await shop.books() == before


async def test_a_channel_of_which_nothing_is_set_gets_no_row(own_shop: Shop) -> None:
    """On sale, without a cap, is what a channel without a row is."""
    before = await own_shop.books()
    nothing = {"channel_code": "POS", "stock_status": 1, "limit_quantity": None, "guarantee_quantity": 0, "weight": 0}
    body = {"brandId": "fox", "poiId": "s1", "object_id": TEA, "channel_stocks": [nothing]}
    answer = await own_shop.post("/api/v1/poi/stock/update", body)
    assert (answer.status_code, answer.json()["replayed"]) == (200, True)
    assert await own_shop.books() == before


async def test_what_does_not_exist_is_told_before_what_is_wrong(shop: Shop) -> None:
    before = await shop.books()
    cap = {"channel_code": "NOBODY", "limit_quantity": -1}
    for fields, code, field in (
        ({"object_id": 404_404, "real_quantity": -1}, "ITEM_NOT_FOUND", "object_id"),
        ({"object_id": 404_404, "op": "add", "quantity": 1}, "ITEM_NOT_FOUND", "object_id"),
        ({"object_id": TEA, "channel_stocks": [cap]}, "CHANNEL_NOT_FOUND", "channel_stocks[0].channel_code"),
    ):
        request = {} if "op" not in fields else {"request_id": " "}
        answer = await shop.post("/api/v1/poi/stock/update", {"brandId": "fox", "poiId": "s1", **fields, **request})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (404, code, field)
    assert await shop.books() == before


async def test_manual_says_nothing_without_a_status(shop: Shop) -> None:
    before = await shop.books()
    body = {"brandId": "fox", "poiId": "s1", "object_id": RICE, "manual": True}
    answer = await shop.post("/api/v1/poi/stock/update", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "SETTING_INVALID", "manual")
    assert await shop.books() == before
