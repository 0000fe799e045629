"""Every endpoint × every role × the caller's own brand, own store and a stranger's."""

from typing import Any

import pytest

from eightysix.api.auth import ALLOWED, Action

from .shop import TEA, Shop

SCOPES: dict[str, dict[str, Any]] = {
    "platform": {},
    "brand": {"brandId": "fox"},
    "order-service": {"brandId": "fox"},
    "store": {"brandId": "fox", "poi_ids": ["s1"]},
    "hub": {"brandId": "fox", "poi_ids": ["s1"]},
    "channel": {"brandId": "fox", "channel_code": "EMENU"},
    "auditor": {"brandId": "fox"},
}
STORE = {"name": "x", "time_zone": "UTC"}
ITEM = {"object_type": 2, "object_id": 900, "name": {"en": "x", "zh": "x"}}
CHANNEL = {"channel_code": "X", "name": "x", "place": "online", "party": "own"}
VERB = {"order_id": "roles"}
CALLS: list[tuple[Action, str, str, dict[str, Any], bool]] = [
    (Action.ORDER, "POST", "/api/v1/stock/unlock", VERB, True),
    (Action.ORDER, "POST", "/api/v1/stock/deduct", VERB, True),
    (Action.ORDER, "POST", "/api/v1/stock/return", {**VERB, "request_id": "r"}, True),
    (Action.ORDER, "POST", "/api/v1/stock/amend", {**VERB, "request_id": "r", "expires_in": 9}, True),
    (Action.ORDER, "POST", "/api/v1/stock/lock",
     {"order_id": "x", "channel_code": "NONE", "lines": [{"sku_id": TEA, "quantity": 1}]}, True),
    (Action.READ_ORDER, "GET", "/api/v1/stock/orders/roles", {}, True),
    (Action.READ_STOCK, "GET", "/api/v1/stock/availability", {"channel_code": "EMENU"}, True),
    (Action.SET_STOCK, "POST", "/api/v1/poi/stock/update", {"object_id": TEA, "stock_status": 1}, True),
    (Action.SET_STOCK, "POST", "/api/v1/poi/stock/guarantees/release", {"all": True}, True),
    (Action.READ_CATALOG, "GET", "/api/v1/stores", {}, True),
    (Action.READ_CATALOG, "GET", "/api/v1/items", {}, False),
    (Action.READ_CATALOG, "GET", "/api/v1/channels", {}, False),
    (Action.READ_CATALOG, "GET", "/api/v1/brands", {}, False),
    (Action.WRITE_CATALOG, "PUT", "/api/v1/stores", STORE, True),
    (Action.WRITE_CATALOG, "PUT", "/api/v1/items", ITEM, False),
    (Action.WRITE_CATALOG, "PUT", "/api/v1/channels", CHANNEL, False),
    (Action.WRITE_BRAND, "PUT", "/api/v1/brands", {"name": "x"}, False),
    (Action.READ_KEYS, "GET", "/api/v1/keys", {}, False),
    (Action.WRITE_KEYS, "POST", "/api/v1/keys", {"name": "x", "role": "order-service"}, False),
]  # fmt: skip


@pytest.fixture(scope="module")
async def keys(shop: Shop) -> dict[str, str]:
    return {role: await shop.make_key(role, **scope) for role, scope in SCOPES.items()}


async def _status(shop: Shop, key: str, call: tuple[Action, str, str, dict[str, Any], bool], *, brand_id: str,
                  poi_id: str = "s1") -> tuple[int, str | None]:  # fmt: skip
    _, method, path, fields, names_store = call
    named = {**fields, "brandId": brand_id, **({"poiId": poi_id} if names_store else {})}
    more: dict[str, Any] = {"params": named} if method == "GET" else {"json": named}
    answer = await shop.call(method, path, key=key, **more)
    return answer.status_code, answer.json().get("code") if answer.content else None


@pytest.mark.parametrize("role", SCOPES)
@pytest.mark.parametrize("call", CALLS, ids=[f"{call[1]} {call[2]}" for call in CALLS])
async def test_what_a_role_may_do(
    shop: Shop, keys: dict[str, str], role: str, call: tuple[Action, str, str, dict[str, Any], bool]
) -> None:
    key, scope = keys[role], SCOPES[role]
    own = await _status(shop, key, call, brand_id="fox")
    stranger = await _status(shop, key, call, brand_id="owl", poi_id="s2")
    if call[0] not in ALLOWED[role]:
        assert own == stranger == (403, "FORBIDDEN")
        return
    assert own[0] not in {401, 403}
    assert own[1] not in {"BRAND_NOT_FOUND", "STORE_NOT_FOUND"}
    if "brandId" in scope:
        assert stranger == (404, "BRAND_NOT_FOUND")
    if "poi_ids" in scope and call[4]:
        assert await _status(shop, key, call, brand_id="fox", poi_id="s2") == (404, "STORE_NOT_FOUND")


async def test_lists_show_what_is_the_callers(shop: Shop, keys: dict[str, str]) -> None:
    brands = await shop.call("GET", "/api/v1/brands", key=keys["brand"])
    assert [brand["brandId"] for brand in brands.json()["items"]] == ["fox"]
    stores = await shop.call("GET", "/api/v1/stores", key=keys["store"], params={"brandId": "fox"})
    assert [store["poiId"] for store in stores.json()["items"]] == ["s1"]
    shown = await shop.call("GET", "/api/v1/keys", key=keys["brand"])
    assert {key["brandId"] for key in shown.json()["items"]} == {"fox"}
    assert "e86_" not in shown.text
    other = {"brandId": "fox", "poiId": "s1", "channel_code": "POS"}
    answer = await shop.call("GET", "/api/v1/stock/availability", key=keys["channel"], params=other)
    assert (answer.status_code, answer.json()["code"]) == (404, "CHANNEL_NOT_FOUND")


async def test_a_brand_makes_no_key_above_itself(shop: Shop, keys: dict[str, str]) -> None:
    for body in ({"name": "x", "role": "platform"}, {"name": "x", "role": "auditor"}):
        answer = await shop.post("/api/v1/keys", body, key=keys["brand"])
        assert answer.status_code == 422
    answer = await shop.post("/api/v1/keys", {"name": "x", "role": "brand", "brandId": "owl"}, key=keys["brand"])
    assert answer.status_code == 404


async def test_a_revoked_or_expired_key_works_no_more(shop: Shop) -> None:
    made = (await shop.post("/api/v1/keys", {"name": "x", "role": "auditor"})).json()
    assert (await shop.call("GET", "/api/v1/brands", key=made["key"])).status_code == 200
    gone = await shop.call("DELETE", "/api/v1/keys", params={"key_id": made["key_id"]})
    assert gone.status_code == 204
    refused = await shop.call("GET", "/api/v1/brands", key=made["key"])
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    again = await shop.call("DELETE", "/api/v1/keys", params={"key_id": made["key_id"]})
    assert (again.status_code, again.json()["code"]) == (404, "KEY_NOT_FOUND")
