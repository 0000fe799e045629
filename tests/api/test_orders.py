"""Every verb's happy path over HTTP, and what the answers look like to the letter."""

from urllib.parse import quote

from .shop import RICE, SOUP, TEA, Shop


async def test_an_order_from_lock_to_return(shop: Shop) -> None:
    await shop.stock(RICE, 10)
    order = shop.new_order()
    locked = await shop.lock(order, (RICE, "2.50"), (TEA, 1))
    assert locked.status_code == 200
    body = locked.json()
    assert body.pop("expires_at").endswith("Z")
    assert body == {
        "order_id": order, "state": "LOCKED", "replayed": False,
        "lines": [
            {"sku_id": RICE, "line_no": 0, "requested_quantity": 2.5, "quantity": 2.5, "state": "LOCKED"},
            {"sku_id": TEA, "line_no": 0, "requested_quantity": 1, "quantity": 1, "state": "LOCKED"},
        ],
    }  # fmt: skip
    assert '"requested_quantity":2.5,' in locked.text  # no trailing zero
    assert await shop.left(RICE) == 7.5

    replay = await shop.lock(order, (RICE, 2.5), (TEA, "1.0"))
    assert (replay.status_code, replay.json()["replayed"]) == (200, True)

    deducted = await shop.verb("deduct", order)
    assert (deducted.json()["state"], deducted.json()["expires_at"]) == ("DEDUCTED", None)
    back = {"sku_id": RICE, "quantity": 1, "restock": True}
    returned = await shop.verb("return", order, request_id=f"r-{order}", lines=[back])
    assert returned.status_code == 200
    assert await shop.left(RICE) == 8.5

    held = await shop.call("GET", f"/api/v1/stock/orders/{order}", params={"brandId": "fox", "poiId": "s1"})
    line = held.json()["lines"][0]
    assert (line["returned_quantity"], line["restocked_quantity"], line["state"]) == (1, 1, "DEDUCTED")


async def test_amend_and_unlock(shop: Shop) -> None:
    await shop.stock(SOUP, 10)
    order = shop.new_order()
    await shop.lock(order, (SOUP, 4))
    amended = await shop.verb("amend", order, request_id=f"a-{order}", lines=[{"sku_id": SOUP, "quantity": 6}])
    assert amended.json()["lines"][0]["quantity"] == 6
    assert await shop.left(SOUP) == 4
    unlocked = await shop.verb("unlock", order)
    assert unlocked.json()["state"] == "UNLOCKED"
    assert await shop.left(SOUP) == 10
    late = await shop.lock(order, (TEA, 1))
    assert (late.status_code, late.json()["code"]) == (409, "ORDER_CANCELLED")


async def test_a_shortage_is_told_line_by_line_and_changes_nothing(shop: Shop) -> None:
    await shop.stock(RICE, 3)
    before = await shop.books()
    refused = await shop.lock(shop.new_order(), (TEA, 1), (RICE, 5))
    assert refused.status_code == 409
    assert refused.json()["code"] == "OUT_OF_STOCK"
    assert refused.json()["shortages"] == [
        {"sku_id": RICE, "line_no": 0, "requested": 5, "available": 3, "blocked_by": "quantity",
         "blocked_object": {"object_type": 2, "object_id": RICE}}
    ]  # fmt: skip
    assert str(RICE) in refused.json()["message"]
    assert await shop.books() == before


async def test_a_batch_decides_each_operation_on_its_own(shop: Shop) -> None:
    await shop.stock(RICE, 3)
    one, two = shop.new_order(), shop.new_order()
    base = {"brandId": "fox", "poiId": "s1"}
    lock = {**base, "op": "lock", "channel_code": "POS", "lines": [{"sku_id": RICE, "quantity": 2}]}
    operations = [
        {**lock, "order_id": one},
        {**lock, "order_id": two},
        {"op": "explode"},
        {**base, "op": "deduct", "order_id": one},
        {**base, "op": "deduct", "order_id": one, "poiId": "nowhere"},
        {**base, "op": "unlock", "order_id": two, "surplus": 1},
    ]
    answer = await shop.post("/api/v1/stock/batch", {"operations": operations})
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [200, 409, 422, 200, 404, 400]
    assert [result["body"].get("code") for result in results] == [
        None, "OUT_OF_STOCK", "UNKNOWN_VALUE", None, "STORE_NOT_FOUND", "UNKNOWN_FIELD",
    ]  # fmt: skip
    assert results[3]["body"]["state"] == "DEDUCTED"


async def test_an_order_id_may_hold_anything_printable(shop: Shop) -> None:
    for order in ("a/b", "100%", "寿司🍣", "a?b#c", "ends/", "x y"):
        assert (await shop.lock(order, (TEA, 1))).status_code == 200
        path = f"/api/v1/stock/orders/{quote(order, safe='')}"
        held = await shop.call("GET", path, params={"brandId": "fox", "poiId": "s1"})
        assert (held.status_code, held.json()["order_id"]) == (200, order)
        if order == "a/b":  # the slash as it is: never the answer about an order "b"
            bare = await shop.call("GET", "/api/v1/stock/orders/a/b", params={"brandId": "fox", "poiId": "s1"})
            assert bare.json() == held.json()
        assert (await shop.verb("unlock", order)).status_code == 200


async def test_an_unknown_order_is_a_404(shop: Shop) -> None:
    held = await shop.call("GET", "/api/v1/stock/orders/nobody", params={"brandId": "fox", "poiId": "s1"})
    assert (held.status_code, held.json()["code"]) == (404, "ORDER_NOT_FOUND")
