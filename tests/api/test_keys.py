"""Keys over HTTP: rotation, limits, expiry, scopes; and that nobody outgrows their key."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from .shop import TEA, Shop


async def made(shop: Shop, role: str = "order-service", **more: Any) -> dict[str, Any]:
    body = {"name": "x", "role": role, **({} if role == "platform" else {"brandId": "fox"}), **more}
    answer = await shop.post("/api/v1/keys", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def rotated(shop: Shop, key_id: str, *, status: int = 200, key: str | None = None, **more: Any) -> dict[str, Any]:
    answer = await shop.post("/api/v1/keys/rotate", {"key_id": key_id, **more}, key=key)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def opens(shop: Shop, key: str) -> bool:
    """Whether the key is let in by the lean layer."""
    body = {"brandId": "fox", "poiId": "s1", "order_id": "none"}
    return (await shop.post("/api/v1/stock/deduct", body, key=key)).status_code != 401


async def listed(shop: Shop, key_id: str) -> dict[str, Any]:
    [shown] = (await shop.call("GET", "/api/v1/keys", params={"key_id": key_id})).json()["items"]
    return dict(shown)


def in_ms(instant: str) -> float:
    return 1000 * time.mktime(time.strptime(instant[:19], "%Y-%m-%dT%H:%M:%S")) - 1000 * time.timezone


async def test_a_rotation_without_overlap_ends_the_old_secret_at_once(shop: Shop) -> None:
    first = await made(shop, poi_ids=["s1"], rate_limit=1000)
    second = await rotated(shop, first["key_id"])
    assert first | {"key": second["key"]} == second
    assert second["key"] != first["key"]
    assert not await opens(shop, first["key"])
    assert await opens(shop, second["key"])
    for key, status in ((first["key"], 401), (second["key"], 200)):
        answer = await shop.call("GET", "/api/v1/stores", key=key, params={"brandId": "fox"})
        assert answer.status_code == status


async def test_both_secrets_open_until_the_overlap_ends(shop: Shop) -> None:
    first = await made(shop)
    second = await rotated(shop, first["key_id"], overlap_seconds=1)
    assert second["previous_until"] is not None
    assert (await listed(shop, first["key_id"]))["previous_until"] == second["previous_until"]
    assert await opens(shop, second["key"])
    async with asyncio.timeout(20):
        while await opens(shop, first["key"]):  # noqa: ASYNC110 - nothing announces that time has passed
            await asyncio.sleep(0.02)
    assert await opens(shop, second["key"])
    assert (await listed(shop, first["key_id"]))["previous_until"] is None


async def test_a_revocation_ends_both_secrets(shop: Shop) -> None:
    first = await made(shop)
    second = await rotated(shop, first["key_id"], overlap_seconds=3600)
    assert await opens(shop, first["key"])
    gone = await shop.call("DELETE", "/api/v1/keys", params={"key_id": first["key_id"]})
    assert gone.status_code == 204
    assert not await opens(shop, first["key"])
    assert not await opens(shop, second["key"])
    again = await shop.post("/api/v1/keys/rotate", {"key_id": first["key_id"]})
    assert (again.status_code, again.json()["code"]) == (404, "KEY_NOT_FOUND")


async def test_no_second_overlap_while_one_runs(shop: Shop) -> None:
    """A lost answer must not make the next rotation cut off the secret that clients use."""
    first = await made(shop)
    second = await rotated(shop, first["key_id"], overlap_seconds=3600)
    refused = await rotated(shop, first["key_id"], status=409, overlap_seconds=60)
    assert refused["code"] == "ROTATION_RUNNING"
    assert second["previous_until"] in refused["message"]
    assert await opens(shop, first["key"])
    assert await opens(shop, second["key"])
    third = await rotated(shop, first["key_id"])
    assert [await opens(shop, each["key"]) for each in (first, second, third)] == [False, False, True]


async def test_a_rotation_keeps_the_key_s_end_or_sets_it(shop: Shop) -> None:
    first = await made(shop, expires_in=3600)
    second = await rotated(shop, first["key_id"], overlap_seconds=86_400)
    assert second["expires_at"] == first["expires_at"]
    assert second["previous_until"] == first["expires_at"], "an old secret never works longer than it would have"
    third = await rotated(shop, first["key_id"], expires_in=7200)
    assert in_ms(third["expires_at"]) > in_ms(first["expires_at"])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"overlap_seconds": -1}, "overlap_seconds"), ({"overlap_seconds": 30 * 86_400 + 1}, "overlap_seconds"),
        ({"expires_in": 0}, "expires_in"), ({"key_id": " "}, "key_id"),
    ],
)  # fmt: skip
async def test_a_wrong_rotation_changes_nothing(shop: Shop, fields: dict[str, Any], field: str) -> None:
    key = await made(shop)
    before = await shop.books()
    answer = await shop.post("/api/v1/keys/rotate", {"key_id": key["key_id"], **fields})
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert await shop.books() == before
    assert await opens(shop, key["key"])


async def test_a_key_that_has_ended_needs_a_new_end(shop: Shop) -> None:
    key = await made(shop, expires_in=1)
    async with asyncio.timeout(20):
        while await opens(shop, key["key"]):  # noqa: ASYNC110 - nothing announces that time has passed
            await asyncio.sleep(0.02)
    assert (await rotated(shop, key["key_id"], status=422))["field"] == "expires_in"
    fresh = await rotated(shop, key["key_id"], expires_in=3600, overlap_seconds=60)
    assert fresh["previous_until"] is None
    assert await opens(shop, fresh["key"])
    assert not await opens(shop, key["key"]), "what had ended doesn't come back"


async def test_the_scope_of_a_new_key_exists(shop: Shop) -> None:
    before = await shop.books()
    for scope, status, code, field in (
        ({"brandId": "wolf"}, 404, "BRAND_NOT_FOUND", "brandId"),
        ({"brandId": "fox", "poi_ids": ["s1", "s9"]}, 404, "STORE_NOT_FOUND", "poi_ids[1]"),
        ({"brandId": "fox", "channel_code": "NONE"}, 404, "CHANNEL_NOT_FOUND", "channel_code"),
        ({"brandId": "fox", "poi_ids": []}, 422, "EMPTY", "poi_ids"),
        ({}, 400, "MISSING_FIELD", "brandId"),
        ({"brandId": "fox", "rate_limit": 0}, 422, "NUMBER_OUT_OF_RANGE", "rate_limit"),
        ({"brandId": "fox", "rate_limit": 100_001}, 422, "NUMBER_OUT_OF_RANGE", "rate_limit"),
    ):
        answer = await shop.post("/api/v1/keys", {"name": "x", "role": "order-service", **scope})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    for role in ("brand", "store", "hub", "auditor"):
        body = {"name": "x", "role": role, "brandId": "fox", "poi_ids": ["s1"], "channel_code": "EMENU"}
        assert (await shop.post("/api/v1/keys", body)).json()["field"] == "channel_code"
    assert await shop.books() == before


async def test_a_delivery_key_sells_over_its_channel_only(shop: Shop) -> None:
    key = (await made(shop, channel_code="EMENU"))["key"]
    line = [{"sku_id": TEA, "quantity": 1}]
    mine, pos = shop.new_order(), shop.new_order()
    assert (await shop.lock(pos, (TEA, 1))).status_code == 200

    async def tell(verb: str, order_id: str, **fields: Any) -> tuple[int, str | None]:
        body = {"brandId": "fox", "poiId": "s1", "order_id": order_id, **fields}
        answer = await shop.post(f"/api/v1/stock/{verb}", body, key=key)
        return answer.status_code, answer.json().get("code")

    assert await tell("lock", mine, channel_code="EMENU", lines=line) == (200, None)
    assert await tell("lock", mine, channel_code="POS", lines=line) == (404, "CHANNEL_NOT_FOUND")
    for wrong in ({"lines": [{"sku_id": TEA, "quantity": -1}]}, {"lines": line, "expires_in": 0}):
        assert await tell("lock", mine, channel_code="POS", **wrong) == (404, "CHANNEL_NOT_FOUND")
    assert await tell("lock", pos, channel_code="EMENU", lines=line) == (409, "IDEMPOTENCY_MISMATCH")
    for verb, more in (("unlock", {}), ("deduct", {}), ("return", {"request_id": "r"}),
                       ("amend", {"request_id": "r", "expires_in": 9})):  # fmt: skip
        assert await tell(verb, pos, **more) == (404, "ORDER_NOT_FOUND")
    query = {"brandId": "fox", "poiId": "s1"}
    for order_id, status in ((mine, 200), (pos, 404), ("nobody-s", 404)):
        path = f"/api/v1/stock/orders/{order_id}"
        assert (await shop.call("GET", path, key=key, params=query)).status_code == status
    assert await tell("deduct", mine) == (200, None)
    assert (await shop.call("GET", f"/api/v1/stock/orders/{pos}", params=query)).json()["state"] == "LOCKED"
    lock = {"op": "lock", **query, "order_id": pos, "channel_code": "POS", "lines": line}
    batch = {"operations": [lock, {"op": "unlock", **query, "order_id": pos}]}
    results = (await shop.post("/api/v1/stock/batch", batch, key=key)).json()["results"]
    assert [result["body"]["code"] for result in results] == ["CHANNEL_NOT_FOUND", "ORDER_NOT_FOUND"]


async def test_lists_of_keys_by_what_they_are_for(shop: Shop) -> None:
    await shop.call("PUT", "/api/v1/brands", json={"brandId": "hen", "name": "Hen"})
    stores = [{"brandId": "hen", "poiId": poi_id, "name": "x", "time_zone": "UTC"} for poi_id in ("a", "b")]
    await shop.call("PUT", "/api/v1/stores", json={"items": stores})
    ids = {}
    for name, role, more in (
        ("all", "order-service", {}), ("a", "store", {"poi_ids": ["a"]}), ("b", "store", {"poi_ids": ["b"]}),
        ("both", "store", {"poi_ids": ["a", "b"]}), ("emenu", "channel", {"channel_code": "EMENU"}),
    ):  # fmt: skip
        ids[(await made(shop, role, brandId="hen", **more))["key_id"]] = name

    async def found(**query: Any) -> set[str]:
        names, cursor = set(), None
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = await shop.call("GET", "/api/v1/keys", params={"brandId": "hen", "limit": 2, **query, **more})
            names |= {ids[key["key_id"]] for key in answer.json()["items"]}
            cursor = answer.json()["cursor"]
            if cursor is None:
                return names

    assert await found() == set(ids.values())
    assert await found(role="store") == {"a", "b", "both"}
    assert await found(channel_code="EMENU") == {"emenu"}
    assert await found(poiId="a") == {"all", "a", "both", "emenu"}
    assert await found(poiId="a", role="store") == {"a", "both"}
    assert await found(poiId="c", role="store") == set()
    everywhere = await shop.call("GET", "/api/v1/keys", params={"poiId": "a", "role": "store"})
    assert {ids[key["key_id"]] for key in everywhere.json()["items"]} == {"a", "both"}
    nothing = await shop.call("GET", "/api/v1/keys", params={"role": "null"})
    assert (nothing.status_code, nothing.json()["code"], nothing.json()["field"]) == (422, "UNKNOWN_VALUE", "role")


async def test_nobody_outgrows_their_key(shop: Shop) -> None:
    brand = await made(shop, "brand", expires_in=3600, rate_limit=500)
    lasting = await made(shop)
    before = await shop.books()

    async def tell(path: str, **body: Any) -> tuple[int, str | None]:
        answer = await shop.post(f"/api/v1/keys{path}", body, key=brand["key"])
        return answer.status_code, answer.json().get("field") or answer.json().get("code")

    new = {"name": "x", "role": "order-service", "brandId": "fox"}
    assert await tell("", **new, rate_limit=500) == (422, "expires_in")
    assert await tell("", **new, rate_limit=500, expires_in=7200) == (422, "expires_in")
    assert await tell("", **new, expires_in=60) == (422, "rate_limit")
    assert await tell("", **new, expires_in=60, rate_limit=501) == (422, "rate_limit")
    assert await tell("", name="x", role="platform") == (422, "role")
    assert await tell("", name="x", role="auditor") == (422, "role")
    assert await tell("", name="x", role="brand", brandId="owl") == (404, "brandId")
    assert await tell("/rotate", key_id=brand["key_id"], expires_in=7200) == (422, "expires_in")
    assert await tell("/rotate", key_id=lasting["key_id"]) == (422, "expires_in")
    assert await tell("/rotate", key_id=lasting["key_id"], expires_in=60) == (422, "rate_limit")
    assert await tell("/limit", key_id=brand["key_id"], rate_limit=None) == (422, "rate_limit")
    assert await tell("/limit", key_id=brand["key_id"], rate_limit=501) == (422, "rate_limit")
    assert await shop.books() == before
    assert await opens(shop, lasting["key"])
    assert (await tell("", **new, expires_in=60, rate_limit=500))[0] == 201
    assert (await tell("/limit", key_id=lasting["key_id"], rate_limit=10))[0] == 200
    assert (await tell("/rotate", key_id=brand["key_id"]))[0] == 200


async def test_a_brand_s_key_has_nothing_to_do_with_others_keys(shop: Shop) -> None:
    brand, platform, owl = await made(shop, "brand"), await made(shop, "platform"), await made(shop, brandId="owl")
    narrow = await made(shop, "brand", poi_ids=["s1"])
    before = await shop.books()
    for key_id in (platform["key_id"], owl["key_id"], "key_none"):
        for path, more in (("/rotate", {}), ("/limit", {"rate_limit": 1})):
            answer = await shop.post(f"/api/v1/keys{path}", {"key_id": key_id, **more}, key=brand["key"])
            assert (answer.status_code, answer.json()["code"]) == (404, "KEY_NOT_FOUND")
        gone = await shop.call("DELETE", "/api/v1/keys", key=brand["key"], params={"key_id": key_id})
        assert (gone.status_code, gone.json()["code"]) == (404, "KEY_NOT_FOUND")
    for key_id in (narrow["key_id"], " "):
        for path, more in (("/rotate", {}), ("/limit", {"rate_limit": 1})):
            answer = await shop.post(f"/api/v1/keys{path}", {"key_id": key_id, **more}, key=narrow["key"])
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert await shop.books() == before
    assert await opens(shop, owl["key"])


async def limited_after(shop: Shop, key: str, method: str, path: str, **more: Any) -> httpx.Response:
    """The first 429 of calls in a row."""
    async with asyncio.timeout(20):
        while True:
            answers = await asyncio.gather(*(shop.call(method, path, key=key, **more) for _ in range(5)))
            for answer in answers:
                if answer.status_code == 429:
                    return answer


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("POST", "/api/v1/stock/deduct", {"json": {"brandId": "fox", "poiId": "s1", "order_id": "none"}}),
        ("GET", "/api/v1/stores", {"params": {"brandId": "fox"}}),
        ("POST", "/api/v1/stores", {"json": {"brandId": "x", "poiId": "x", "name": "x", "time_zone": "UTC"}}),
    ],
)
async def test_calls_beyond_the_limit(shop: Shop, method: str, path: str, more: dict[str, Any]) -> None:
    """Before anything else about the caller is told: the third call is one that the role may not make."""
    key = await made(shop, rate_limit=1)
    told = await limited_after(shop, key["key"], method, path, **more)
    assert told.json() == {
        "code": "TOO_MANY_REQUESTS", "message": "This key may call 1 times a second; try again shortly.",
        "retryable": True,
    }  # fmt: skip
    assert told.headers["retry-after"] == "1"
    changed = await shop.post("/api/v1/keys/limit", {"key_id": key["key_id"], "rate_limit": None})
    assert changed.json()["rate_limit"] is None
    answers = await asyncio.gather(*(shop.call(method, path, key=key["key"], **more) for _ in range(20)))
    assert {answer.status_code for answer in answers}.isdisjoint({429})


async def test_a_batch_counts_its_operations_and_is_refused_as_a_whole(own_shop: Shop) -> None:
    shop = own_shop
    await shop.stock(101, 100)
    key = (await made(shop, rate_limit=30))["key"]

    def batch(count: int) -> dict[str, Any]:
        line = {"sku_id": 101, "quantity": 1}
        lock = {"op": "lock", "brandId": "fox", "poiId": "s1", "channel_code": "POS", "lines": [line]}
        return {"operations": [{**lock, "order_id": shop.new_order()} for _ in range(count)]}

    large = await shop.post("/api/v1/stock/batch", batch(31), key=key)
    assert (large.status_code, large.json()["code"], large.json()["field"]) == (422, "TOO_MANY", "operations")
    locked = 0
    async with asyncio.timeout(20):
        while True:
            answer = await shop.post("/api/v1/stock/batch", batch(29), key=key)
            if answer.status_code == 429:
                break
            locked += sum(result["status"] == 200 for result in answer.json()["results"])
    assert answer.headers["retry-after"] == "1"
    assert await shop.left(101) == 100 - locked
