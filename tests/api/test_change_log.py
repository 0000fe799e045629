"""The change log over HTTP: rows as people read them, cursors, refusals, CSV."""

import asyncio
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eightysix.core.change import Kind

from .shop import RICE, SOUP, TEA, Shop

PATH = "/api/v1/poi/stock/log"


@pytest.fixture(scope="module", name="shop")
def _shop(module_shop: Shop) -> Shop:
    return module_shop


async def ask(shop: Shop, poi_id: str = "s1", **asked: Any) -> dict[str, Any]:
    """One page."""
    answer = await shop.post(PATH, {"brandId": "fox", "poiId": poi_id, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def export(shop: Shop, poi_id: str = "s1", **asked: Any) -> Any:
    return await shop.call("GET", f"{PATH}/export", params={"brandId": "fox", "poiId": poi_id, **asked})


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_an_order_tells_its_life_newest_first(shop: Shop) -> None:
    order = shop.new_order()
    assert (await shop.lock(order, (RICE, 2.5))).status_code == 200
    assert (await shop.verb("deduct", order)).status_code == 200
    page = await ask(shop, order_id=order)
    deduct, lock = page["rows"]
    assert page["cursor"] is None
    assert (lock["kind"], lock["quantity"], deduct["kind"], deduct["quantity"]) == ("lock", 2.5, "deduct", 2.5)
    assert lock["after"] == deduct["before"]
    assert lock["after"]["locked_quantity"] - lock["before"]["locked_quantity"] == 2.5
    assert deduct["before"]["real_quantity"] - deduct["after"]["real_quantity"] == 2.5
    assert deduct["seq"] > lock["seq"]
    assert lock.items() >= {
        "object_type": 2, "object_id": RICE, "order_id": order, "channel_code": "POS", "source": "api", "changes": [],
        "details": None, "reason": None, "event_id": None,
    }.items()  # fmt: skip
    assert lock["happened_at"] == lock["recorded_at"] <= deduct["recorded_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lock["recorded_at"])


async def test_a_setting_tells_field_by_field_what_it_changed(own_shop: Shop) -> None:
    shop = own_shop
    body = {
        "brandId": "fox", "poiId": "s2", "object_id": SOUP, "stock_type": 2, "real_quantity": 12.5, "plan_quantity": 20,
        "reason": "=HYPERLINK(1)", "auto_restore_type": 1, "auto_restore_at": "2031-05-01T04:00:00+08:00",
        "channel_stocks": [{"channel_code": "POS", "limit_quantity": 5, "weight": 3}],
    }  # fmt: skip
    assert (await shop.post("/api/v1/poi/stock/update", body)).status_code == 200
    body = {**body, "channel_stocks": [{"channel_code": "POS", "limit_quantity": None}], "real_quantity": 11}
    assert (await shop.post("/api/v1/poi/stock/update", body)).status_code == 200
    second, first = (await ask(shop, "s2", object_id=SOUP))["rows"]
    assert (first["kind"], first["quantity"], first["reason"]) == ("set", 12.5, "=HYPERLINK(1)")
    told = {(each["field"], each["channel_code"]): (each["before"], each["after"]) for each in first["changes"]}
    assert told == {
        ("stock_type", None): (1, 2), ("real_quantity", None): (0, 12.5), ("plan_quantity", None): (0, 20),
        ("auto_restore_type", None): (0, 1), ("auto_restore_at", None): (None, "2031-04-30T20:00:00.000Z"),
        ("limit_quantity", "POS"): (None, 5), ("weight", "POS"): (0, 3),
    }  # fmt: skip
    assert second["quantity"] == -1.5
    assert second["changes"] == [
        {"field": "real_quantity", "channel_code": None, "before": 12.5, "after": 11},
        {"field": "limit_quantity", "channel_code": "POS", "before": 5, "after": None},
    ]


@pytest.fixture(scope="module")
async def busy(shop: Shop) -> list[dict[str, Any]]:
    """Some orders of the second store; all its rows, newest first."""
    await shop.stock(RICE, 500, "s2")
    for number in range(12):
        lines = [{"sku_id": RICE, "quantity": 1 + number}]
        channel = ("POS", "KIOSK")[number % 2]
        lock = await shop.verb("lock", f"busy-{number}", "s2", channel_code=channel, lines=lines)
        assert lock.status_code == 200, lock.text
        if number % 3 == 0:
            assert (await shop.verb("unlock", f"busy-{number}", "s2")).status_code == 200
    page = await ask(shop, "s2", limit=1000)
    assert page["cursor"] is None
    return page["rows"]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"kind": "unlock"}, lambda row: row["kind"] == "unlock"),
        ({"kind": ["unlock", "set"]}, lambda row: row["kind"] in {"unlock", "set"}),
        ({"channel_code": "KIOSK"}, lambda row: row["channel_code"] == "KIOSK"),
        ({"order_id": "busy-3"}, lambda row: row["order_id"] == "busy-3"),
        ({"object_id": RICE}, lambda row: row["object_id"] == RICE),
        ({"object_id": str(RICE), "object_type": "2", "kind": "lock"}, lambda row: row["kind"] == "lock"),
        ({"object_id": RICE, "object_type": 1}, lambda _: False),
        ({"source": "timer"}, lambda _: False),
        ({"actor": "nobody"}, lambda _: False),
    ],
)
async def test_filters(shop: Shop, busy: list[dict[str, Any]], asked: dict[str, Any], wanted: Any) -> None:
    found = (await ask(shop, "s2", **asked))["rows"]
    assert found == [row for row in busy if wanted(row)]


async def test_from_counts_in_and_to_does_not(shop: Shop, busy: list[dict[str, Any]]) -> None:
    middle = busy[len(busy) // 2]["recorded_at"]
    since = (await ask(shop, "s2", **{"from": middle}))["rows"]
    until = (await ask(shop, "s2", to=middle))["rows"]
    assert since == [row for row in busy if row["recorded_at"] >= middle]
    assert until == [row for row in busy if row["recorded_at"] < middle]
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert await ask(shop, "s2", **{"from": later}) == {"rows": [], "cursor": None}


async def test_the_pages_of_a_cursor_are_the_whole(shop: Shop, busy: list[dict[str, Any]]) -> None:
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await ask(shop, "s2", limit=3, kind=["lock", "set"], cursor=cursor)
        assert len(page["rows"]) <= 3
        rows += page["rows"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert rows == [row for row in busy if row["kind"] in {"lock", "set"}]


async def test_a_cursor_belongs_to_its_store_and_filters(shop: Shop, busy: list[dict[str, Any]]) -> None:
    assert len(busy) > 2
    cursor = (await ask(shop, "s2", limit=2))["cursor"]
    assert await ask(shop, "s2", limit=1, cursor=cursor) == {
        "rows": [busy[2]], "cursor": (await ask(shop, "s2", limit=3))["cursor"],
    }  # fmt: skip
    for asked in (
        {"poiId": "s1", "cursor": cursor}, {"poiId": "s2", "cursor": cursor, "kind": "lock"},
        {"poiId": "s2", "cursor": cursor[:-2]}, {"poiId": "s2", "cursor": "WzEsMiwzXQ"}, {"poiId": "s2", "cursor": "é"},
        {"poiId": "s2", "cursor": ""},
    ):  # fmt: skip
        answer = await shop.post(PATH, {"brandId": "fox", **asked})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "VALUE_INVALID", "cursor")
        part = await shop.call("GET", f"{PATH}/export", params={"brandId": "fox", **asked})
        assert (part.status_code, part.json()["code"]) == (422, "VALUE_INVALID")


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"kind": "nothing"}, 422, "UNKNOWN_VALUE"),
        ({"kind": ["lock"] * 99}, 422, "TOO_MANY"),
        ({"limit": 0}, 422, "NUMBER_OUT_OF_RANGE"),
        ({"limit": 1001}, 422, "NUMBER_OUT_OF_RANGE"),
        ({"object_id": 0}, 422, "NUMBER_OUT_OF_RANGE"),
        ({"object_type": 3}, 422, "NUMBER_OUT_OF_RANGE"),
        ({"order_id": " "}, 422, "ID_INVALID"),
        ({"actor": ""}, 422, "TEXT_INVALID"),
        ({"source": "x" * 17}, 422, "TEXT_INVALID"),
        ({"from": "2026-01-01T00:00:00"}, 400, "WRONG_TYPE"),
        ({"since": "2026-01-01T00:00:00Z"}, 400, "UNKNOWN_FIELD"),
        ({"poiId": "nowhere"}, 404, "STORE_NOT_FOUND"),
        ({"brandId": "nobody"}, 404, "BRAND_NOT_FOUND"),
    ],
)
async def test_what_is_refused(shop: Shop, asked: dict[str, Any], status: int, code: str) -> None:
    answer = await shop.post(PATH, {"brandId": "fox", "poiId": "s1", **asked})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_export_takes_instants_and_nothing_else_for_times(shop: Shop, busy: list[dict[str, Any]]) -> None:
    middle = busy[len(busy) // 2]["recorded_at"]
    lines = cells((await export(shop, "s2", **{"from": middle})).text)
    assert [line["seq"] for line in lines] == [str(row["seq"]) for row in busy if row["recorded_at"] >= middle]
    for asked in ({"from": "5"}, {"to": "2026-01-01T00:00:00"}, {"to": "today"}):
        answer = await export(shop, "s2", **asked)
        assert (answer.status_code, answer.json()["code"]) == (400, "WRONG_TYPE"), asked


async def test_every_kind_has_a_name(shop: Shop) -> None:
    for kind in Kind:
        await ask(shop, kind=kind.name.lower())


async def test_csv_holds_what_the_pages_hold(shop: Shop, busy: list[dict[str, Any]]) -> None:
    answer = await export(shop, "s2")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "x-cursor" not in answer.headers
    assert answer.text.count("\r\n") == len(busy) + 1
    for row, line in zip(busy, cells(answer.text), strict=True):
        assert line["seq"] == str(row["seq"])
        assert (line["kind"], line["order_id"], line["recorded_at"]) == (
            row["kind"], row["order_id"] or "", row["recorded_at"],
        )  # fmt: skip
        assert float(line["quantity"]) == row["quantity"]
        assert float(line["real_after"]) == row["after"]["real_quantity"]
        assert float(line["locked_before"]) == row["before"]["locked_quantity"]


async def test_the_parts_of_a_csv_are_one_file(shop: Shop, busy: list[dict[str, Any]]) -> None:
    whole = (await export(shop, "s2", kind=["lock", "unlock"])).text
    parts, cursor = [], None
    while True:
        asked = {"kind": ["lock", "unlock"], "limit": 4, **({} if cursor is None else {"cursor": cursor})}
        answer = await export(shop, "s2", **asked)
        parts.append(answer.text)
        cursor = answer.headers.get("x-cursor")
        if cursor is None:
            break
    assert len(parts) > 3
    assert "".join(parts) == whole
    assert [line["kind"] for line in cells(whole)] == [row["kind"] for row in busy if row["kind"] != "set"]


async def test_a_mark_for_excel_stands_once_at_the_start(shop: Shop) -> None:
    first = await export(shop, limit=1, excel="true")
    assert first.content.startswith(b"\xef\xbb\xbfseq,")
    second = await export(shop, limit=1, excel="true", cursor=first.headers["x-cursor"])
    assert b"\xef\xbb\xbf" not in second.content
    assert not (await export(shop, limit=1)).content.startswith(b"\xef")


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", " =1+1", "a;=1+1", "'=1", 'x",=cmd', "=cmd|' /C calc'!A0"]


async def test_no_cell_is_a_formula(own_shop: Shop) -> None:
    shop = own_shop
    for number, text in enumerate(HOSTILE):
        body = {"brandId": "fox", "poiId": "s1", "object_id": TEA, "plan_quantity": number + 1, "reason": text}
        assert (await shop.post("/api/v1/poi/stock/update", body)).status_code == 200
    for order_id in ("=A1", "-2", "@x"):
        assert (await shop.lock(order_id, (RICE, 1))).status_code == 200
    lines = cells((await export(shop)).text)
    told = [line["reason"] for line in lines if line["object_id"] == str(TEA)][::-1]
    assert [each.lstrip("'") for each in told] == [text.replace(";=", ";'=").lstrip("'") for text in HOSTILE]
    numbers = {
        "seq",
        "object_type",
        "object_id",
        "quantity",
        "real_before",
        "real_after",
        "locked_before",
        "locked_after",
    }
    for line in lines:
        for name, cell in line.items():
            if name not in numbers:
                assert not re.match(r"\s*[=+\-@＝＋－＠]", cell), (name, cell)
                assert not re.search(r"[;\t\r\n]\s*[=+\-@]", cell), (name, cell)
    assert {"'=A1", "'-2", "'@x"} <= {line["order_id"] for line in lines}


async def test_nothing_is_changed_by_looking(shop: Shop) -> None:
    before = await shop.books()
    await ask(shop, object_id=RICE)
    await export(shop)
    assert await shop.books() == before


async def test_a_service_keeps_house(own_shop: Shop) -> None:
    assert own_shop.settings.log_retention_days == 400
    assert [task for task in asyncio.all_tasks() if task.get_name() == "housekeeping"]


async def test_what_flowed_back_and_how_it_was_shared_reads_as_on_the_wire(own_shop: Shop) -> None:
    shop = own_shop
    share = {
        "brandId": "fox", "poiId": "s2", "object_id": SOUP, "stock_type": 2, "real_quantity": 10,
        "allocation": "guarantee", "channel_stocks": [{"channel_code": "KIOSK", "weight": 1}],
    }  # fmt: skip
    assert (await shop.post("/api/v1/poi/stock/update", share)).status_code == 200
    body = {"brandId": "fox", "poiId": "s2", "all": True, "reason": "quiet"}
    assert (await shop.post("/api/v1/poi/stock/guarantees/release", body)).status_code == 200
    flow, shared = (await ask(shop, "s2", object_id=SOUP))["rows"]
    told = {(each["field"], each["channel_code"]): (each["before"], each["after"]) for each in shared["changes"]}
    assert told["allocation", None] == ("none", "guarantee")
    assert told["weight", "KIOSK"] == (0, 1)
    assert told["guarantee_quantity", "KIOSK"] == (0, 10)
    assert (flow["kind"], flow["quantity"], flow["reason"], flow["before"]) == ("flow_back", 0, "quiet", flow["after"])
    told = {each["field"]: (each["before"], each["after"]) for each in flow["changes"]}
    assert told["open_quantity"] == (10, 0)
    assert told["released_at"] == (None, flow["recorded_at"])
