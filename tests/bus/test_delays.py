"""A store whose timers are stuck in its process gets its restore by a delayed message."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eightysix.core.change import Kind
from eightysix.core.command import RunTimers, SetStock, Setting
from eightysix.core.key import sku_key
from eightysix.core.outcome import StocksSet
from eightysix.core.stock import LIMITED, ONE_OFF, SOLD_OUT
from eightysix.engine import Engine, Limits
from eightysix.engine.timers import Timers
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import Database
from eightysix.sync.delays import Delays
from tests.bus.stage import Stage, eventually
from tests.engine.shop import ACTOR, Shop, assert_sound, audit, store

PLAN = 10_000
STORES = [f"s{number}" for number in range(4)]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/delays.db"
    await migrate(url)
    opened = await open_database(url, owner=uuid.uuid4().hex)
    yield opened
    await opened.close()


def _sold_out(poi_id: str, restore_at: int) -> SetStock:
    setting = Setting(
        sku_key(1),
        type=LIMITED,
        plan=PLAN,
        real=0,
        status=SOLD_OUT,
        auto_restore_type=ONE_OFF,
        auto_restore_at=restore_at,
    )
    return SetStock(store(poi_id), (setting,), ACTOR)


async def _stuck(_timers: Timers) -> None:
    await asyncio.Event().wait()


async def test_a_restore_runs_by_a_message_alone(
    stage: Stage, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Timers, "run", _stuck)
    shop, delays = Shop(STORES), Delays(await stage.bus(), topic=stage.delayed_topic)
    shop.set_rules()
    engine = Engine(database, shop, Limits(), delays)  # type: ignore[arg-type]
    await engine.start()
    await delays.start(engine.submit)
    due_at = time.time_ns() // 1_000_000 + 1_500
    for poi_id in STORES:
        assert isinstance(await engine.submit(_sold_out(poi_id, due_at)), StocksSet)

    async def restored() -> bool:
        return all(found.stocks[0].real == PLAN for found in (await audit(database)).values())

    try:
        await eventually(restored)
    finally:
        await delays.stop()
        await engine.stop()
    for found in (await audit(database)).values():
        assert_sound(found)
        assert [row.at >= due_at for row in found.logs if row.kind is Kind.RESTORE] == [True]
    assert delays.left_out == 0


async def test_what_is_beyond_the_horizon_is_left_to_the_engine(stage: Stage) -> None:
    async def submit(command: RunTimers) -> None:
        raise AssertionError(command)

    delays = Delays(await stage.bus(), topic=stage.delayed_topic, horizon_seconds=60)
    now = time.time_ns() // 1_000_000
    delays.timers_set([(store("s1"), now + 61_000), (store("s2"), now + 3_600_000)])
    assert delays.left_out == 2
    delays.timers_set([(store("s3"), now + 50_000), (store("s3"), now + 55_000)])
    await delays.start(submit)

    async def published() -> bool:
        return delays.published == 1

    await eventually(published)
    await delays.stop()
    assert (delays.published, delays.ran) == (1, 0)
