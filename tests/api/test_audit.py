"""Who changed what of the configuration, over HTTP: who may see which lines, by what they are found."""

from typing import Any

import pytest

from .shop import Shop

STORE = {"poiId": "s1", "name": "s1", "time_zone": "Asia/Shanghai"}


async def lines(shop: Shop, *, key: str | None = None, **query: Any) -> list[dict[str, Any]]:
    answer = await shop.call("GET", "/api/v1/audit", key=key, params={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_a_change_is_told_with_its_actor_and_both_sides(shop: Shop) -> None:
    made = (await shop.post("/api/v1/keys", {"name": "Ann", "role": "brand", "brandId": "fox"})).json()
    body = {"brandId": "fox", **STORE, "name": "Renamed"}
    assert (await shop.call("PUT", "/api/v1/stores", key=made["key"], json=body)).status_code == 200
    newest = (await lines(shop, actor=made["key_id"]))[0]
    assert newest.pop("at").endswith("Z")
    assert newest.pop("version") > 0
    shown = {**body, "business_day_start": "04:00", "status": "open"}
    after = newest.pop("after")
    before = newest.pop("before")
    assert {name: after[name] for name in shown} == shown
    assert {name: before[name] for name in shown} == {**shown, "name": "s1"}
    assert newest == {
        "actor": made["key_id"], "action": "replace", "kind": "store", "object": "s1", "brandId": "fox",
    }  # fmt: skip
    count = len(await lines(shop))
    assert (await shop.call("PUT", "/api/v1/stores", key=made["key"], json=body)).status_code == 200
    assert len(await lines(shop)) == count, "nothing was changed"
    assert (await shop.call("PUT", "/api/v1/stores", json={"brandId": "fox", **STORE})).status_code == 200


async def test_each_sees_what_is_theirs(shop: Shop) -> None:
    scopes = {"brand": {"brandId": "fox"}, "auditor": {"brandId": "fox"}}
    for role, scope in scopes.items():
        key = await shop.make_key(role, **scope)
        assert {line["brandId"] for line in await lines(shop, key=key)} == {"fox"}
        answer = await shop.call("GET", "/api/v1/audit", key=key, params={"brandId": "owl"})
        assert (answer.status_code, answer.json()["code"]) == (404, "BRAND_NOT_FOUND")
    everybody = {line["brandId"] for line in await lines(shop, key=await shop.make_key("auditor"))}
    assert everybody >= {None, "fox", "owl"}
    assert {line["brandId"] for line in await lines(shop, brandId="owl")} == {"owl"}


async def test_pages_lead_from_the_newest_to_the_oldest(shop: Shop) -> None:
    everything, seen, cursor = await lines(shop), [], None
    while True:
        query = {"limit": 7, **({"cursor": cursor} if cursor else {})}
        page = (await shop.call("GET", "/api/v1/audit", params=query)).json()
        seen += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == everything
    assert everything[-1]["actor"] == "bootstrap"


async def test_lines_of_a_time(shop: Shop) -> None:
    everything = await lines(shop)
    middle = everything[len(everything) // 2]["at"]
    until, since = await lines(shop, to=middle), await lines(shop, **{"from": middle})
    assert since + until == everything
    assert all(line["at"] >= middle for line in since)
    assert all(line["at"] < middle for line in until)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"from": "yesterday"}, 400, "from"), ({"from": "2026-01-01T00:00:00"}, 400, "from"),
        ({"to": "0.5"}, 400, "to"), ({"to": "null"}, 400, "to"), ({"object": "x" * 201}, 422, "object"),
        ({"action": "steal"}, 422, "action"), ({"kind": " "}, 422, "kind"), ({"limit": 0}, 422, "limit"),
        ({"cursor": "x"}, 422, "cursor"), ({"cursor": "WyJhIiwxXQ"}, 422, "cursor"),
        ({"cursor": "WzksLTFd"}, 422, "cursor"), ({"who": "me"}, 400, "who"),
    ],
)  # fmt: skip
async def test_wrong_questions(shop: Shop, query: dict[str, Any], status: int, field: str) -> None:
    answer = await shop.call("GET", "/api/v1/audit", params=query)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
