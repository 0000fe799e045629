"""What is kept for a channel, over HTTP: shares by weight, guarantees that flow back, caps and policies."""

from typing import Any

from .shop import CAKE, RICE, SOUP, TEA, Shop

UPDATE = "/api/v1/poi/stock/update"
RELEASE = "/api/v1/poi/stock/guarantees/release"


async def set_stock(shop: Shop, object_id: int, *channels: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The row after a setting in store s2."""
    body = {"brandId": "fox", "poiId": "s2", "object_id": object_id, **fields, "channel_stocks": list(channels)}
    answer = await shop.post(UPDATE, body)
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] = answer.json()
    return row


async def release(shop: Shop, **fields: Any) -> list[Any]:
    """What flowed back in store s2, as (object_id, channel_code, quantity)."""
    answer = await shop.post(RELEASE, {"brandId": "fox", "poiId": "s2", **fields})
    assert answer.status_code == 200, answer.text
    return [(each["object_id"], each["channel_code"], each["quantity"]) for each in answer.json()["released"]]


async def test_weights_share_what_is_there(shop: Shop) -> None:
    row = await set_stock(
        shop,
        CAKE,
        {"channel_code": "POS", "weight": 2},
        {"channel_code": "KIOSK", "weight": "1"},
        stock_type=2,
        real_quantity=10,
        allocation="guarantee",
    )
    assert row["allocation"] == "guarantee"
    parts = {each["channel_code"]: each["guarantee_quantity"] for each in row["channel_stocks"]}
    assert parts == {"POS": 7, "KIOSK": 3}
    assert await shop.left(CAKE, "s2", "ONLINE_ORDER") == 0
    assert await shop.left(CAKE, "s2", "POS") == 7
    row = await set_stock(shop, CAKE, allocation="none")
    assert [each["guarantee_quantity"] for each in row["channel_stocks"]] == [0, 0]
    body = {"brandId": "fox", "poiId": "s2", "object_id": CAKE, "allocation": "halves"}
    refused = await shop.post(UPDATE, body)
    assert (refused.status_code, refused.json()["field"]) == (422, "allocation")


async def test_guarantees_flow_back_on_demand(shop: Shop) -> None:
    for object_id in (RICE, SOUP):
        kept = {"channel_code": "ONLINE_ORDER", "guarantee_quantity": 4}
        await set_stock(shop, object_id, kept, stock_type=2, real_quantity=10)
    assert await shop.left(RICE, "s2", "POS") == 6
    assert await release(shop, object_ids=[RICE], reason="a quiet evening") == [(RICE, "ONLINE_ORDER", 4)]
    assert await shop.left(RICE, "s2", "POS") == 10
    assert await shop.left(SOUP, "s2", "POS") == 6
    order = shop.new_order()
    assert (await shop.lock(order, (SOUP, 1), poi_id="s2", channel_code="ONLINE_ORDER")).status_code == 200
    assert await release(shop, all=True) == [(SOUP, "ONLINE_ORDER", 3)]
    assert await shop.left(SOUP, "s2", "POS") == 9
    assert await release(shop, all=True) == []
    await shop.verb("unlock", order, "s2")


async def test_what_a_release_refuses(shop: Shop) -> None:
    books = await shop.books()
    for fields, status, code, field in (
        ({}, 422, "EMPTY", "object_ids"),
        ({"object_ids": []}, 422, "EMPTY", "object_ids"),
        ({"object_ids": [RICE], "all": True}, 422, "VALUE_INVALID", "all"),
        ({"object_ids": [TEA, 999]}, 404, "ITEM_NOT_FOUND", "object_ids[1]"),
        ({"object_ids": [TEA, 0]}, 422, "NUMBER_OUT_OF_RANGE", "object_ids[1]"),
        ({"object_ids": [RICE] * 1001}, 422, "TOO_MANY", "object_ids"),
        ({"all": True, "poiId": "s9"}, 404, "STORE_NOT_FOUND", "poiId"),
    ):
        answer = await shop.post(RELEASE, {"brandId": "fox", "poiId": "s2", **fields})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert await shop.books() == books
