"""Shares, flow back and thresholds on each database: what a batch loads for them, and what stays afterwards."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eightysix.core.command import ChannelSetting, ReleaseGuarantees, SetStock, Setting
from eightysix.core.key import sku_key
from eightysix.core.outcome import GuaranteesReleased, OrderDone, ReleasedGuarantee, StockRow, StocksSet
from eightysix.core.quantity import UNIT
from eightysix.core.stock import LIMITED, Allocation
from eightysix.engine import Engine
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from tests.engine.shop import ACTOR, Shop, assert_sound, audit, deduct, lock, store

CODE = "ONLINE_ORDER"


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    url = request.getfixturevalue(f"{request.param}_url")
    await migrate(url)
    opened = await open_database(url, owner=uuid.uuid4().hex)
    yield opened
    await opened.close()


async def test_a_life_of_channels(database: Database) -> None:
    engine = Engine(database, Shop(["s0"]))
    await engine.start()
    try:
        await _live(engine)
    finally:
        await engine.stop()
    found = (await audit(database))["s0"]
    assert_sound(found)
    assert [(each.key.object_id, each.channel_code, each.quantity) for each in found.alerts] == [(1, CODE, 2 * UNIT)]
    rows = {row.key.object_id: row for row in found.channels}
    assert (rows[1].guarantee, rows[1].used, rows[1].is_low) == (6 * UNIT, 4 * UNIT, True)
    assert rows[1].released_at > 0
    assert {stock.key.object_id: stock.allocation for stock in found.stocks} == {1: Allocation.GUARANTEE, 2: 0}
    shown = await database.reader.alerts(store("s0"), None, 10)
    assert shown == list(found.alerts)


async def _live(engine: Engine) -> None:
    # the lock comes first and is not counted: the sharing must count it from the day's reservations
    assert isinstance(await engine.submit(lock("s0", "a", portions=2)), OrderDone)
    assert isinstance(await engine.submit(deduct("s0", "a")), OrderDone)
    shared = (ChannelSetting(CODE, weight=1, low=2 * UNIT),)
    row = await _set(engine, 1, channels=shared, real=4 * UNIT, allocation=Allocation.GUARANTEE)
    assert [(each.used, each.guarantee) for each in row.channels] == [(2 * UNIT, 6 * UNIT)]
    await _set(engine, 2, channels=(ChannelSetting(CODE, guarantee=3 * UNIT),), real=5 * UNIT)
    assert isinstance(await engine.submit(lock("s0", "b", portions=2)), OrderDone)
    named = await engine.submit(ReleaseGuarantees(store("s0"), (sku_key(2),), ACTOR))
    assert named == GuaranteesReleased((ReleasedGuarantee(sku_key(2), CODE, 3 * UNIT),))
    everything = await engine.submit(ReleaseGuarantees(store("s0"), None, ACTOR))
    assert everything == GuaranteesReleased((ReleasedGuarantee(sku_key(1), CODE, 2 * UNIT),))


async def _set(engine: Engine, sku_id: int, **fields: Any) -> StockRow:
    outcome = await engine.submit(SetStock(store("s0"), (Setting(sku_key(sku_id), type=LIMITED, **fields),), ACTOR))
    assert isinstance(outcome, StocksSet)
    [row] = outcome.results
    assert isinstance(row, StockRow)
    return row
