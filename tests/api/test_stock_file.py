"""Stock as CSV over HTTP: what was exported can be imported, with a result for each row, and a dry run tells it all."""

import csv
import io
from typing import Any

import httpx
import msgspec
import pytest

from eightysix.core.change import Kind

from .shop import CAKE, RICE, SOUP, TEA, Shop

IMPORT, EXPORT = "/api/v1/poi/stock/import", "/api/v1/poi/stock/export"


async def take(shop: Shop, text: str | bytes, *, key: str | None = None, **query: Any) -> Any:
    body = text if isinstance(text, bytes) else text.encode()
    answer = await shop.call("POST", IMPORT, key=key, content=body, params={"brandId": "fox", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def give(shop: Shop, *, key: str | None = None, **query: Any) -> httpx.Response:
    answer = await shop.call("GET", EXPORT, key=key, params={"brandId": "fox", **query})
    assert answer.status_code == 200, answer.text
    return answer


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def setting(shop: Shop, **fields: Any) -> None:
    answer = await shop.post("/api/v1/poi/stock/update", {"brandId": "fox", **fields})
    assert answer.status_code == 200, answer.text


async def test_what_is_exported_and_imported_changes_nothing(own_shop: Shop) -> None:
    await own_shop.stock(RICE, 12)
    await own_shop.stock(SOUP, 0, "s2")
    caps = [{"channel_code": "POS", "limit_quantity": "2.5", "guarantee_quantity": 1, "weight": 3},
            {"channel_code": "KIOSK", "stock_status": 2}]  # fmt: skip
    await setting(own_shop, poiId="s1", object_id=RICE, channel_stocks=caps)
    await setting(own_shop, poiId="s2", object_id=TEA, stock_status=2, manual=True, auto_restore_type=1)
    order = own_shop.new_order()
    assert (await own_shop.lock(order, (RICE, 2))).status_code == 200
    assert (await own_shop.verb("deduct", order)).status_code == 200
    for query in ({}, {"all_items": "true"}, {"excel": "true"}):
        exported = await give(own_shop, **query)
        assert exported.headers["content-type"] == "text/csv; charset=utf-8"
        assert "x-cursor" not in exported.headers
        rows = rows_of(exported)
        before = await own_shop.books()
        told = await take(own_shop, exported.content)
        assert (told["rows"], told["unchanged"]) == (len(rows), len(rows))
        assert await own_shop.books() == before
    # an edited copy changes what was edited, and is refused where somebody was faster
    rice = next(row for row in rows if (row["poi_id"], row["object_id"]) == ("s1", str(RICE)))
    assert (rice["name"], rice["real_quantity"], rice["POS.limit_quantity"]) == ("Rice", "10", "2.5")
    edited = exported.text.replace(",2.5,", ",4,")
    told = await take(own_shop, edited)
    assert (told["changed"], told["unchanged"]) == (1, len(rows) - 1)
    [change] = [each for each in told["results"] if each["result"] == "changed"]
    assert change["changes"] == [{"field": "limit_quantity", "channel_code": "POS", "before": 2.5, "after": 4}]
    late = await take(own_shop, exported.content)
    assert (late["refused"], late["unchanged"]) == (1, len(rows) - 1)
    [refused] = [each for each in late["results"] if each["result"] == "refused"]
    assert (refused["status"], refused["error"]["code"]) == (409, "VERSION_CONFLICT")


async def test_a_dish_put_back_in_an_edited_copy_comes_without_the_end_of_its_86(own_shop: Shop) -> None:
    """The copy shows that end in other cells. As a one-off of its own it would bring the plan, and lose the count."""
    await own_shop.stock(RICE, 40)
    await setting(own_shop, poiId="s1", object_id=RICE, real_quantity=7)
    body = {"brandId": "fox", "poiId": "s1", "object_ids": [RICE], "sold_out": True, "until": "2999-01-01T00:00:00Z"}
    assert (await own_shop.post("/api/v1/poi/stock/86", body)).status_code == 200
    [row, *_] = rows_of(await give(own_shop, poiId="s1"))
    assert (row["object_id"], row["stock_status"], row["auto_restore_type"]) == (str(RICE), "2", "1")
    back = {**row, "stock_status": "1"}
    told = await take(own_shop, ",".join(back) + "\n" + ",".join(back.values()) + "\n")
    changed = {each["field"]: each["after"] for each in told["results"][0]["changes"]}
    assert changed == {"stock_status": 1, "manual": False, "auto_restore_type": 0, "auto_restore_at": None,
                       "restore_to": "plan"}  # fmt: skip
    assert await own_shop.left(RICE) == 7


async def test_each_row_has_a_result(shop: Shop) -> None:
    await shop.stock(RICE, 10)
    await shop.stock(SOUP, 10)
    text = (
        "poi_id,object_id,stock_type,real_quantity,op,quantity,POS.limit_quantity\r\n"
        f"s1,{RICE},,,add,-2.5,\r\n"
        f"s1,{SOUP},,,count,7,\r\n"
        f"s2,{CAKE},2,3,,,none\r\n"
        f"s2,{RICE},2,0.05,,,\r\n"
        f"nowhere,{RICE},2,5,,,\r\n"
        "s1,404,2,5,,,\r\n"
        f"s1,{TEA},,,add,1,\r\n"
        f"s2,{TEA},,x,,,\r\n"
        f"s2,{SOUP},,,,,0.05\r\n"
    )
    await take(shop, text, request_id="file-0", reason="delivery", dry_run="true")  # makes the head rows
    before = await shop.books()
    for dry_run in ("true", "false"):
        told = await take(shop, text, request_id="file-1", reason="delivery", dry_run=dry_run)
        shown = [(each["row"], each["poiId"], each["object_id"], each["status"], (each["error"] or {}).get("code"),
                  (each["error"] or {}).get("field")) for each in told["results"]]  # fmt: skip
        assert shown == [
            (2, "s1", RICE, 200, None, None),
            (3, "s1", SOUP, 200, None, None),
            (4, "s2", CAKE, 200, None, None),
            (5, "s2", RICE, 422, "QUANTITY_TOO_FINE", "real_quantity"),
            (6, "nowhere", RICE, 404, "STORE_NOT_FOUND", "poi_id"),
            (7, "s1", 404, 404, "ITEM_NOT_FOUND", "object_id"),
            (8, "s1", TEA, 422, "SETTING_INVALID", "op"),
            (9, "s2", None, 400, "WRONG_TYPE", "real_quantity"),
            (10, "s2", SOUP, 422, "QUANTITY_TOO_FINE", "POS.limit_quantity"),
        ]
        assert (told["changed"], told["refused"], told["dry_run"]) == (3, 6, dry_run == "true")
        first = told["results"][0]["changes"]
        assert first == [{"field": "real_quantity", "channel_code": None, "before": 10, "after": 7.5}]
        assert dry_run == "false" or await shop.books() == before
    assert (await shop.left(RICE), await shop.left(SOUP), await shop.left(CAKE, "s2")) == (7.5, 7, 3)
    logs = [row async for each in shop.service.database.audit() if each.store[1:] == ("fox", "s1") for row in each.logs]
    assert [(row.kind, row.source, row.reason) for row in logs[-2:]] == [
        (Kind.ADD, "import", "delivery"), (Kind.COUNT, "import", "delivery"),
    ]  # fmt: skip
    before = await shop.books()
    again = await take(shop, text, request_id="file-1", reason="delivery")
    assert (again["changed"], again["unchanged"], again["refused"]) == (0, 3, 6)
    other = await take(shop, text.replace("-2.5", "-3"), request_id="file-1", reason="delivery")
    assert other["results"][0]["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert await shop.books() == before


async def test_thousands_of_rows_of_one_store(own_shop: Shop) -> None:
    names = {"en": "x", "zh": "x"}
    skus = range(10_000, 11_200)
    for at in range(0, len(skus), 1000):
        items = [{"brandId": "fox", "object_type": 2, "object_id": sku, "name": names} for sku in skus[at : at + 1000]]
        answer = await own_shop.call("PUT", "/api/v1/items", content=msgspec.json.encode({"items": items}))
        assert answer.status_code == 200
    limited = "sku_id,stock_type,real_quantity\n" + "".join(f"{sku},2,5\n" for sku in skus)
    told = await take(own_shop, limited, poiId="s1")
    assert (told["rows"], told["changed"]) == (1200, 1200)
    more = "sku_id,op,quantity\n" + "".join(f"{sku},add,1\n" for sku in skus)
    for changed in (1200, 0):
        assert (await take(own_shop, more, poiId="s1", request_id="truck"))["changed"] == changed
    assert await own_shop.left(skus[-1]) == 6


async def test_a_file_that_is_wrong_as_a_whole(shop: Shop) -> None:
    before = await shop.books()
    for text, query, status, code, field in (
        (b"object_id,real_quantity\n1,\xff\n", {"poiId": "s1"}, 422, "VALUE_INVALID", "body"),
        (b'object_id\n"1', {"poiId": "s1"}, 422, "VALUE_INVALID", "body"),
        (b"", {"poiId": "s1"}, 400, "MISSING_FIELD", "object_id"),
        (b"object_id\n", {"poiId": "s1"}, 422, "EMPTY", "rows"),
        (b"object_id\n1\n", {}, 400, "MISSING_FIELD", "poi_id"),
        (b"object_id,real\n1,1\n", {"poiId": "s1"}, 400, "UNKNOWN_FIELD", "real"),
        (b"object_id,POS.colour\n1,1\n", {"poiId": "s1"}, 400, "UNKNOWN_FIELD", "POS.colour"),
        (b"object_id,DRONE.weight\n1,1\n", {"poiId": "s1"}, 404, "CHANNEL_NOT_FOUND", "DRONE.weight"),
        (b"object_id,sku_id\n1,1\n", {"poiId": "s1"}, 422, "VALUE_INVALID", "object_id"),
        (b"object_id\n" + b"1\n" * 10_001, {"poiId": "s1"}, 422, "TOO_MANY", "rows"),
        (b"object_id\n1\n", {"poiId": "nowhere"}, 404, "STORE_NOT_FOUND", "poiId"),
        (b"object_id\n1\n", {"poiId": "s1", "request_id": " "}, 422, "ID_INVALID", "request_id"),
    ):
        for language in ("en", "zh-CN"):
            answer = await shop.call("POST", IMPORT, content=text, params={"brandId": "fox", **query},
                                     headers={"accept-language": language})  # fmt: skip
            told = answer.json()
            assert (answer.status_code, told["code"], told.get("field")) == (status, code, field)
            assert told["message"].isascii() is (language == "en")
    assert await shop.books() == before


async def test_files_are_of_the_stores_of_the_key(shop: Shop) -> None:
    for poi_id in ("s1", "s2"):
        await shop.stock(RICE, 9, poi_id)
    key = await shop.make_key("store", brandId="fox", poi_ids=["s1"])
    told = await take(shop, f"poi_id,sku_id,real_quantity\ns1,{RICE},8\ns2,{RICE},8\n", key=key)
    assert [each["status"] for each in told["results"]] == [200, 404]
    assert await shop.left(RICE, "s2") == 9
    assert {row["poi_id"] for row in rows_of(await give(shop, key=key))} == {"s1"}
    for query in ({"brandId": "fox", "poiId": "s2"}, {"brandId": "owl"}):
        answer = await shop.call("GET", EXPORT, key=key, params=query)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("role", "statuses"), [("store", (200, 200)), ("auditor", (200, 403)), ("channel", (403, 403))]
)
async def test_who_may(shop: Shop, role: str, statuses: tuple[int, int]) -> None:
    scope = {"poi_ids": ["s1"]} if role == "store" else {"channel_code": "POS"} if role == "channel" else {}
    key = await shop.make_key(role, brandId="fox", **scope)
    exported = await shop.call("GET", EXPORT, key=key, params={"brandId": "fox"})
    text = f"sku_id,stock_status\n{TEA},1\n"
    imported = await shop.call("POST", IMPORT, key=key, content=text, params={"brandId": "fox", "poiId": "s1"})
    assert (exported.status_code, imported.status_code) == statuses


async def test_a_key_of_one_channel_sees_that_channel(shop: Shop) -> None:
    key = await shop.make_key("order-service", brandId="fox", channel_code="POS")
    header = (await give(shop, key=key)).text.splitlines()[0]
    assert {name.partition(".")[0] for name in header.split(",") if "." in name} == {"POS"}


async def test_an_export_comes_in_parts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for poi_id in ("s1", "s2"):
        await shop.stock(RICE, 9, poi_id)
    whole = (await give(shop)).content
    monkeypatch.setattr("eightysix.api.stock_file.PART_ROWS", 1)
    first = await give(shop)
    second = await give(shop, cursor=first.headers["x-cursor"])
    assert "x-cursor" not in second.headers
    assert first.content + second.content == whole
    for cursor in ("ÿ", "!!!!", "e30"):
        answer = await shop.call("GET", EXPORT, params={"brandId": "fox", "cursor": cursor})
        assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


async def test_nothing_that_is_exported_is_a_formula(shop: Shop) -> None:
    put = {
        "brands": {"brandId": "evil", "name": "x"},
        "stores": {"brandId": "evil", "poiId": "=1+1", "name": "x", "time_zone": "UTC"},
        "channels": {"brandId": "evil", "channel_code": "@c", "name": "x", "place": "online", "party": "own"},
        "items": {"brandId": "evil", "object_type": 2, "object_id": 1, "name": {"en": "=HYPERLINK(1)", "zh": "+x"}},
    }
    for kind, body in put.items():
        answer = await shop.call("PUT", f"/api/v1/{kind}", content=msgspec.json.encode(body))
        assert answer.status_code == 200, answer.text
    query = {"brandId": "evil", "all_items": "true"}
    for language in ("en", "zh-CN"):
        exported = await shop.call("GET", EXPORT, params=query, headers={"accept-language": language})
        cells = [cell for line in csv.reader(io.StringIO(exported.text)) for cell in line if cell]
        assert not [cell for cell in cells if cell[0] in "=+-@"]
    told = await shop.call("POST", IMPORT, content=exported.content, params={"brandId": "evil"})
    assert (told.json()["unchanged"], told.json()["rows"]) == (1, 1)
