"""Who depends on a stock is told, on each database: what a batch loads for it, and what stays afterwards."""

import time

import pytest

from eightysix.core.audit import findings
from eightysix.core.catalogue import Component, Item
from eightysix.core.change import Kind
from eightysix.core.command import ChannelSetting, SetStock, Setting
from eightysix.core.instant import business_day
from eightysix.core.key import WHOLE_STORE, StockKey, sku_key, spu_key
from eightysix.core.outcome import OrderDone, Refused, StocksSet
from eightysix.core.quantity import UNIT
from eightysix.core.stock import LIMITED, SOLD_OUT
from eightysix.engine import Engine
from eightysix.storage.port import AuditStore, Database
from tests.engine.clocked import Clock, Clocked
from tests.engine.shop import ACTOR, BRAND, Shop, audit, deduct, lock, stock, store, unlock
from tests.engine.test_engine import until

COMBO = sku_key(21)
DISH = spu_key(30)


@pytest.fixture
def database_url(any_url: str) -> str:
    return any_url


def shop() -> Shop:
    """SKU 21 is a combo of one 1 and two 2; 22 and 23 share a pool, and 24 is a combo of 22."""
    made = Shop(["s0"])
    made.add(Item(BRAND, 2, 21, components=(Component(1, UNIT), Component(2, 2 * UNIT))))
    made.add(Item(BRAND, 1, 30))
    for sku_id in (22, 23):
        made.add(Item(BRAND, 2, sku_id, spu_id=30))
    made.add(Item(BRAND, 2, 24, components=(Component(22, UNIT),)))
    return made


def flipped(found: AuditStore) -> list[StockKey]:
    return [row.key for row in sorted(found.logs, key=lambda row: row.seq) if row.kind is Kind.FLIP]


async def books(database: Database, catalogue: Shop) -> AuditStore:
    """What there is, which an audit finds nothing wrong with; each last change of a stock has its message."""
    found = (await audit(database))["s0"]
    assert findings(found, catalogue) == []
    versions = {row.key: row.version for row in found.stocks}
    messages = {row.key: row.seq for row in sorted(found.outbox, key=lambda row: row.seq)}
    assert {key: seq for key, seq in messages.items() if key != WHOLE_STORE} == versions
    return found


async def test_a_combo_is_told_of_when_its_component_sells_out_and_comes_back(database: Database) -> None:
    catalogue = shop()
    engine = Engine(database, catalogue)
    await engine.start()
    try:
        await engine.submit(stock("s0", 1, sku_ids=[1]))
        await engine.submit(stock("s0", 9, sku_ids=[2, 3]))
        before = await books(database, catalogue)
        # nobody depends on 3, and there is enough left of 2
        for sku_id in (2, 3):
            assert isinstance(await engine.submit(lock("s0", f"calm{sku_id}", sku_id=sku_id)), OrderDone)
        found = await books(database, catalogue)
        assert len(found.logs) - len(before.logs) == len(found.outbox) - len(before.outbox) == 2
        assert isinstance(await engine.submit(lock("s0", "last")), OrderDone)
        assert flipped(await books(database, catalogue)) == [COMBO]
        assert isinstance(await engine.submit(lock("s0", "late")), Refused)
        assert isinstance(await engine.submit(deduct("s0", "calm2")), OrderDone)
        assert flipped(await books(database, catalogue)) == [COMBO]
        assert isinstance(await engine.submit(unlock("s0", "last")), OrderDone)
        found = await books(database, catalogue)
        assert flipped(found) == [COMBO, COMBO]
        (row,) = [row for row in found.stocks if row.key == COMBO]
        assert (row.is_limited, row.status, row.settings_version, row.updated_at) == (False, 1, 0, 0)
    finally:
        await engine.stop()


async def test_what_else_stands_in_the_way_is_loaded(database: Database) -> None:
    """The batch of the second component knows nothing of the first before it asks."""
    catalogue = shop()
    engine = Engine(database, catalogue)
    await engine.start()
    try:
        await engine.submit(stock("s0", 1, sku_ids=[1, 2]))
        assert flipped(await books(database, catalogue)) == []
        await engine.submit(stock("s0", 0, sku_ids=[2]))
        assert flipped(await books(database, catalogue)) == [COMBO]
        await engine.submit(lock("s0", "last"))
        await engine.submit(unlock("s0", "last"))
        assert flipped(await books(database, catalogue)) == [COMBO]
    finally:
        await engine.stop()


async def test_a_dish_tells_of_its_skus_and_their_combos(database: Database) -> None:
    catalogue = shop()
    engine = Engine(database, catalogue)
    await engine.start()
    try:
        outcome = await engine.submit(SetStock(store("s0"), (Setting(DISH, status=SOLD_OUT),), ACTOR))
        assert isinstance(outcome, StocksSet)
        found = await books(database, catalogue)
        assert flipped(found) == [sku_key(22), sku_key(23), sku_key(24)]
        assert [row.key for row in found.outbox] == [DISH, sku_key(22), sku_key(23), sku_key(24)]
    finally:
        await engine.stop()


async def test_a_cap_that_starts_again_with_the_day_is_told_by_the_timer(database: Database) -> None:
    catalogue, clock = shop(), Clock()
    catalogue.timers_version = 1
    engine = Engine(Clocked(database, clock), catalogue)
    await engine.start()
    try:
        cap = (ChannelSetting("ONLINE_ORDER", limit=UNIT),)
        await engine.submit(
            SetStock(store("s0"), (Setting(sku_key(1), type=LIMITED, real=9 * UNIT, channels=cap),), ACTOR)
        )
        await engine.submit(lock("s0", "one"))
        await engine.submit(deduct("s0", "one"))
        assert flipped(await books(database, catalogue)) == [COMBO]
        now = time.time_ns() // 1_000_000
        clock.ahead_ms = business_day(now, "Asia/Shanghai", 240).ends_at - now - 300

        async def told() -> bool:
            return len(flipped((await audit(database))["s0"])) > 1

        await until(told)
        found = await books(database, catalogue)
        assert flipped(found) == [COMBO, sku_key(1), COMBO]
    finally:
        await engine.stop()


async def test_a_store_that_closes_while_nobody_is_there_is_told_of_once_somebody_is(database: Database) -> None:
    """The catalogue has committed, and the process died before it told anybody."""
    catalogue = shop()
    catalogue.timers_version = 1
    for is_open, messages in ((True, 0), (False, 1), (False, 1), (True, 2)):
        if messages:
            catalogue.open_store("s0", is_open=is_open)
        engine = Engine(database, catalogue)
        await engine.start()
        try:
            if not messages:
                await engine.submit(stock("s0", 1))

            async def planned() -> bool:
                timer = (await audit(database))["s0"].timer
                return timer is not None and timer.planned_version == catalogue.timers_version

            await until(planned)
            found = await books(database, catalogue)
            assert [row.key for row in found.outbox].count(WHOLE_STORE) == messages
        finally:
            await engine.stop()
