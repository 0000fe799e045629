"""find-to-pos: pages by version, nothing skipped, and what begins anew."""

from typing import Any

from eightysix.wire.cursor import Cursor, cursor_text
from tests.api.shop import CAKE, RICE, SOUP, TEA

from .conftest import Place
from .follower import Follower
from .test_stream import seq_of

MANY = 2_000


async def test_everything_then_what_changed(place: Place) -> None:
    first = await place.find()
    assert (first["has_more"], first["reset"]) == (False, False)
    assert [row["object_id"] for row in first["data"]] == [RICE, SOUP]
    assert first["store"] == {"open": True, "brand_open": True, "store_open": True, "time_zone": "Asia/Shanghai",
                              "deleted": False}  # fmt: skip
    assert (await place.find(first["cursor"]))["data"] == []
    await place.set(RICE, 3)
    second = await place.find(first["cursor"])
    (row,) = second["data"]
    assert (row["object_id"], row["real_quantity"], row["available"], row["deleted"]) == (RICE, 3, 3, False)
    assert row["channels"][0] == {"channel_code": "EMENU", "sellable": True, "available": 3, "blocked_by": None}
    assert seq_of(second["cursor"]) == row["version"]


async def test_pages_are_cut_at_versions_and_a_change_between_them_is_not_skipped(place: Place) -> None:
    for object_id in (RICE, SOUP, TEA, CAKE):
        await place.set(object_id, 10)
    page = await place.find(limit=2)
    assert page["has_more"]
    assert [row["object_id"] for row in page["data"]] == [RICE, SOUP]
    await place.set(RICE, 1)  # was on the first page
    await place.set(CAKE, 2)  # would have been on the second
    follower = Follower()
    for row in page["data"]:
        follower.row(row)
    while page["has_more"]:
        page = await place.find(page["cursor"], limit=2)
        for row in page["data"]:
            follower.row(row)
    assert {key[1]: row["real_quantity"] for key, row in follower.rows.items()} == {RICE: 1, SOUP: 10, TEA: 10, CAKE: 2}
    assert (await place.find(page["cursor"]))["data"] == []


async def test_another_generation_origin_or_future_begins_anew(place: Place) -> None:
    now = await place.find()
    generation, seq = place.service.catalog.generation, seq_of(now["cursor"])
    for cursor in (Cursor(generation + 1, 1), Cursor(generation, 1, "hub-1"), Cursor(generation, seq + 1)):
        answer = await place.find(cursor_text(cursor))
        assert answer["reset"]
        assert answer["data"] == now["data"]
        assert answer["cursor"] == now["cursor"]


async def test_an_item_that_the_menu_no_longer_has(place: Place) -> None:
    answer = await place.shop.call(
        "DELETE", "/api/v1/items", params={"brandId": "fox", "object_type": 2, "object_id": SOUP}
    )
    assert answer.status_code == 204, answer.text
    rows = {row["object_id"]: row for row in (await place.find())["data"]}
    assert rows[SOUP]["deleted"] is True
    assert rows[SOUP]["channels"] == []
    assert rows[RICE]["deleted"] is False


async def test_a_store_that_nothing_ever_happened_to(place: Place) -> None:
    await place.shop.call(
        "PUT", "/api/v1/stores", json={"brandId": "fox", "poiId": "new", "name": "new", "time_zone": "UTC"}
    )
    answer = await place.find(poiId="new")
    assert (answer["data"], answer["has_more"], seq_of(answer["cursor"])) == ([], False, 0)
    stream = await place.stream(poiId="new", since=answer["cursor"])
    assert (await stream.next()).id == answer["cursor"]
    await place.set(RICE, 2, poi_id="new")
    assert (await stream.next()).data["data"]["real_quantity"] == 2


async def test_a_store_of_two_thousand_rows(place: Place) -> None:
    skus = range(10_000, 10_000 + MANY)
    for at in range(0, MANY, 500):
        items = [_item(sku) for sku in skus[at : at + 500]]
        assert (await place.shop.call("PUT", "/api/v1/items", json={"items": items})).status_code == 200
        rows = [{"object_id": sku, "stock_type": 2, "real_quantity": sku} for sku in skus[at : at + 500]]
        body = {"brandId": "fox", "poiId": "s1", "items": rows}
        answer = await place.shop.post("/api/v1/poi/stock/update", body)
        assert answer.status_code == 200, answer.text
    asked, pages, page = Follower(), 1, await place.find(limit=700)
    for row in page["data"]:
        asked.row(row)
    while page["has_more"]:
        pages, page = pages + 1, await place.find(page["cursor"], limit=700)
        for row in page["data"]:
            asked.row(row)
    assert pages == 3
    stream, told = await place.stream(since=cursor_text(Cursor(99, 1))), Follower()
    for event in await stream.until("current"):
        told.apply(event)
    assert not told.gaps
    assert told.rows == asked.rows
    assert len(told.rows) == MANY + 2


def _item(sku: int) -> dict[str, Any]:
    return {"brandId": "fox", "object_type": 2, "object_id": sku, "name": {"en": "x", "zh": "x"}, "decimals": 1}
