"""The negative control: a witness that overlooks a lost, halved or doubled operation would prove nothing."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.load import Load
from tests.crash.order import Order
from tests.crash.serving import Serving
from tests.crash.shop import HOT, Caller
from tests.crash.witness import Witness


class Past(NamedTuple):
    """A load that is over, in good order."""

    load: Load
    file: Path
    key: str

    @property
    def victim(self) -> Order:
        """A paid order of several lines."""
        return next(
            order
            for order in self.load.orders
            if len(order.lines) > 2 and {line.state for line in order.lines.values()} == {"DEDUCTED"}
            and order.under_way is None
        )  # fmt: skip


@pytest.fixture(scope="module")
async def past(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Past]:
    """Some orders on a file."""
    folder = tmp_path_factory.mktemp("past")
    serving = Serving(f"sqlite:///{folder}/past.db", folder / "log")
    load, stop = Load(86), asyncio.Event()
    try:
        await serving.start()
        caller = Caller(serving.url, serving.key)
        await caller.furnish()
        running = asyncio.create_task(load.run(caller, stop))
        await load.acknowledged(200)
        stop.set()
        await running
        await caller.close()
        assert await serving.stop() == 0
        yield Past(load, folder / "past.db", serving.key)
    finally:
        await serving.end()


async def complaints_about(past: Past, tmp_path: Path, tampering: str | None, *values: object) -> list[str]:
    """What a witness says of a copy in which `tampering` was done."""
    file = tmp_path / "copy.db"
    shutil.copy(past.file, file)
    if tampering:
        with sqlite3.connect(file) as connection:
            assert connection.execute(tampering, values).rowcount > 0
        connection.close()
    serving = Serving(f"sqlite:///{file}", tmp_path / "log")
    serving.key = past.key
    witness = Witness(past.load)
    try:
        await witness.audit(serving.database)
        await serving.start()
        caller = Caller(serving.url, serving.key)
        await witness.orders(caller, [past.victim])
        await witness.stocks(caller)
        await caller.close()
    finally:
        await serving.end()
    return witness.complaints


async def test_it_has_nothing_to_say_where_all_is_well(past: Past, tmp_path: Path) -> None:
    assert await complaints_about(past, tmp_path, None) == []


async def test_it_notices_a_lost_order(past: Past, tmp_path: Path) -> None:
    lost = "DELETE FROM poi_stock_reservation WHERE order_id = ?"
    said = await complaints_about(past, tmp_path, lost, past.victim.order_id)
    assert any(said_one.startswith(f"{past.victim.order_id}: acknowledged") for said_one in said), said


async def test_it_notices_half_an_order(past: Past, tmp_path: Path) -> None:
    half = "DELETE FROM poi_stock_reservation WHERE order_id = ? AND sku_id = ?"
    said = await complaints_about(past, tmp_path, half, past.victim.order_id, min(past.victim.lines)[0])
    assert any(said_one.startswith(f"{past.victim.order_id}: acknowledged") for said_one in said), said


async def test_it_notices_a_portion_sold_twice(past: Past, tmp_path: Path) -> None:
    twice = "UPDATE poi_item_stock SET real_quantity = real_quantity - 1000 WHERE object_id = ? AND poi_id = 'north'"
    said = await complaints_about(past, tmp_path, twice, HOT)
    assert any(f"north (2, {HOT})" in said_one for said_one in said), said
    assert any(said_one.startswith("check: ") for said_one in said), said
