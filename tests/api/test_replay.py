"""The journal of a device over HTTP: where it stops, what counts by then, and how it goes on."""

from typing import Any

import httpx
import pytest

from .shop import CAKE, RICE, SOUP, Shop

PATH = "/api/v1/poi/stock/replay"
AT = "2026-11-26T09:00:00Z"


def event(seq: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"seq": seq, "type": kind, "occurred_at": AT, **fields}


def sale(seq: int, sku_id: int = RICE, quantity: Any = 1) -> dict[str, Any]:
    lines = [{"sku_id": sku_id, "quantity": quantity}]
    return event(seq, "sale", order_id=f"sale-{seq}", channel_code="POS", lines=lines)


async def tell(shop: Shop, *events: Any, journal_id: str = "j1", **more: Any) -> httpx.Response:
    named = {"brandId": "fox", "poiId": "s1", "device_id": "till-1", "journal_id": journal_id}
    return await shop.post(PATH, {**named, "events": list(events)}, **more)


def results(answer: httpx.Response) -> list[tuple[int, str, bool]]:
    return [(each["seq"], each["result"], each["replayed"]) for each in answer.json()["results"]]


async def test_every_type_of_event(own_shop: Shop) -> None:
    line = {"sku_id": RICE, "quantity": 2}
    answer = await tell(
        own_shop,
        event(1, "lock", order_id="a", channel_code="POS", lines=[line], expires_in=60),
        event(2, "amend", order_id="a", request_id="m", lines=[{"sku_id": RICE, "quantity": 3}]),
        event(3, "deduct", order_id="a"),
        event(4, "return", order_id="a", request_id="r", lines=[{"sku_id": RICE, "quantity": 1, "restock": True}]),
        event(5, "lock", order_id="b", channel_code="POS", lines=[line]),
        event(6, "unlock", order_id="b"),
        sale(7, SOUP, 2000),
        event(8, "count", object_id=RICE, counted=9, expected=11),
        event(9, "setting", object_id=CAKE, stock_status=2, updated_at=None, reason="burnt"),
        event(10, "unlock", order_id="never"),
    )
    assert answer.status_code == 200, answer.text
    told = {seq: result for seq, result, _ in results(answer)}
    assert told == dict.fromkeys(range(1, 11), "applied") | {7: "incident", 10: "superseded"}
    assert answer.json()["expected_seq"] == 11
    last = answer.json()["results"][-1]
    assert (last["code"], last["message"]) == ("ORDER_NOT_FOUND", "There is no such order or line.")
    [books] = [entry async for entry in own_shop.service.database.audit() if entry.store.poi_id == "s1"]
    stocks = {stock.key.object_id: stock for stock in books.stocks}
    assert (stocks[RICE].real, stocks[RICE].locked) == (1000_000 - 2000 - 2000, 0)
    assert (stocks[SOUP].real, stocks[SOUP].oversold) == (-1000_000, 1000_000)
    assert stocks[CAKE].manual
    assert [(each.kind, each.quantity, each.order_id) for each in books.incidents] == [
        ("replayed_sale", 1000_000, "sale-7")
    ]
    log = await own_shop.post("/api/v1/poi/stock/log", {"brandId": "fox", "poiId": "s1", "source": "replay"})
    assert {entry["happened_at"] for entry in log.json()["rows"]} == {"2026-11-26T09:00:00.000Z"}
    newest = log.json()["rows"][0]
    assert (newest["event_id"], newest["object_id"], newest["reason"]) == ("j1#9", CAKE, "burnt")
    assert [journal.last_seq for journal in books.journals] == [10]


async def test_where_a_journal_stops_what_was_before_counts(own_shop: Shop) -> None:
    gap = await tell(own_shop, sale(1), sale(2), sale(4), sale(5))
    assert (gap.status_code, gap.json()["code"], gap.json()["field"]) == (409, "JOURNAL_GAP", "events[2].seq")
    assert (results(gap), gap.json()["expected_seq"]) == ([(1, "applied", False), (2, "applied", False)], 3)
    assert await own_shop.left(RICE) == 998
    wrong = await tell(own_shop, sale(2), sale(3), sale(4, quantity=-1), sale(5))
    told = wrong.json()
    assert (wrong.status_code, told["code"]) == (422, "QUANTITY_OUT_OF_RANGE")
    assert told["field"] == "events[2].lines[0].quantity"
    assert (results(wrong), told["expected_seq"]) == ([(2, "applied", True), (3, "applied", False)], 4)
    assert await own_shop.left(RICE) == 997
    other = await tell(own_shop, sale(3, quantity=2), sale(4))
    assert (other.status_code, other.json()["code"], other.json()["expected_seq"]) == (409, "JOURNAL_MISMATCH", 4)
    assert (results(other), await own_shop.left(RICE)) == ([], 997)
    rest = await tell(own_shop, sale(1), sale(2), sale(3), sale(4), sale(5))
    assert rest.status_code == 200
    assert results(rest) == [(1, "applied", True), (2, "applied", True), (3, "applied", True),
                             (4, "applied", False), (5, "applied", False)]  # fmt: skip
    assert await own_shop.left(RICE) == 995


async def test_the_same_event_written_otherwise_is_the_same(own_shop: Shop) -> None:
    assert (await tell(own_shop, sale(1, quantity="1.0"))).status_code == 200
    key = await own_shop.make_key("hub", brandId="fox", poi_ids=["s1"])
    again = await tell(own_shop, sale(1, quantity=1) | {"occurred_at": "2026-11-26T17:00:00+08:00"}, key=key)
    assert results(again) == [(1, "applied", True)]


async def test_a_conflict_is_told_with_both_sides(own_shop: Shop) -> None:
    update = {"brandId": "fox", "poiId": "s1", "object_id": RICE, "plan_quantity": 7}
    assert (await own_shop.post("/api/v1/poi/stock/update", update)).status_code == 200
    answer = await tell(own_shop, event(1, "setting", object_id=RICE, plan_quantity=9, expected_version=1))
    assert results(answer) == [(1, "superseded", False)]
    assert answer.json()["results"][0]["code"] == "STALE_REPORT"
    log = await own_shop.post("/api/v1/poi/stock/log", {"brandId": "fox", "poiId": "s1", "kind": "superseded"})
    [row] = log.json()["rows"]
    assert row["details"] == {"superseded": [{"field": "plan_quantity", "channel_code": None, "kept": 7, "asked": 9}]}


@pytest.mark.parametrize(
    ("events", "status", "code", "field"),
    [
        ([], 422, "EMPTY", "events"),
        ([sale(seq) for seq in range(1, 1002)], 422, "TOO_MANY", "events"),
        ([sale(0)], 422, "NUMBER_OUT_OF_RANGE", "events[0].seq"),
        ([sale(1) | {"type": "theft"}], 422, "UNKNOWN_VALUE", "events[0].type"),
        ([sale(1) | {"tip": 1}], 422, "UNKNOWN_FIELD", "events[0].tip"),
        ([sale(1) | {"occurred_at": "today"}], 422, "WRONG_TYPE", "events[0].occurred_at"),
        ([sale(1) | {"lines": []}], 422, "EMPTY", "events[0].lines"),
        ([sale(1) | {"order_id": ""}], 422, "ID_INVALID", "events[0].order_id"),
        ([sale(1, CAKE, 0.5)], 422, "QUANTITY_TOO_FINE", "events[0].lines[0].quantity"),
        ([event(1, "return", order_id="x")], 422, "MISSING_FIELD", "events[0].request_id"),
        ([event(1, "amend", order_id="x", request_id="r")], 422, "MISSING_FIELD", "events[0].lines"),
        ([event(1, "count", object_id=CAKE, counted=0.5, expected=1)], 422, "QUANTITY_TOO_FINE", "events[0].counted"),
        ([event(1, "setting", object_id=CAKE, real_quantity=0.5)], 422, "QUANTITY_TOO_FINE", "events[0].real_quantity"),
        ([7], 422, "WRONG_TYPE", "events[0]"),
        ([sale(2)], 409, "JOURNAL_GAP", "events[0].seq"),
        ("none", 400, "WRONG_TYPE", "events"),
    ],
)
async def test_what_is_wrong_is_named(shop: Shop, events: Any, status: int, code: str, field: str) -> None:
    before = await shop.books()
    named = {"brandId": "fox", "poiId": "s1", "device_id": "till-1", "journal_id": "wrong"}
    answer = await shop.post(PATH, {**named, "events": events})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field), answer.text
    assert await shop.books() == before
