"""What is kept for a channel, over HTTP: shares by weight, guarantees that flow back, caps and policies."""

from typing import Any

import pytest

from .shop import CAKE, RICE, SOUP, TEA, Shop

UPDATE = "/api/v1/poi/stock/update"
RELEASE = "/api/v1/poi/stock/guarantees/release"
ALERTS = "/api/v1/poi/stock/alerts"


@pytest.fixture(scope="module", name="shop")
def _shop(module_shop: Shop) -> Shop:
    return module_shop


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


async def alerts(shop: Shop, **query: Any) -> dict[str, Any]:
    answer = await shop.call("GET", ALERTS, params={"brandId": "owl", "poiId": "s1", **query})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_what_runs_low_is_told_once(shop: Shop) -> None:
    owl = {"brandId": "owl", "poiId": "s1"}
    assert await alerts(shop) == {"items": [], "cursor": None}
    kiosk = {"channel_code": "KIOSK", "limit_quantity": 4, "low_quantity": 2}
    body = {**owl, "object_id": RICE, "stock_type": 2, "real_quantity": 10, "low_quantity": 5.5}
    row = (await shop.post(UPDATE, {**body, "channel_stocks": [kiosk]})).json()
    assert (row["low_quantity"], row["is_low"]) == (5.5, False)
    assert [(each["low_quantity"], each["is_low"]) for each in row["channel_stocks"]] == [(2, False)]
    line = [{"sku_id": RICE, "quantity": 3}]
    for order, code in (("a", "POS"), ("b", "KIOSK"), ("c", "POS")):
        lock = {**owl, "order_id": order, "channel_code": code, "lines": line}
        assert (await shop.post("/api/v1/stock/lock", lock)).status_code == 200
    shown = (await alerts(shop))["items"]
    low = {"object_type": 2, "object_id": RICE, "kind": "low_stock"}
    assert [{**each, "raised_at": None} for each in shown] == [
        {**low, "channel_code": "KIOSK", "quantity": 1, "threshold": 2, "raised_at": None},
        {**low, "channel_code": None, "quantity": 4, "threshold": 5.5, "raised_at": None},
    ]
    first = await alerts(shop, limit=1)
    last = await alerts(shop, limit=1, cursor=first["cursor"])
    assert first["items"] + last["items"] == shown
    assert last["cursor"] is None
    key = await shop.make_key("channel", brandId="owl", channel_code="KIOSK")
    own = await shop.call("GET", ALERTS, params=owl, key=key)
    assert [each["channel_code"] for each in own.json()["items"]] == ["KIOSK"]
    row = (await shop.post(UPDATE, {**owl, "object_id": RICE, "low_quantity": None})).json()
    assert (row["low_quantity"], row["is_low"]) == (None, False)
    assert [each["is_low"] for each in row["channel_stocks"]] == [True]


async def test_what_alerts_and_thresholds_refuse(shop: Shop) -> None:
    for query, status, field in (
        ({"cursor": "nonsense"}, 422, "cursor"),
        ({"limit": 0}, 422, "limit"),
        ({"poiId": "s9"}, 404, "poiId"),
    ):
        answer = await shop.call("GET", ALERTS, params={"brandId": "owl", "poiId": "s1", **query})
        assert (answer.status_code, answer.json()["field"]) == (status, field)
    books = await shop.books()
    cake = {"brandId": "fox", "poiId": "s2", "object_id": CAKE}
    kiosk = {"channel_code": "KIOSK", "low_quantity": 0.5}
    for fields, field in (({"low_quantity": 0.5}, "low_quantity"), ({"channel_stocks": [kiosk]}, "channel_stocks[0].")):
        answer = await shop.post(UPDATE, {**cake, **fields})
        assert (answer.status_code, answer.json()["code"]) == (422, "QUANTITY_TOO_FINE")
        assert answer.json()["field"].startswith(field)
    assert await shop.books() == books


async def channel(shop: Shop, code: str, **fields: Any) -> Any:
    body = {"brandId": "fox", "channel_code": code, "name": code, "place": "in_store", "party": "own", **fields}
    return await shop.call("PUT", "/api/v1/channels", json=body)


async def test_a_channel_may_sell_beyond_the_count_as_its_policy_says(shop: Shop) -> None:
    assert (await channel(shop, "TABLET", oversell="warn", expires_in=120)).status_code == 200
    assert (await channel(shop, "HATCH", oversell="allow", party="third")).status_code == 200
    listed = await shop.call("GET", "/api/v1/channels", params={"brandId": "fox"})
    shown = {each["channel_code"]: each for each in listed.json()["items"]}
    assert shown["TABLET"]["expires_in"] == 120
    assert (shown["HATCH"]["party"], shown["HATCH"]["oversell"]) == ("third", "allow")
    assert {shown[code]["oversell"] for code in ("POS", "KIOSK", "EMENU", "ONLINE_ORDER")} == {"deny"}
    await set_stock(shop, SOUP, stock_type=2, real_quantity=2)
    for code, fields, status in (
        ("POS", {"reason": "seen on the counter"}, 409),
        ("TABLET", {}, 409),
        ("TABLET", {"reason": "seen on the counter"}, 200),
        ("HATCH", {}, 200),
    ):
        order = shop.new_order()
        answer = await shop.lock(order, (SOUP, 3), poi_id="s2", channel_code=code, **fields)
        assert answer.status_code == status, answer.text
        if status == 409:
            assert (answer.json()["code"], answer.json()["shortages"][0]["blocked_by"]) == ("OUT_OF_STOCK", "quantity")
            continue
        incidents = [
            each
            async for store in shop.service.database.audit()
            if (store.store.brand_id, store.store.poi_id) == ("fox", "s2")
            for each in store.incidents
        ]
        newest = max(incidents, key=lambda each: each.seq)
        assert (newest.kind, newest.order_id, newest.reason) == ("policy_sale", order, fields.get("reason"))
        await shop.verb("unlock", order, "s2")


async def test_an_online_channel_always_denies(shop: Shop) -> None:
    for policy in ("warn", "allow"):
        refused = await channel(shop, "RIDER", place="online", oversell=policy)
        assert (refused.status_code, refused.json()["field"]) == (422, "oversell")
    assert (await channel(shop, "RIDER", place="online", party="third")).status_code == 200
    await set_stock(shop, SOUP, stock_type=2, real_quantity=2)
    refused = await shop.lock(shop.new_order(), (SOUP, 3), poi_id="s2", channel_code="RIDER", reason="please")
    assert (refused.status_code, refused.json()["code"]) == (409, "OUT_OF_STOCK")
    forced = {"poi_id": "s2", "channel_code": "RIDER", "reason": "please", "force": True}
    refused = await shop.lock(shop.new_order(), (SOUP, 3), **forced)
    assert (refused.status_code, refused.json()["code"]) == (422, "FORCE_NOT_ALLOWED")


async def test_a_channel_may_be_sold_out_capped_and_closed(shop: Shop) -> None:
    assert (await channel(shop, "WINDOW")).status_code == 200
    window = {"channel_code": "WINDOW", "stock_status": 2}
    await set_stock(shop, TEA, window)
    refused = await shop.lock(shop.new_order(), (TEA, 1), poi_id="s2", channel_code="WINDOW")
    [short] = refused.json()["shortages"]
    assert (short["blocked_by"], short["blocked_object"]) == ("channel", {"object_type": 2, "object_id": TEA})
    assert (await shop.lock(shop.new_order(), (TEA, 1), poi_id="s2", channel_code="POS")).status_code == 200
    await set_stock(shop, TEA, {**window, "stock_status": 1, "limit_quantity": 2})
    refused = await shop.lock(shop.new_order(), (TEA, 3), poi_id="s2", channel_code="WINDOW")
    [short] = refused.json()["shortages"]
    assert (short["blocked_by"], short["available"]) == ("channel_quantity", 2)
    held = shop.new_order()
    assert (await shop.lock(held, (TEA, 2), poi_id="s2", channel_code="WINDOW")).status_code == 200
    # closing the channel takes it out of the brand: nothing new is sold, what is held is still paid for
    closed = await shop.call("DELETE", "/api/v1/channels", params={"brandId": "fox", "channel_code": "WINDOW"})
    assert closed.status_code == 204
    refused = await shop.lock(shop.new_order(), (TEA, 1), poi_id="s2", channel_code="WINDOW")
    assert (refused.status_code, refused.json()["code"]) == (404, "CHANNEL_NOT_FOUND")
    assert (await shop.verb("deduct", held, "s2")).status_code == 200


async def test_a_setting_tells_what_it_made_of_channels(shop: Shop) -> None:
    row = await set_stock(
        shop,
        CAKE,
        {"channel_code": "EMENU", "weight": 1, "low_quantity": 1},
        stock_type=2,
        real_quantity=6,
        allocation="guarantee",
        low_quantity=2,
    )
    told = {(each["field"], each["channel_code"]): (each["before"], each["after"]) for each in row["changes"]}
    assert told["allocation", None] == ("none", "guarantee")
    assert told["low_quantity", None] == (None, 2)
    assert told["low_quantity", "EMENU"] == (None, 1)
    assert told["guarantee_quantity", "EMENU"][1] > 0
    assert "released_at" not in {field for field, _ in told}
