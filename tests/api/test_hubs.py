"""Pairing a store's hub, listing hubs, and what a hub asks of the configuration."""

from typing import Any

import httpx
import msgspec
import pytest

from eightysix.catalog.hubs import Hubs, code_hash, new_code
from eightysix.catalog.store_copy import rows_of
from eightysix.storage import schema
from eightysix.wire.hub import CODE_SECONDS, PairBody
from eightysix.wire.problem import Problem, Rejection
from eightysix.wire.store_copy import StoreCopy

from .shop import RICE, SOUP, Shop

S1 = {"brandId": "fox", "poiId": "s1"}


async def invited(shop: Shop, poi_id: str = "s1", **more: Any) -> str:
    answer = await shop.post("/api/v1/hubs/code", {"brandId": "fox", "poiId": poi_id}, **more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


async def paired(shop: Shop, poi_id: str = "s1") -> dict[str, Any]:
    answer = await pair(shop, await invited(shop, poi_id))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def pair(shop: Shop, code: str, name: str = "Hub") -> httpx.Response:
    return await shop.http.post("/api/v1/hubs/pair", json={"code": code, "name": name})


async def listed(shop: Shop, **query: str) -> list[Any]:
    answer = await shop.call("GET", "/api/v1/hubs", params={"brandId": "fox", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_code_becomes_a_hub_once(own_shop: Shop) -> None:
    shop = own_shop
    assert await listed(shop) == []
    code = await invited(shop)
    [waiting] = await listed(shop)
    assert (waiting["status"], waiting["hub_id"], waiting["code_until"] is None) == ("waiting", None, False)
    answer = await pair(shop, code.lower().replace("-", " "), "Kitchen")
    assert answer.status_code == 201, answer.text
    hub = answer.json()
    assert (hub["brandId"], hub["poiId"], hub["hub_id"][:4]) == ("fox", "s1", "hub_")
    [key] = (await shop.call("GET", "/api/v1/keys", params={"key_id": hub["hub_id"]})).json()["items"]
    assert (key["role"], key["brandId"], key["poi_ids"], key["name"]) == ("hub", "fox", ["s1"], "Kitchen")
    again = await pair(shop, code)
    assert (again.status_code, again.json()["code"]) == (404, "PAIRING_CODE_UNKNOWN")
    [active] = await listed(shop)
    assert active == {
        "brandId": "fox", "poiId": "s1", "hub_id": hub["hub_id"], "name": "Kitchen", "status": "active",
        "paired_at": active["paired_at"], "code_until": None, "journal": None, "lag": None, "acked_at": None,
        "connected": False, "grants": None, "at_risk": None,
    }  # fmt: skip
    assert shop.service.catalog.current.hub("fox", "s1") == hub["hub_id"]
    assert shop.service.catalog.current.hub("fox", "s2") is None


async def test_a_store_has_one_hub(own_shop: Shop) -> None:
    shop = own_shop
    hub = await paired(shop)
    before = await shop.books()
    answer = await shop.post("/api/v1/hubs/code", S1)
    assert (answer.status_code, answer.json()["code"]) == (409, "HUB_EXISTS")
    assert hub["hub_id"] in answer.json()["message"]
    gone = await shop.call("DELETE", "/api/v1/stores", params=S1)
    assert (gone.status_code, gone.json()["code"]) == (409, "STILL_IN_USE")
    assert await shop.books() == before
    assert (await paired(shop, "s2"))["hub_id"] != hub["hub_id"]
    assert [each["poiId"] for each in await listed(shop)] == ["s1", "s2"]


async def test_a_second_code_replaces_the_first(own_shop: Shop) -> None:
    first, second = await invited(own_shop), await invited(own_shop)
    assert (await pair(own_shop, first)).status_code == 404
    assert (await pair(own_shop, second)).status_code == 201


async def test_a_code_ends(own_shop: Shop) -> None:
    now = 1_000_000
    hubs = Hubs(own_shop.service.catalog, lambda: now)
    code = (await hubs.invite("fox", "s1", "somebody")).code
    now += CODE_SECONDS * 1000
    with pytest.raises(Rejection) as rejected:
        await hubs.pair(PairBody(code, "x"))
    assert rejected.value.code is Problem.PAIRING_CODE_UNKNOWN
    assert own_shop.service.catalog.current.hub("fox", "s1") is None
    now -= 1
    assert (await hubs.pair(PairBody(code, "x"))).poi_id == "s1"


async def test_codes_can_not_be_guessed(own_shop: Shop) -> None:
    """Whoever tries and tries is told to wait, and so is everybody else: nobody types so fast."""
    answers = [await pair(own_shop, new_code()) for _ in range(40)]
    assert {answer.status_code for answer in answers} == {404, 429}
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert (limited.json()["code"], limited.headers["retry-after"]) == ("TOO_MANY_PAIRINGS", "1")


def test_a_code_as_people_type_it() -> None:
    code = new_code()
    assert code_hash(code) == code_hash(code.lower()) == code_hash(code.replace("-", ""))
    assert code_hash("O1L0-II00-0000") == code_hash("0110-1100-0000")
    assert len({new_code() for _ in range(100)}) == 100


async def test_no_code_is_kept_or_logged(own_shop: Shop) -> None:
    code = await invited(own_shop)
    hub = (await pair(own_shop, code)).json()
    lines = (await own_shop.call("GET", "/api/v1/audit", params={"brandId": "fox", "kind": "hub"})).json()["items"]
    assert [(line["action"], line["object"], line["actor"]) for line in lines] == [
        ("pair", "s1", hub["hub_id"]),
        ("invite", "s1", lines[1]["actor"]),
    ]
    whole = (await own_shop.call("GET", "/api/v1/audit", params={"brandId": "fox"})).text
    assert code not in whole
    assert hub["key"] not in whole
    assert code_hash(code) not in whole


async def test_a_store_s_key_pairs_its_own_store_only(own_shop: Shop) -> None:
    key = await own_shop.make_key("store", brandId="fox", poi_ids=["s1"])
    await invited(own_shop, key=key)
    await invited(own_shop, "s2")
    other = await own_shop.post("/api/v1/hubs/code", {**S1, "poiId": "s2"}, key=key)
    assert (other.status_code, other.json()["code"]) == (404, "STORE_NOT_FOUND")
    answer = await own_shop.call("GET", "/api/v1/hubs", key=key, params={"brandId": "fox"})
    assert [each["poiId"] for each in answer.json()["items"]] == ["s1"]


async def copied(shop: Shop, key: str, **query: Any) -> httpx.Response:
    return await shop.call("GET", "/api/v1/hub/store", key=key, params={**S1, **query})


async def test_a_hub_gets_its_store_whole_and_then_only_what_changed(own_shop: Shop) -> None:
    shop = own_shop
    hub = await paired(shop)
    copy = (await copied(shop, hub["key"])).json()
    assert copy["brand"] == {"brand_id": "fox", "name": "Fox", "status": "open"}
    assert copy["store"]["time_zone"] == "Asia/Shanghai"
    assert {channel["channel_code"] for channel in copy["channels"]} == {"POS", "KIOSK", "EMENU", "ONLINE_ORDER"}
    assert {item["object_id"] for item in copy["items"]} >= {RICE, SOUP}
    assert [key["key_id"] for key in copy["keys"]] == [hub["hub_id"]]
    version = copy["version"]
    unchanged = await copied(shop, hub["key"], since=version)
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    for change in (
        ("PUT", "/api/v1/stores", {**S1, "poiId": "s2", "name": "x", "time_zone": "UTC"}),
        ("PUT", "/api/v1/brands", {"brandId": "owl", "name": "Owls"}),
        ("PUT", "/api/v1/items", {"brandId": "owl", "object_type": 2, "object_id": 9, "name": {"en": "x", "zh": "x"}}),
    ):
        assert (await shop.call(change[0], change[1], json=change[2])).status_code == 200
    assert (await copied(shop, hub["key"], since=version)).status_code == 204, "what others have is nothing to it"
    item = {"brandId": "fox", "object_type": 2, "object_id": 9, "name": {"en": "x", "zh": "x"}}
    rule = {"brandId": "fox", "rule_id": "r", "schedule": [{}]}
    store = {**S1, "name": "s1", "time_zone": "UTC"}
    for method, path, more in (
        ("PUT", "/api/v1/items", {"json": item}),
        ("DELETE", "/api/v1/items", {"params": {"brandId": "fox", "object_type": 2, "object_id": 9}}),
        ("PUT", "/api/v1/restore-rules", {"json": rule}),
        ("DELETE", "/api/v1/restore-rules", {"params": {"brandId": "fox", "rule_id": "r"}}),
        ("PUT", "/api/v1/stores", {"json": store}),
        ("DELETE", "/api/v1/channels", {"params": {"brandId": "fox", "channel_code": "KIOSK"}}),
        ("POST", "/api/v1/keys", {"json": {"name": "pos", "role": "store", "brandId": "fox", "poi_ids": ["s1"]}}),
    ):  # fmt: skip
        assert (await shop.call(method, path, **more)).status_code in (200, 201, 204)
        answer = await copied(shop, hub["key"], since=version)
        assert answer.status_code == 200, path
        assert answer.json()["version"] > version
        version = answer.json()["version"]
    last = answer.json()
    assert last["store"]["time_zone"] == "UTC"
    assert len(last["keys"]) == 2
    assert 9 not in {each["object_id"] for each in last["items"]}
    assert "KIOSK" not in {each["channel_code"] for each in last["channels"]}


async def test_the_version_survives_a_restart(own_shop: Shop) -> None:
    """Another process, which has seen no deletion happen, tells the same version."""
    hub, catalog = await paired(own_shop), own_shop.service.catalog
    made = await own_shop.make_key("store", brandId="fox", poi_ids=["s1"])
    assert made
    keys = (await own_shop.call("GET", "/api/v1/keys", params={"brandId": "fox", "role": "store"})).json()["items"]
    await own_shop.call("DELETE", "/api/v1/keys", params={"key_id": keys[0]["key_id"]})
    version = (await copied(own_shop, hub["key"])).json()["version"]
    fresh = type(catalog)(catalog._rows)
    await fresh.refresh()
    assert fresh.current.copy_version("fox", "s1") == version
    assert fresh.current.hub("fox", "s1") == hub["hub_id"]


async def test_a_copy_is_rows_again(own_shop: Shop) -> None:
    hub = await paired(own_shop)
    await own_shop.call("PUT", "/api/v1/restore-rules", json={"brandId": "fox", "rule_id": "r", "schedule": [{}]})
    await own_shop.make_key("store", brandId="fox", poi_ids=["s2"])
    copy = msgspec.json.decode((await copied(own_shop, hub["key"])).content, type=StoreCopy)
    for table, rows in rows_of(copy).items():
        match = {"brand_id": "fox"} | ({"poi_id": "s1"} if table is schema.store else {})
        there = await own_shop.service.catalog.every_row(table, match)
        if table is schema.api_key:
            there = [row for row in there if row["key_id"] == hub["hub_id"]]
        assert [dict(row) | {"catalog_version": 0, "deleted": False} for row in there] == [
            row | {"catalog_version": 0, "deleted": False} for row in rows
        ]


@pytest.mark.parametrize("call", ["GET /api/v1/hub/store", "GET /api/v1/hub/orders", "POST /api/v1/poi/stock/grants"])
async def test_a_key_that_is_no_hub_s_gets_nothing(own_shop: Shop, call: str) -> None:
    """Not one of the role, nor the platform's: it must have been paired."""
    method, path = call.split()
    hub = await paired(own_shop)
    stranger = await own_shop.make_key("hub", brandId="fox", poi_ids=["s1"])
    body = {**S1, "device_id": hub["hub_id"], "request_id": "r1"}
    more: dict[str, Any] = {"json": body} if method == "POST" else {"params": S1}
    for key in (stranger, str(own_shop.key)):
        answer = await own_shop.call(method, path, key=key, **more)
        assert (answer.status_code, answer.json()["code"]) == (404, "HUB_NOT_FOUND")


async def test_a_hub_knows_the_cloud_s_live_orders(own_shop: Shop) -> None:
    shop = own_shop
    before = [shop.new_order() for _ in range(3)]
    for order_id in before:
        assert (await shop.lock(order_id, (RICE, 1), (SOUP, 2))).status_code == 200
    await shop.verb("deduct", before[1])
    hub = await paired(shop)
    answer = await shop.call("GET", "/api/v1/hub/orders", key=hub["key"], params=S1)
    told = answer.json()
    assert told["cursor"] is None
    assert [order["order_id"] for order in told["orders"]] == [before[0], before[2]]
    assert [line["sku_id"] for line in told["orders"][0]["lines"]] == [RICE, SOUP]
    rest = await shop.call("GET", "/api/v1/hub/orders", key=hub["key"], params={**S1, "cursor": before[0]})
    assert [order["order_id"] for order in rest.json()["orders"]] == [before[2]]
