"""What a device has against what there is, over HTTP."""

from typing import Any

import pytest

from .shop import CAKE, RICE, SOUP, TEA, Shop

PATH = "/api/v1/poi/stock/reconcile"
STORE = {"brandId": "fox", "poiId": "s1"}


async def rows(shop: Shop) -> list[dict[str, Any]]:
    """A device that has nothing right but the versions."""
    kept = (await shop.books())[1:]
    stocks = next(store["stocks"] for store in kept if store["store"][1:] == ("fox", "s1"))
    return [{"object_id": each.key.object_id, "version": each.version, "digest": "0" * 32} for each in stocks]


async def test_it_tells_and_with_apply_tells_the_device_anew(own_shop: Shop) -> None:
    shop = own_shop
    assert (await shop.lock("o", (RICE, 2))).status_code == 200
    theirs = await rows(shop)
    before = await shop.books()
    answer = (await shop.post(PATH, {**STORE, "rows": theirs})).json()
    assert [each["cause"] for each in answer["differences"]] == ["altered", "altered"]
    assert await shop.books() == before
    answer = (await shop.post(PATH, {**STORE, "rows": theirs, "apply": True, "device_id": "till-1"})).json()
    assert (answer["reset"], answer["stocks"]) == (False, 2)
    assert all(each["repaired"] for each in answer["differences"])
    newer = {row["object_id"]: row["version"] for row in await rows(shop)}
    assert all(newer[row["object_id"]] > row["version"] for row in theirs)
    log = (await shop.post("/api/v1/poi/stock/log", {**STORE, "kind": "reconcile"})).json()
    assert {row["object_id"] for row in log["rows"]} == {RICE, SOUP}


async def test_what_was_found_stands_with_the_device(own_shop: Shop) -> None:
    shop, device = own_shop, {"device_id": "till-2"}
    found = (await shop.post("/api/v1/poi/stock/find-to-pos", STORE)).json()
    ack = await shop.post("/api/v1/poi/stock/ack", {**STORE, **device, "cursor": found["cursor"]})
    assert ack.status_code == 200, ack.text
    for rows_sent, drift in ((await rows(shop), 2), ([], 2)):
        await shop.post(PATH, {**STORE, **device, "rows": rows_sent})
        (shown,) = (await shop.call("GET", "/api/v1/poi/stock/devices", params=STORE)).json()["items"]
        assert (shown["device_id"], shown["drift"]) == ("till-2", drift)
        assert shown["reconciled_at"]


async def test_a_version_that_was_never_given_out_asks_for_a_reset(shop: Shop) -> None:
    answer = (
        await shop.post(PATH, {**STORE, "rows": [{"object_id": TEA, "version": 10**9, "digest": "0" * 32}]})
    ).json()
    assert answer["reset"] is True
    (found,) = [each for each in answer["differences"] if each["object_id"] == TEA]
    assert (found["cause"], found["found"], found["repaired"]) == ("ahead", 10**9, False)


async def test_without_rows_only_the_counters_are_looked_at(shop: Shop) -> None:
    answer = (await shop.post(PATH, STORE)).json()
    assert (answer["differences"], answer["reset"]) == ([], False)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"object_id": CAKE, "version": 1, "digest": "zz"}, "rows[1].digest"),
        ({"object_id": RICE, "version": 1, "digest": "0" * 32}, "rows[1].object_id"),
        ({"object_id": 0, "version": 1, "digest": "0" * 32}, "rows[1].object_id"),
        ({"object_id": CAKE, "version": -1, "digest": "0" * 32}, "rows[1].version"),
    ],
)
async def test_bad_rows_are_named(shop: Shop, row: dict[str, Any], field: str) -> None:
    good = {"object_id": RICE, "version": 1, "digest": "0" * 32}
    before = await shop.books()
    answer = await shop.post(PATH, {**STORE, "rows": [good, row], "apply": True})
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert await shop.books() == before
