"""Incidents over HTTP: who finds which, whom they affect, and how staff resolve them."""

from typing import Any

import pytest

from eightysix.core.audit import findings

from .conftest import open_shop
from .shop import CAKE, RICE, SOUP, Shop


@pytest.fixture
async def shop(tmp_path: Any) -> Any:
    async with open_shop(tmp_path) as own:
        yield own


async def forced(shop: Shop, sku_id: int, quantity: Any, poi_id: str = "s1", **fields: Any) -> str:
    """An order beyond what is there; its id."""
    order = shop.new_order()
    answer = await shop.lock(order, (sku_id, quantity), poi_id=poi_id, force=True, reason="on the counter", **fields)
    assert answer.status_code == 200, answer.text
    return order


async def page(shop: Shop, key: str | None = None, **query: Any) -> Any:
    answer = await shop.call("GET", "/api/v1/incidents", key=key, params={"brandId": "fox", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def newest(shop: Shop) -> Any:
    return (await page(shop, limit=1))["items"][0]


async def look(shop: Shop, incident: Any) -> Any:
    answer = await shop.call("GET", f"/api/v1/incidents/{incident['incident_id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def resolve(shop: Shop, incident: Any, how: str, key: str | None = None, **fields: Any) -> Any:
    body = {"how": how, "reason": "seen", **fields}
    return await shop.call("POST", f"/api/v1/incidents/{incident['incident_id']}/resolve", key=key, json=body)


async def clean(shop: Shop) -> None:
    async for store in shop.service.database.audit():
        assert findings(store, shop.service.catalog.current) == []


async def test_an_incident_and_whom_it_affects(shop: Shop) -> None:
    await shop.stock(SOUP, 3)
    first = shop.new_order()
    await shop.lock(first, (SOUP, 2))
    order = await forced(shop, SOUP, 2.5)
    incident = await newest(shop)
    assert {name: incident[name] for name in ("brandId", "poiId", "kind", "object_id", "quantity", "order_id")} == {
        "brandId": "fox", "poiId": "s1", "kind": "forced_sale", "object_id": SOUP, "quantity": 1.5, "order_id": order,
    }  # fmt: skip
    assert (incident["reason"], incident["resolved_at"], incident["how"]) == ("on the counter", None, None)
    shown = await look(shop, incident)
    assert {name: shown[name] for name in incident} == incident
    assert shown["uncovered_quantity"] == 1.5
    assert (shown["stock"]["oversold_quantity"], shown["stock"]["locked_quantity"]) == (1.5, 4.5)
    affected = [
        (each["order_id"], each["quantity"], each["held_quantity"], each["hub_id"]) for each in shown["affected"]
    ]
    assert affected == [(order, 2.5, 2.5, None), (first, 2, 2, None)]


async def test_cancelling_is_done_once_and_told_again(shop: Shop) -> None:
    await shop.stock(SOUP, 1)
    order = await forced(shop, SOUP, 2)
    incident = await newest(shop)
    answer = await resolve(shop, incident, "cancel")
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert [(line["order_id"], line["quantity"]) for line in done["cancelled"]] == [(order, 2)]
    assert (done["how"], done["resolution"], done["opened"], done["replayed"]) == ("cancel", "seen", None, False)
    assert done["resolved_at"] is not None
    assert (done["uncovered_quantity"], done["stock"]["oversold_quantity"]) == (0, 0)
    again = (await resolve(shop, incident, "cancel")).json()
    assert again == done | {"replayed": True}
    other = await resolve(shop, incident, "accept")
    assert (other.status_code, other.json()["code"]) == (409, "ALREADY_RESOLVED")
    paid = await shop.verb("deduct", order)
    assert (paid.status_code, paid.json()["code"]) == (409, "ALREADY_UNLOCKED")
    assert await shop.left(SOUP) == 1
    await clean(shop)


async def test_what_is_paid_is_accepted_or_counted(shop: Shop) -> None:
    await shop.stock(SOUP, 1)
    await shop.verb("deduct", await forced(shop, SOUP, 2))
    incident = await newest(shop)
    before = await shop.books()
    refused = await resolve(shop, incident, "cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "NOTHING_TO_CANCEL")
    assert await shop.books() == before
    done = (await resolve(shop, incident, "accept")).json()
    assert (done["stock"]["real_quantity"], done["stock"]["oversold_quantity"]) == (0, 0)
    assert await shop.left(SOUP) == 0
    await shop.stock(RICE, 5)
    await shop.lock(shop.new_order(), (RICE, 5))
    await shop.stock(RICE, 1)
    done = (await resolve(shop, await newest(shop), "recount", counted_quantity="3.5")).json()
    assert (done["stock"]["real_quantity"], done["uncovered_quantity"]) == (3.5, 1.5)
    assert (done["opened"]["kind"], done["opened"]["quantity"]) == ("count_below_promised", 1.5)
    assert await newest(shop) == done["opened"]
    asked = {"brandId": "fox", "poiId": "s1", "kind": "resolve", "limit": 2}
    told, row = (await shop.post("/api/v1/poi/stock/log", asked)).json()["rows"]
    assert (told["details"]["opened"]["quantity"], told["changes"]) == (1.5, [])
    assert {each["field"]: (each["before"], each["after"]) for each in row["changes"]} == {
        "real_quantity": (1, 3.5), "oversold_quantity": (4, 1.5),
    }  # fmt: skip
    resolved = row["details"]["resolved"]
    assert (resolved["how"], resolved["quantity"], resolved["uncovered"]) == ("recount", 4, 1.5)
    await clean(shop)


async def test_pages_of_a_brand_come_newest_first_each_once(shop: Shop) -> None:
    await shop.stock(SOUP, 0)
    await shop.stock(SOUP, 0, "s2")
    orders = [await forced(shop, SOUP, 1, poi_id) for poi_id in ("s1", "s2", "s2", "s1", "s2")]
    found: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        got = await page(shop, limit=2, **cursor)
        assert len(got["items"]) <= 2
        found += got["items"]
        if got["cursor"] is None:
            break
        cursor = {"cursor": got["cursor"]}
    assert [each["order_id"] for each in found] == orders[::-1]
    assert len({each["incident_id"] for each in found}) == 5
    of_one = (await page(shop, poiId="s1"))["items"]
    assert [each["order_id"] for each in of_one] == [orders[3], orders[0]]
    assert (await resolve(shop, found[0], "accept")).status_code == 200
    assert [each["order_id"] for each in (await page(shop, open="true"))["items"]] == orders[-2::-1]
    assert len((await page(shop, open="false"))["items"]) == 5


async def test_each_sees_and_resolves_their_own(shop: Shop) -> None:
    await shop.stock(CAKE, 0)
    await shop.stock(CAKE, 0, "s2")
    await forced(shop, CAKE, 1)
    await forced(shop, CAKE, 1, "s2")
    [of_second, of_first] = (await page(shop))["items"]
    staff = await shop.make_key("store", brandId="fox", poi_ids=["s1"])
    auditor = await shop.make_key("auditor", brandId="fox")
    hub = await shop.make_key("hub", brandId="fox", poi_ids=["s1"])
    partner = await shop.make_key("order-service", brandId="fox")
    stranger = await shop.make_key("brand", brandId="owl")
    assert (await page(shop, staff))["items"] == [of_first]
    assert (await page(shop, hub))["items"] == [of_first]
    assert (await page(shop, auditor))["items"] == [of_second, of_first]
    for key, incident, status, code in (
        (auditor, of_first, 403, "FORBIDDEN"),
        (hub, of_first, 403, "FORBIDDEN"),
        (partner, of_first, 403, "FORBIDDEN"),
        (stranger, of_first, 404, "BRAND_NOT_FOUND"),
        (staff, of_second, 404, "STORE_NOT_FOUND"),
    ):
        refused = await resolve(shop, incident, "accept", key=key)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    done = await resolve(shop, of_first, "accept", key=staff)
    assert done.status_code == 200
    assert done.json()["resolved_by"] != of_first["actor"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"how": "accept"}, 400, "MISSING_FIELD", "reason"),
        ({"how": "accept", "reason": " "}, 422, "TEXT_INVALID", "reason"),
        ({"how": "forget", "reason": "x"}, 422, "UNKNOWN_VALUE", "how"),
        ({"how": "recount", "reason": "x"}, 400, "MISSING_FIELD", "counted_quantity"),
        ({"how": "accept", "reason": "x", "counted_quantity": 1}, 422, "VALUE_INVALID", "counted_quantity"),
        ({"how": "recount", "reason": "x", "counted_quantity": -1}, 422, "QUANTITY_OUT_OF_RANGE", "counted_quantity"),
        ({"how": "recount", "reason": "x", "counted_quantity": 0.55}, 422, "QUANTITY_TOO_FINE", "counted_quantity"),
    ],
)
async def test_a_wrong_resolution(shop: Shop, body: Any, status: int, code: str, field: str) -> None:
    await shop.stock(SOUP, 0)
    await forced(shop, SOUP, 1)
    incident = await newest(shop)
    before = await shop.books()
    refused = await shop.call("POST", f"/api/v1/incidents/{incident['incident_id']}/resolve", json=body)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (status, code, field)
    assert await shop.books() == before


async def test_what_is_no_incident_is_not_found(shop: Shop) -> None:
    await shop.stock(SOUP, 0)
    await forced(shop, SOUP, 1)
    known = (await newest(shop))["incident_id"]
    for wrong in ("x", known[:-3], known[:-1] + "é", "WzEsMiwzXQ", "WyJmb3giLCJzMSIsOTldA", "WyJmb3giLCJzMSIsOTld"):
        for call in (
            shop.call("GET", f"/api/v1/incidents/{wrong}"),
            shop.call("POST", f"/api/v1/incidents/{wrong}/resolve", json={"how": "accept", "reason": "x"}),
        ):
            refused = await call
            assert (refused.status_code, refused.json()["code"]) == (404, "INCIDENT_NOT_FOUND"), wrong
    for cursor in ("x", "WzEsMiwzXQ", "WzEsIngiLDBd", "WzEsIngiLC0xXQ"):
        refused = await shop.call("GET", "/api/v1/incidents", params={"brandId": "fox", "cursor": cursor})
        assert (refused.status_code, refused.json()["field"]) == (422, "cursor")
