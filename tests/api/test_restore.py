"""Restore rules, one-offs and the preview over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from .shop import CAKE, RICE, SOUP, TEA, Shop

RULES = "/api/v1/restore-rules"
PREVIEW = "/api/v1/poi/stock/restore-preview"


def rule(rule_id: str, **fields: Any) -> dict[str, Any]:
    return {"brandId": "fox", "rule_id": rule_id, "schedule": [{}], **fields}


async def coming(shop: Shop, **query: Any) -> list[dict[str, Any]]:
    answer = await shop.call("GET", PREVIEW, params={"brandId": "fox", "poiId": "s1", **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def put(shop: Shop, *rules: dict[str, Any], key: str | None = None) -> httpx.Response:
    return await shop.call("PUT", RULES, json={"items": list(rules)}, key=key)


async def test_a_rule_is_made_shown_replaced_and_deleted(own_shop: Shop) -> None:
    week = {
        "schedule": [{"days": [1, 2, 3, 4], "at": "11:00", "quantity": 20}, {"days": [5], "quantity": 30.5}],
        "restore_to": "plan", "poiId": "s1", "object_type": 2, "object_id": RICE, "category": None,
    }  # fmt: skip
    made = await own_shop.post(RULES, rule("week", **week))
    assert made.status_code == 201, made.text
    assert made.json() == {
        "brandId": "fox", "rule_id": "week", **week,
        "schedule": [
            {"days": [1, 2, 3, 4], "at": "11:00", "quantity": 20},
            {"days": [5], "at": None, "quantity": 30.5},
        ],
    }  # fmt: skip
    again = await own_shop.post(RULES, rule("week", **week))
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_EXISTS")
    same = await own_shop.call("PUT", RULES, json=made.json())
    assert (same.status_code, same.json()) == (200, made.json())
    listed = await own_shop.call("GET", RULES, params={"brandId": "fox", "rule_id": "week"})
    assert listed.json()["items"] == [made.json()]
    gone = await own_shop.call("DELETE", RULES, params={"brandId": "fox", "rule_id": "week"})
    assert gone.status_code == 204
    missing = await own_shop.call("DELETE", RULES, params={"brandId": "fox", "rule_id": "week"})
    assert (missing.status_code, missing.json()["code"]) == (404, "RULE_NOT_FOUND")
    assert not own_shop.service.catalog.current.rules("fox")


async def test_since_when_a_rule_holds_moves_only_when_it_changes(own_shop: Shop) -> None:
    def since() -> int:
        found = own_shop.service.catalog.current.rules("fox").governing("s1", (2, RICE), None)  # type: ignore[arg-type]
        assert found is not None
        return found.since_at

    await put(own_shop, rule("daily"))
    first = since()
    await put(own_shop, rule("daily"))
    assert since() == first
    await put(own_shop, rule("daily", restore_to="keep"))
    assert since() > first


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"schedule": []}, 422, "EMPTY", "schedule"),
        ({"schedule": [{}] * 51}, 422, "TOO_MANY", "schedule"),
        ({"schedule": [{}, {}]}, 422, "VALUE_INVALID", "schedule[1]"),
        ({"schedule": [{"days": [1, 2]}, {"days": [2, 3]}]}, 422, "VALUE_INVALID", "schedule[1]"),
        ({"schedule": [{"days": [8]}]}, 422, "NUMBER_OUT_OF_RANGE", "schedule[0].days[0]"),
        ({"schedule": [{"days": [1, 1]}]}, 422, "VALUE_INVALID", "schedule[0].days"),
        ({"schedule": [{"at": "24:00"}]}, 422, "VALUE_INVALID", "schedule[0].at"),
        ({"schedule": [{"quantity": -1}]}, 422, "QUANTITY_OUT_OF_RANGE", "schedule[0].quantity"),
        ({"schedule": [{"quantity": 1}], "restore_to": "keep"}, 422, "VALUE_INVALID", "schedule[0].quantity"),
        ({"schedule": [{"quantity": 1.5}], "object_id": CAKE}, 422, "QUANTITY_TOO_FINE", "schedule[0].quantity"),
        ({"restore_to": "yesterday"}, 422, "UNKNOWN_VALUE", "restore_to"),
        ({"object_id": 999}, 404, "ITEM_NOT_FOUND", "object_id"),
        ({"object_type": 2}, 422, "VALUE_INVALID", "object_type"),
        ({"object_id": RICE, "category": "soups"}, 422, "VALUE_INVALID", "category"),
        ({"poiId": "nowhere"}, 404, "STORE_NOT_FOUND", "poiId"),
        ({"brandId": "wolf"}, 404, "BRAND_NOT_FOUND", "brandId"),
    ],
)
async def test_a_wrong_rule_is_refused_and_changes_nothing(
    shop: Shop, fields: dict[str, Any], status: int, code: str, field: str
) -> None:
    before = await shop.books()
    answer = await shop.post(RULES, {**rule("wrong"), **fields})
    said = answer.json()
    assert (answer.status_code, said["field"]) == (status, field), said
    assert said["code"] == code, said
    assert await shop.books() == before


async def test_a_store_s_key_has_the_rules_of_its_own_store_only(own_shop: Shop) -> None:
    mine = await own_shop.make_key("store", brandId="fox", poi_ids=["s1"])
    await put(own_shop, rule("all"), rule("theirs", poiId="s2"))
    version = own_shop.service.catalog.current.version
    refused = [
        await put(own_shop, rule("new"), key=mine),
        await put(own_shop, rule("new", poiId="s2"), key=mine),
        await put(own_shop, rule("all", poiId="s1"), key=mine),  # would take over the brand's
        await put(own_shop, rule("theirs", poiId="s1"), key=mine),  # or another store's
        await own_shop.call("DELETE", RULES, params={"brandId": "fox", "rule_id": "all"}, key=mine),
        await own_shop.call("DELETE", RULES, params={"brandId": "fox", "rule_id": "theirs"}, key=mine),
        await own_shop.call("DELETE", RULES, params={"brandId": "owl", "rule_id": "all"}, key=mine),
    ]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [
        (403, "FORBIDDEN"), (404, "STORE_NOT_FOUND"), (403, "FORBIDDEN"), (404, "STORE_NOT_FOUND"),
        (403, "FORBIDDEN"), (404, "STORE_NOT_FOUND"), (404, "BRAND_NOT_FOUND"),
    ]  # fmt: skip
    assert own_shop.service.catalog.current.version == version
    assert (await put(own_shop, rule("mine", poiId="s1"), key=mine)).status_code == 200
    listed = await own_shop.call("GET", RULES, params={"brandId": "fox"}, key=mine)
    assert [each["rule_id"] for each in listed.json()["items"]] == ["all", "mine"]
    gone = await own_shop.call("DELETE", RULES, params={"brandId": "fox", "rule_id": "mine"}, key=mine)
    assert gone.status_code == 204


async def test_a_rule_goes_with_what_it_is_about(own_shop: Shop) -> None:
    await put(own_shop, rule("item", object_id=TEA), rule("store", poiId="s2"), rule("all"))
    assert (
        await own_shop.call("DELETE", "/api/v1/items", params={"brandId": "fox", "object_type": 2, "object_id": TEA})
    ).status_code == 204
    assert (
        await own_shop.call("DELETE", "/api/v1/stores", params={"brandId": "fox", "poiId": "s2"})
    ).status_code == 204
    listed = await own_shop.call("GET", RULES, params={"brandId": "fox"})
    assert [each["rule_id"] for each in listed.json()["items"]] == ["all"]


async def test_a_preview_says_what_comes_back_when_and_why(own_shop: Shop) -> None:
    await put(own_shop, rule("daily"), rule("soup", object_id=SOUP, restore_to="unlimited", schedule=[{"at": "17:00"}]))
    soon = datetime.now(UTC) + timedelta(minutes=5)
    body = {
        "brandId": "fox", "poiId": "s1", "object_id": RICE, "stock_status": 2,
        "auto_restore_type": 1, "auto_restore_at": soon.isoformat(), "restore_to": "keep",
    }  # fmt: skip
    answer = await own_shop.post("/api/v1/poi/stock/update", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["restore_to"] == "keep"
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat().replace("+00:00", "Z")
    found = {each["object_id"]: each for each in await coming(own_shop, until=until)}
    rice, soup = found[RICE], found[SOUP]
    assert (rice["by"], rice["rule_id"], rice["restore_to"]) == ("one_off", None, "keep")
    assert (rice["stock_status"], rice["real_quantity"], rice["lifts_86"]) == (1, 1000, True)
    assert (soup["by"], soup["rule_id"], soup["restore_to"], soup["real_quantity"]) == (
        "rule",
        "soup",
        "unlimited",
        None,
    )
    assert soup["at"].endswith("T09:00:00.000Z")  # five in the afternoon in Shanghai
    assert await coming(own_shop, until=datetime.now(UTC).isoformat().replace("+00:00", "Z")) == []
    wrong = await own_shop.call("GET", PREVIEW, params={"brandId": "fox", "poiId": "s1", "until": "tonight"})
    assert wrong.status_code in (400, 422)
    assert wrong.json()["field"] == "until"


async def test_a_one_off_over_http_comes_back(own_shop: Shop) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=200)
    body = {
        "brandId": "fox", "poiId": "s1", "object_id": RICE, "real_quantity": 0,
        "auto_restore_type": 1, "auto_restore_at": soon.isoformat(),
    }  # fmt: skip
    assert (await own_shop.post("/api/v1/poi/stock/update", body)).status_code == 200
    while await own_shop.left(RICE) != 1000:
        assert datetime.now(UTC) < soon + timedelta(seconds=5)
    assert await coming(own_shop) == []


async def test_what_a_setting_says_of_a_one_off_needs_one(shop: Shop) -> None:
    before = await shop.books()
    body = {"brandId": "fox", "poiId": "s1", "object_id": RICE, "restore_to": "keep"}
    answer = await shop.post("/api/v1/poi/stock/update", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "SETTING_INVALID", "restore_to")
    assert await shop.books() == before
