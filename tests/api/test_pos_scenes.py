"""Scenes from a store, over HTTP, on both databases: head office in between, answers that get lost."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eightysix.core.audit import findings

from .conftest import open_shop
from .shop import RICE, Shop

REPORT = "/api/v1/poi/stock/sync-from-pos"
HERE = {"brandId": "fox", "poiId": "s1"}


@pytest.fixture(params=["sqlite", "postgres"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop of its own on each database; afterwards its books must be clean."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with open_shop(tmp_path, url) as shop:
        yield shop
        catalogue = shop.service.catalog.current
        async for entry in shop.service.database.audit():
            assert findings(entry, catalogue) == []


async def log(shop: Shop, **which: Any) -> list[Any]:
    answer = await shop.post("/api/v1/poi/stock/log", {**HERE, "object_id": RICE, **which})
    assert answer.status_code == 200, answer.text
    rows: list[Any] = answer.json()["rows"]
    return rows


async def row(shop: Shop) -> Any:
    """The row as it is: a report on no base is told it."""
    body = {**HERE, "object_id": RICE, "updated_at": "2000-01-01T00:00:00Z"}
    return (await shop.post(REPORT, body)).json()["stock"]


async def test_head_office_takes_a_dish_off_sale_while_the_pos_sells(scene: Shop) -> None:
    """Orders run all the while; the POS, which has not heard, reports a count. Nothing that was sold comes back, and
    the dish stays off sale until somebody who has seen that puts it back."""
    await scene.stock(RICE, 1000)
    seen = await row(scene)
    sold, refused, is_off = 0, 0, asyncio.Event()

    async def sell(till: int) -> None:
        nonlocal sold, refused
        for number in range(20):
            order = f"{till}-{number}"
            lock = await scene.lock(order, (RICE, 1))
            if lock.status_code == 409:
                assert lock.json()["shortages"][0]["blocked_by"] == "sku"
                refused += 1
            else:
                assert (await scene.verb("deduct", order)).status_code == 200
                sold += 1
            if sold >= 30 and not is_off.is_set():
                is_off.set()

    async def head_office() -> None:
        await is_off.wait()
        body = {**HERE, "object_ids": [RICE], "sold_out": True, "reason": "recall"}
        assert (await scene.post("/api/v1/poi/stock/86", body)).status_code == 200

    await asyncio.gather(head_office(), *map(sell, range(6)))
    assert refused > 0
    count = {**HERE, "object_id": RICE, "stock_status": 1, "stock_type": 2, "plan_quantity": 1000,
             "real_quantity": 1000, "updated_at": seen["updated_at"], "event_id": "till-1"}  # fmt: skip
    late = await scene.post(REPORT, count)
    assert (late.status_code, late.json()["code"]) == (409, "STALE_REPORT")
    now = late.json()["stock"]
    assert (now["stock_status"], now["manual"], now["real_quantity"]) == (2, True, 1000 - sold)
    back = await scene.post(REPORT, count | {"updated_at": now["updated_at"], "real_quantity": now["real_quantity"]})
    assert (back.status_code, back.json()["stock_status"], back.json()["real_quantity"]) == (200, 1, 1000 - sold)
    assert await scene.left(RICE) == 1000 - sold


async def test_the_pos_takes_a_dish_off_sale_in_the_middle_of_a_rush(scene: Shop) -> None:
    await scene.stock(RICE, 50)
    seen = await row(scene)
    for number in range(7):
        await scene.lock(f"o{number}", (RICE, 1))
        await scene.verb("deduct", f"o{number}")
    body = {**HERE, "object_id": RICE, "stock_status": 2, "stock_type": 2, "plan_quantity": 50, "real_quantity": 50,
            "updated_at": seen["updated_at"]}  # fmt: skip
    answer = await scene.post(REPORT, body)
    told = answer.json()
    assert (answer.status_code, told["real_applied"], told["real_quantity"], told["manual"]) == (200, False, 43, True)
    assert (await scene.lock("late", (RICE, 1))).status_code == 409


async def send_and_hang_up(shop: Shop, path: str, body: Any) -> None:
    """Send the whole request and cut the connection before anything of an answer can be read."""
    content = msgspec.json.encode(body)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {shop.key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    url = shop.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, as from a cut line
    writer.write(head.encode() + content)
    await writer.drain()
    writer.transport.abort()
    del reader


@pytest.mark.parametrize("event_id", ["till-1-77", None])
async def test_a_report_whose_answer_is_lost_is_sent_again(scene: Shop, event_id: str | None) -> None:
    """Whether the first one got there or not, it is made once."""
    await scene.stock(RICE, 10)
    for number in range(10):
        seen = await row(scene)
        body = {**HERE, "object_id": RICE, "stock_status": 1, "stock_type": 2, "plan_quantity": 10,
                "real_quantity": seen["real_quantity"] + 1, "updated_at": seen["updated_at"]}  # fmt: skip
        if event_id is not None:
            body["event_id"] = f"{event_id}-{number}"
        await send_and_hang_up(scene, REPORT, body)
        again = await scene.post(REPORT, body)
        assert again.status_code == 200, again.text
        once_more = await scene.post(REPORT, body)
        assert (once_more.status_code, once_more.json()["replayed"]) == (200, True)
        assert once_more.json()["real_quantity"] == seen["real_quantity"] + 1
        assert once_more.json()["settings_version"] == seen["settings_version"] + 1
    assert len(await log(scene, source="pos")) == 10
    assert await scene.left(RICE) == 20


async def test_a_report_that_got_there_is_told_so_when_it_comes_again(scene: Shop) -> None:
    await scene.stock(RICE, 10)
    seen = await row(scene)
    body = {**HERE, "object_id": RICE, "stock_status": 2, "stock_type": 2, "plan_quantity": 10, "real_quantity": 9,
            "updated_at": seen["updated_at"], "event_id": "till-1-78"}  # fmt: skip
    async with asyncio.timeout(30):
        await send_and_hang_up(scene, REPORT, body)
        while not await log(scene, source="pos"):
            await send_and_hang_up(scene, REPORT, body)
    again = await scene.post(REPORT, body)
    assert (again.status_code, again.json()["replayed"], again.json()["real_quantity"]) == (200, True, 9)
    assert len(await log(scene, source="pos")) == 1


async def test_a_journal_whose_answers_are_lost_counts_once(scene: Shop) -> None:
    """A till that was cut off tells its morning over a line that breaks after every piece."""
    await scene.stock(RICE, 100)
    lines = [{"sku_id": RICE, "quantity": 1}]
    events = [
        {"seq": seq, "type": "sale", "occurred_at": "2026-11-26T09:00:00Z", "order_id": f"m{seq}",
         "channel_code": "POS", "lines": lines}
        for seq in range(1, 121)
    ]  # fmt: skip
    named = {**HERE, "device_id": "till-1", "journal_id": "5e1f"}
    path = "/api/v1/poi/stock/replay"
    for start in range(0, 120, 20):
        await send_and_hang_up(scene, path, {**named, "events": events[start : start + 20]})
    at = 0
    async with asyncio.timeout(60):
        while at < 120:
            answer = await scene.post(path, {**named, "events": events[at : at + 30]})
            told = answer.json()
            assert answer.status_code == 200 or told["code"] == "JOURNAL_GAP", told
            at = told["expected_seq"] - 1
    [books] = [entry async for entry in scene.service.database.audit() if entry.store.poi_id == "s1"]
    [stock] = [stock for stock in books.stocks if stock.key.object_id == RICE]
    assert (stock.real, stock.oversold) == (-20_000, 20_000)
    assert sum(each.quantity for each in books.incidents) == 20_000
    assert len(books.incidents) == 20
    assert [journal.last_seq for journal in books.journals] == [120]
