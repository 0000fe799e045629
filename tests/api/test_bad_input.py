"""What must not come in: each gets its 4xx that says what and where, in both languages, and changes nothing."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from .shop import CAKE, RICE, TEA, Shop

LOCK = {
    "brandId": "fox", "poiId": "s1", "order_id": "bad", "channel_code": "POS",
    "lines": [{"sku_id": RICE, "quantity": 1}],
}  # fmt: skip


def lock(**changes: Any) -> bytes:
    """The body of a good lock, with changes; None takes a field away."""
    body = {**LOCK, **changes}
    return json.dumps({name: value for name, value in body.items() if value is not None}, ensure_ascii=False).encode()


def line(**changes: Any) -> bytes:
    return lock(lines=[{"sku_id": TEA, "quantity": 1}, {**LOCK["lines"][0], **changes}])  # type: ignore[index]


def raw_quantity(text: str) -> bytes:
    return line(quantity="Q").replace(b'"Q"', text.encode())


DEEP = b"[" * 100_000 + b"]" * 100_000

CASES: list[tuple[str, bytes, int, str, str | None]] = [
    ("nothing", b"", 400, "MALFORMED_JSON", None),
    ("half an object", b'{"brandId": "fox"', 400, "MALFORMED_JSON", None),
    ("not UTF-8", '{"brandId": "caf\xe9"}'.encode("latin-1"), 400, "MALFORMED_JSON", None),
    ("half a surrogate pair", rb'{"brandId": "\ud800"}', 400, "MALFORMED_JSON", None),
    ("a byte order mark", b"\xef\xbb\xbf" + lock(), 400, "MALFORMED_JSON", None),
    ("two objects", lock() + lock(), 400, "MALFORMED_JSON", None),
    ("an array", b"[]", 400, "WRONG_TYPE", None),
    ("null", b"null", 400, "WRONG_TYPE", None),
    ("a very deep array", lock(reason="R").replace(b'"R"', DEEP), 400, "WRONG_TYPE", "reason"),
    ("an unknown field", lock(price=3), 400, "UNKNOWN_FIELD", "price"),
    ("an unknown field of a line", line(price=3), 400, "UNKNOWN_FIELD", "lines[1].price"),
    ("no order", lock(order_id=None), 400, "MISSING_FIELD", "order_id"),
    ("no lines", lock(lines=None), 400, "MISSING_FIELD", "lines"),
    ("a line without quantity", lock(lines=[{"sku_id": RICE}]), 400, "MISSING_FIELD", "lines[0].quantity"),
    ("a number as order", lock(order_id=7), 400, "WRONG_TYPE", "order_id"),
    ("text as lines", lock(lines="rice"), 400, "WRONG_TYPE", "lines"),
    ("text as boolean", lock(partial="yes"), 400, "WRONG_TYPE", "partial"),
    ("text as SKU", line(sku_id="rice"), 400, "WRONG_TYPE", "lines[1].sku_id"),
    ("a fraction as SKU", line(sku_id=1.5), 400, "WRONG_TYPE", "lines[1].sku_id"),
    ("true as quantity", line(quantity=True), 400, "WRONG_TYPE", "lines[1].quantity"),
    ("words as quantity", line(quantity="two"), 400, "WRONG_TYPE", "lines[1].quantity"),
    ("quantity NaN", raw_quantity("NaN"), 400, "MALFORMED_JSON", None),
    ("quantity 'NaN'", line(quantity="NaN"), 422, "QUANTITY_OUT_OF_RANGE", "lines[1].quantity"),
    ("quantity 'Infinity'", line(quantity="Infinity"), 422, "QUANTITY_OUT_OF_RANGE", "lines[1].quantity"),
    ("quantity 0", line(quantity=0), 422, "QUANTITY_OUT_OF_RANGE", "lines[1].quantity"),
    ("quantity -1", line(quantity=-1), 422, "QUANTITY_OUT_OF_RANGE", "lines[1].quantity"),
    ("quantity 1e400", raw_quantity("1e400"), 422, "QUANTITY_OUT_OF_RANGE", "lines[1].quantity"),
    ("quantity 1e999999", raw_quantity("1e999999"), 422, "QUANTITY_OUT_OF_RANGE", "lines[1].quantity"),
    ("quantity 1e-999999", raw_quantity("1e-999999"), 422, "QUANTITY_TOO_FINE", "lines[1].quantity"),
    ("quantity 10^12", line(quantity=10**12), 422, "QUANTITY_OUT_OF_RANGE", "lines[1].quantity"),
    ("four decimals", line(quantity="0.0001"), 422, "QUANTITY_TOO_FINE", "lines[1].quantity"),
    ("forty decimals", raw_quantity("1." + "0" * 40 + "1"), 422, "QUANTITY_TOO_FINE", "lines[1].quantity"),
    ("finer than the item", line(sku_id=CAKE, quantity=0.5), 422, "QUANTITY_TOO_FINE", "lines[1].quantity"),
    ("SKU 0", line(sku_id=0), 422, "NUMBER_OUT_OF_RANGE", "lines[1].sku_id"),
    ("SKU 2^53", line(sku_id=2**53), 422, "NUMBER_OUT_OF_RANGE", "lines[1].sku_id"),
    ("line 10,000", line(line_no=10_000), 422, "NUMBER_OUT_OF_RANGE", "lines[1].line_no"),
    ("expires in 0 s", lock(expires_in=0), 422, "NUMBER_OUT_OF_RANGE", "expires_in"),
    ("expires in two days", lock(expires_in=172_800), 422, "NUMBER_OUT_OF_RANGE", "expires_in"),
    ("no line at all", lock(lines=[]), 422, "EMPTY", "lines"),
    ("10,000 lines", lock(lines=[{"sku_id": RICE, "quantity": 1}] * 10_000), 422, "TOO_MANY", "lines"),
    ("an empty id", lock(order_id=""), 422, "ID_INVALID", "order_id"),
    ("an id of 10,000 characters", lock(order_id="x" * 10_000), 422, "ID_INVALID", "order_id"),
    ("a store's id of 10,000 characters", lock(poiId="x" * 10_000), 422, "ID_INVALID", "poiId"),
    ("a control character", lock(order_id="a\x00b"), 422, "ID_INVALID", "order_id"),
    ("a newline", lock(channel_code="POS\n"), 422, "ID_INVALID", "channel_code"),
    ("a space at the end", lock(order_id="bad "), 422, "ID_INVALID", "order_id"),
    ("an endless reason", lock(reason="x" * 501), 422, "TEXT_INVALID", "reason"),
    ("an unknown brand", lock(brandId="wolf"), 404, "BRAND_NOT_FOUND", "brandId"),
    ("an unknown store", lock(poiId="s9"), 404, "STORE_NOT_FOUND", "poiId"),
    ("an unknown channel", lock(channel_code="DRONE"), 404, "CHANNEL_NOT_FOUND", "channel_code"),
    ("an unknown item", line(sku_id=999), 404, "ITEM_NOT_FOUND", "lines[1].sku_id"),
    ("absent before wrong", lock(poiId="s9", expires_in=0), 404, "STORE_NOT_FOUND", "poiId"),
    ("an absent item before a wrong value", line(sku_id=999, quantity=0), 404, "ITEM_NOT_FOUND", "lines[1].sku_id"),
    ("malformed before absent", lock(poiId="s9", expires_in="soon"), 400, "WRONG_TYPE", "expires_in"),
    ("an impossible item", line(sku_id=-1), 422, "NUMBER_OUT_OF_RANGE", "lines[1].sku_id"),
    ("force online", lock(channel_code="ONLINE_ORDER", force=True), 422, "FORCE_NOT_ALLOWED", "force"),
    ("force without a reason", lock(force=True), 422, "REASON_REQUIRED", "reason"),
]  # fmt: skip


@pytest.fixture
async def unchanged(shop: Shop) -> AsyncIterator[None]:
    """The database is afterwards as it was before."""
    before = await shop.books()
    yield
    assert await shop.books() == before


@pytest.mark.parametrize(("body", "status", "code", "field"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
async def test_a_wrong_lock(
    shop: Shop, unchanged: None, body: bytes, status: int, code: str, field: str | None
) -> None:
    english = await shop.post("/api/v1/stock/lock", body, headers={"accept-language": "en"})
    chinese = await shop.post("/api/v1/stock/lock", body, headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"})
    for answer in (english, chinese):
        told = answer.json()
        assert (answer.status_code, told["code"], told.get("field")) == (status, code, field)
        assert answer.headers["content-type"] == "application/json"
        assert told["retryable"] is False
        assert field is None or field in told["message"]
    assert english.json()["message"].isascii()
    assert any("\u4e00" <= char <= "\u9fff" for char in chinese.json()["message"])


async def test_a_body_of_50_mb_is_refused_at_once(shop: Shop, unchanged: None) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(800):
            yield b" " * 65_536

    for content in (b" " * 50_000_000, endless()):
        for path in ("/api/v1/stock/lock", "/api/v1/poi/stock/update"):
            body = content if isinstance(content, bytes) else endless()
            answer = await shop.call("POST", path, content=body)
            assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_emoji_are_printable(shop: Shop) -> None:
    answer = await shop.post("/api/v1/stock/lock", lock(order_id="🍜🍜", lines=[{"sku_id": TEA, "quantity": 1}]))
    assert answer.status_code == 200
    assert answer.json()["order_id"] == "🍜🍜"


UPDATES: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"object_id": RICE, "op": "subtract"}, 422, "UNKNOWN_VALUE", "op"),
    ({"object_id": RICE, "op": "add"}, 400, "MISSING_FIELD", "quantity"),
    ({"object_id": RICE, "op": "add", "quantity": 1}, 400, "MISSING_FIELD", "request_id"),
    ({"object_id": RICE, "op": "add", "quantity": 1, "request_id": ""}, 422, "ID_INVALID", "request_id"),
    ({"object_id": RICE, "op": "add", "quantity": "-0.0001", "request_id": "r"}, 422, "QUANTITY_TOO_FINE", "quantity"),
    ({"object_id": RICE, "op": "add", "quantity": -1e9, "request_id": "r"}, 422, "QUANTITY_OUT_OF_RANGE", "quantity"),
    ({"object_id": RICE, "op": "add", "quantity": -1001, "request_id": "r"}, 422, "QUANTITY_OUT_OF_RANGE", "quantity"),
    ({"object_id": RICE, "op": "add", "quantity": 1, "real_quantity": 0, "request_id": "r"}, 422, "VALUE_INVALID",
     "real_quantity"),
    ({"object_id": TEA, "op": "add", "quantity": 1, "request_id": "r"}, 422, "SETTING_INVALID", "op"),
    ({"object_id": RICE, "op": "count", "quantity": -1}, 422, "QUANTITY_OUT_OF_RANGE", "quantity"),
    ({"object_id": RICE, "op": "count", "quantity": 1, "manual": False}, 422, "VALUE_INVALID", "manual"),
    ({"object_id": RICE, "quantity": 1}, 422, "VALUE_INVALID", "quantity"),
    ({"items": [{"object_id": RICE, "op": "count"}]}, 400, "MISSING_FIELD", "items[0].quantity"),
    ({"object_id": RICE, "poiIds": ["s2"]}, 422, "VALUE_INVALID", "poiId"),
    ({"object_id": RICE, "all": True}, 422, "VALUE_INVALID", "poiId"),
    ({"object_id": RICE, "real_quantity": "-1"}, 422, "QUANTITY_OUT_OF_RANGE", "real_quantity"),
    ({"object_id": RICE, "real_quantity": 0.05}, 422, "QUANTITY_TOO_FINE", "real_quantity"),
    ({"object_id": RICE, "stock_status": 3}, 422, "NUMBER_OUT_OF_RANGE", "stock_status"),
    ({"object_id": RICE, "auto_restore_at": "2026-01-01T00:00:00"}, 400, "WRONG_TYPE", "auto_restore_at"),
    ({"object_id": RICE, "auto_restore_at": "tomorrow"}, 400, "WRONG_TYPE", "auto_restore_at"),
    ({"object_id": 999, "stock_status": 2}, 404, "ITEM_NOT_FOUND", "object_id"),
    ({"items": []}, 422, "EMPTY", "items"),
    ({"items": [{"object_id": RICE, "price": 1}]}, 400, "UNKNOWN_FIELD", "items[0].price"),
    ({"object_id": RICE, "channel_stocks": [{"channel_code": "DRONE"}]}, 404, "CHANNEL_NOT_FOUND",
     "channel_stocks[0].channel_code"),
    ({"object_id": RICE, "channel_stocks": [{"channel_code": "POS", "weight": 1}, {"channel_code": "POS"}]}, 422,
     "SETTING_INVALID", "channel_stocks[1].channel_code"),
    ({"object_id": RICE, "expected_version": 10**9, "real_quantity": 1}, 409, "VERSION_CONFLICT", None),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "status", "code", "field"), UPDATES)
async def test_a_wrong_setting(
    shop: Shop, unchanged: None, fields: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    answer = await shop.post("/api/v1/poi/stock/update", {"brandId": "fox", "poiId": "s1", **fields})
    assert (answer.status_code, answer.json()["code"], answer.json().get("field")) == (status, code, field)


async def test_an_unknown_address_and_method_answer_in_our_shape(shop: Shop) -> None:
    for method, path, status, code in (
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/api/v1/stock/lock", 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/api/v1/brands", 405, "METHOD_NOT_ALLOWED"),
    ):
        answer = await shop.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
