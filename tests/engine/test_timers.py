"""The timers of an engine: once each, in time; several engines, downtime, rules and clocks that change."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from eightysix.core.calendar import Clock as WallClock
from eightysix.core.calendar import ScheduleEntry, next_after
from eightysix.core.change import Kind
from eightysix.core.command import RunTimers, SetStock, Setting
from eightysix.core.key import INCIDENT, StockKey, sku_key
from eightysix.core.outcome import StocksSet, TimersRun
from eightysix.core.restore_rule import RestoreRule
from eightysix.core.stock import LIMITED, ONE_OFF, SOLD_OUT, RestoreTo
from eightysix.engine import BatchReport, Committed, Engine, Limits, Observer
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from eightysix.storage.port import AuditStore, Database
from tests.engine.clocked import Clock, Clocked
from tests.engine.shop import ACTOR, BRAND, SKUS, Shop, assert_sound, audit, deduct, lock, stock, store
from tests.engine.test_engine import until

STORES = [f"s{number}" for number in range(6)]
DAY = 86_400_000
ZONE = "Asia/Shanghai"
DAILY = (ScheduleEntry(),)
PLAN = 10_000


class Failures(Observer):
    """Counts what the timers could not do."""

    def __init__(self) -> None:
        self.times = 0

    def timers_failed(self, lane_no: int) -> None:
        self.times += 1


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def sold(poi_id: str, *, skus: int = 3, **fields: object) -> SetStock:
    """Ten planned of each, nothing left."""
    settings = tuple(
        Setting(sku_key(sku_id), type=LIMITED, plan=PLAN, real=0, **fields)  # type: ignore[arg-type]
        for sku_id in SKUS[:skus]
    )
    return SetStock(store(poi_id), settings, ACTOR)


def daily(**fields: object) -> RestoreRule:
    return RestoreRule(BRAND, "daily", DAILY, since_at=1, **fields)  # type: ignore[arg-type]


def runs(found: AuditStore, kind: Kind = Kind.RESTORE) -> Counter[StockKey]:
    return Counter(row.key for row in found.logs if row.kind is kind)


def due_of(found: AuditStore) -> list[int]:
    return [
        msgspec.json.decode(row.content or "")["restore"]["due_at"] for row in found.logs if row.kind is Kind.RESTORE
    ]


@pytest.fixture
def url(any_url: str) -> str:
    return any_url


@pytest.fixture(params=["postgres", "mysql"])
async def shared_url(request: pytest.FixtureRequest) -> str:
    found = str(request.getfixturevalue(f"{request.param}_url"))
    await migrate(found)
    return found


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = await open_database(url, owner=uuid.uuid4().hex)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def running(
    database: Database, shop: Shop, clock: Clock | None = None, observer: Observer | None = None
) -> AsyncIterator[Engine]:
    clocked = Clocked(database, clock or Clock())
    engine = Engine(clocked, shop, Limits(timer_poll_seconds=0.2), observer)  # type: ignore[arg-type]
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def all_planned(database: Database, shop: Shop, poi_ids: list[str]) -> None:
    """Wait until the stores' timers know the newest catalogue."""

    async def planned() -> bool:
        found = await audit(database)
        return all(
            (timer := found[poi_id].timer) is not None and timer.planned_version == shop.timers_version
            for poi_id in poi_ids
        )

    await until(planned)


async def back(database: Database, poi_ids: list[str], *, real: int = PLAN, skus: int = 3) -> dict[str, AuditStore]:
    """Wait until everything is there again."""
    found: dict[str, AuditStore] = {}

    async def restored() -> bool:
        found.update(await audit(database))
        return all(sum(row.real == real for row in found[poi_id].stocks) == skus for poi_id in poi_ids)

    await until(restored)
    return found


async def test_a_one_off_runs_at_its_instant(url: str) -> None:
    async with opened(url) as database, running(database, shop := Shop(STORES)) as engine:
        shop.set_rules()
        due_at = now_ms() + 700
        fields = {"status": SOLD_OUT, "auto_restore_type": ONE_OFF, "auto_restore_at": due_at}
        outcomes = await asyncio.gather(*(engine.submit(sold(poi_id, **fields)) for poi_id in STORES))
        assert all(isinstance(each, StocksSet) for each in outcomes)
        found = await back(database, STORES)
    for poi_id in STORES:
        assert_sound(found[poi_id])
        assert runs(found[poi_id]) == Counter(sku_key(sku_id) for sku_id in SKUS[:3])
        late = [row.at - due_at for row in found[poi_id].logs if row.kind is Kind.RESTORE]
        assert 0 <= min(late) <= max(late) < 1_000, late
        timer = found[poi_id].timer
        assert timer is not None
        assert timer.due_at is None


async def test_what_a_restore_changed_is_known_though_an_incident_tells_of_it(database: Database) -> None:
    """The incident's message stands for the stock's, whose row those who go on with it must know all the same."""
    committed: list[Committed] = []

    class Notes(Observer):
        def batch_done(self, report: BatchReport) -> None:
            if report.restored:
                committed.extend(report.committed.values())

    shop = Shop(STORES)
    async with running(database, shop, observer=Notes()) as engine:
        shop.set_rules()
        await engine.submit(stock("s0", 5, sku_ids=(1,)))
        await engine.submit(lock("s0", "o1", portions=3))
        setting = Setting(sku_key(1), plan=1_000, auto_restore_type=ONE_OFF, auto_restore_at=now_ms() + 200)
        await engine.submit(SetStock(store("s0"), (setting,), ACTOR))
        found = (await back(database, ["s0"], real=1_000, skus=1))["s0"]
    assert [incident.kind for incident in found.incidents] == ["restore_below_promised"]
    (known,) = committed
    assert [row.key.object_type for row in known.outbox] == [INCIDENT]
    assert set(known.keys) == {sku_key(1)}
    assert known.stocks[sku_key(1)].version == found.stocks[0].version


async def test_an_earlier_one_off_wakes_a_timer_that_sleeps_longer(database: Database) -> None:
    shop = Shop(STORES)
    clocked = Clocked(database, Clock())
    engine = Engine(clocked, shop, Limits(timer_poll_seconds=60))  # type: ignore[arg-type]
    shop.set_rules()
    await engine.start()
    try:
        await engine.submit(sold("s0", auto_restore_type=ONE_OFF, auto_restore_at=now_ms() + 50_000))
        due_at = now_ms() + 200
        await engine.submit(sold("s1", auto_restore_type=ONE_OFF, auto_restore_at=due_at))
        found = await back(database, ["s1"])
    finally:
        await engine.stop()
    assert max(row.at for row in found["s1"].logs) - due_at < 1_000


async def test_three_days_of_downtime_with_three_engines_run_once(shared_url: str) -> None:
    shop, clock = Shop(STORES), Clock()
    shop.set_rules(daily())
    async with opened(shared_url) as database:
        async with running(database, shop, clock) as engine:
            await asyncio.gather(*(engine.submit(sold(poi_id)) for poi_id in STORES))
        clock.ahead_ms = 3 * DAY
        began = now_ms() + clock.ahead_ms
        async with AsyncExitStack() as stack:
            for _ in range(3):
                own = await stack.enter_async_context(opened(shared_url))
                await stack.enter_async_context(running(own, shop, clock))
            await back(database, STORES)
        found = await audit(database)
    for poi_id in STORES:
        assert_sound(found[poi_id])
        assert runs(found[poi_id]) == runs(found[poi_id], Kind.SKIP) == Counter(sku_key(each) for each in SKUS[:3])
        newest = next_after(DAILY, WallClock(ZONE, 240), began - DAY)
        assert newest is not None
        assert set(due_of(found[poi_id])) == {newest.at}
        skipped = [msgspec.json.decode(row.content or "") for row in found[poi_id].logs if row.kind is Kind.SKIP]
        assert {len(each["missed"]) for each in skipped} == {2}


async def test_engines_that_wake_together_run_every_one_off_once(shared_url: str) -> None:
    shop = Shop(STORES)
    shop.set_rules()
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(opened(shared_url)) for _ in range(3)]
        engines = [await stack.enter_async_context(running(each, shop)) for each in databases]
        for again in range(1, 4):
            due_at = now_ms() + 400
            sends = [
                engine.submit(sold(poi_id, skus=5, auto_restore_type=ONE_OFF, auto_restore_at=due_at))
                for engine, poi_id in zip(engines * 2, STORES, strict=True)
            ]
            await asyncio.gather(*sends)
            found = await back(databases[0], STORES, skus=5)
            for poi_id in STORES:
                assert runs(found[poi_id]) == {sku_key(sku_id): again for sku_id in SKUS[:5]}
                assert_sound(found[poi_id])


async def test_a_new_rule_is_planned_and_a_changed_one_anew(url: str) -> None:
    shop, clock = Shop(STORES), Clock()
    shop.set_rules()
    async with opened(url) as database, running(database, shop, clock) as engine:
        await engine.submit(sold("s0"))
        for schedule in (DAILY, (ScheduleEntry((), 17 * 60),)):
            shop.set_rules(RestoreRule(BRAND, "daily", schedule, since_at=now_ms()))
            await all_planned(database, shop, ["s0"])
            timer = (await audit(database))["s0"].timer
            coming = next_after(schedule, WallClock(ZONE, 240), now_ms())
            assert timer is not None
            assert coming is not None
            assert timer.due_at == coming.at
        clock.ahead_ms = coming.at - now_ms() + 1
        found = await back(database, ["s0"])
    assert runs(found["s0"]) == Counter(sku_key(each) for each in SKUS[:3])


async def test_a_changed_time_zone_moves_what_is_due(url: str) -> None:
    shop = Shop(STORES)
    shop.set_rules(daily())
    async with opened(url) as database, running(database, shop) as engine:
        await engine.submit(sold("s0"))
        shop.move_store("s0", "America/New_York")
        await all_planned(database, shop, ["s0"])
        found = (await audit(database))["s0"]
    coming = next_after(DAILY, WallClock("America/New_York", 240), now_ms())
    assert found.timer is not None
    assert coming is not None
    assert found.timer.due_at == coming.at
    assert not runs(found)


async def test_a_rule_makes_the_stock_of_a_store_that_never_had_one(url: str) -> None:
    shop, clock = Shop(STORES), Clock()
    entry = ScheduleEntry((), None, 4_000)
    shop.set_rules(RestoreRule(BRAND, "supply", (entry,), item=sku_key(9), since_at=1))
    async with opened(url) as database, running(database, shop, clock):
        await until(lambda: _has_timers(database, STORES))
        assert not any(found.stocks for found in (await audit(database)).values())
        clock.ahead_ms = DAY
        found = await back(database, STORES, real=4_000, skus=1)
    assert all(runs(found[poi_id]) == {sku_key(9): 1} for poi_id in STORES)


async def _has_timers(database: Database, poi_ids: list[str]) -> bool:
    found = await audit(database)
    return all(poi_id in found and found[poi_id].timer is not None for poi_id in poi_ids)


async def test_a_store_that_is_closed_down_is_no_longer_woken_for(database: Database) -> None:
    shop, clock, failures = Shop(STORES), Clock(), Failures()
    shop.set_rules(daily())
    async with running(database, shop, clock, failures) as engine:
        await asyncio.gather(*(engine.submit(sold(poi_id)) for poi_id in ("s0", "s1")))
        shop.close_down("s0")
        clock.ahead_ms = DAY
        await back(database, ["s1"])
        clock.ahead_ms += 6_000

        async def given_up() -> bool:
            timer = (await audit(database))["s0"].timer
            return timer is not None and timer.due_at is None

        await until(given_up)
    assert not runs((await audit(database))["s0"])
    assert failures.times == 0


async def test_orders_go_on_beside_restores_and_nothing_is_lost(url: str) -> None:
    shop = Shop(STORES)
    shop.set_rules()
    async with opened(url) as database, running(database, shop) as engine:
        await asyncio.gather(*(engine.submit(stock(poi_id, 1000, sku_ids=SKUS)) for poi_id in STORES))
        for round_no in range(3):
            due_at = now_ms() + 250
            one_off = tuple(
                Setting(sku_key(sku_id), auto_restore_type=ONE_OFF, auto_restore_at=due_at) for sku_id in SKUS
            )
            await asyncio.gather(*(engine.submit(SetStock(store(poi_id), one_off, ACTOR)) for poi_id in STORES))
            number = 0
            while now_ms() < due_at + 100:
                sends = [
                    engine.submit(lock(poi_id, f"{round_no}-{number}", sku_id=1 + number % 20)) for poi_id in STORES
                ]
                await asyncio.gather(*sends)
                number += 1
            found: dict[str, AuditStore] = {}

            async def done(number: int = round_no + 1, found: dict[str, AuditStore] = found) -> bool:
                found.update(await audit(database))
                return all(sum(runs(found[poi_id]).values()) == 20 * number for poi_id in STORES)

            await until(done)
    for poi_id in STORES:
        assert_sound(found[poi_id])
        assert all(row.real == 1_000_000 for row in found[poi_id].stocks)


async def test_restore_to_of_a_one_off_is_kept(database: Database) -> None:
    shop = Shop(STORES)
    shop.set_rules()
    async with running(database, shop) as engine:
        fields = {"auto_restore_type": ONE_OFF, "auto_restore_at": now_ms() + 100, "restore_to": RestoreTo.UNLIMITED}
        await engine.submit(sold("s0", **fields))
        found: dict[str, AuditStore] = {}

        async def unlimited() -> bool:
            found.update(await audit(database))
            return all(not row.is_limited for row in found["s0"].stocks)

        await until(unlimited)
    assert {row.real for row in found["s0"].stocks} == {0}


async def test_asked_for_by_everybody_at_once_it_runs_once(shared_url: str) -> None:
    shop, clock = Shop(STORES), Clock()
    shop.set_rules(daily())
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(opened(shared_url)) for _ in range(3)]
        engines = [await stack.enter_async_context(running(each, shop, clock)) for each in databases]
        await asyncio.gather(*(engines[0].submit(sold(poi_id)) for poi_id in STORES))
        clock.ahead_ms = DAY
        asked = [RunTimers(store(poi_id)) for poi_id in STORES for _ in range(5)]
        outcomes = await asyncio.gather(*(engine._submit_by_itself(each) for engine in engines for each in asked))
        found = await audit(databases[0])
    assert all(isinstance(each, TimersRun) for each in outcomes)
    for poi_id in STORES:
        assert_sound(found[poi_id])
        assert runs(found[poi_id]) == Counter(sku_key(each) for each in SKUS[:3])


async def test_who_looks_first_and_acts_then_doubles_it(shared_url: str) -> None:
    """The negative control: what is due, read outside of the transaction that acts on it, is done by each reader."""

    async def looked(database: Database) -> SetStock:
        rows = await database.reader.store_rows(store("s0"), None)
        return SetStock(
            store("s0"), tuple(Setting(row.key, real=row.plan) for row in rows.stocks if row.real < row.plan), ACTOR
        )

    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(opened(shared_url)) for _ in range(2)]
        quick, slow = [await stack.enter_async_context(running(each, Shop(STORES))) for each in databases]
        await quick.submit(sold("s0", skus=1))
        first, second = [await looked(each) for each in databases]
        await quick.submit(first)
        await quick.submit(lock("s0", "breakfast"))
        await quick.submit(deduct("s0", "breakfast"))
        await slow.submit(second)
        found = (await audit(databases[0]))["s0"]
    assert runs(found, Kind.SET) == {sku_key(1): 3}  # the seed, and "the" restore twice
    assert [row.real for row in found.stocks] == [PLAN]  # the portion that was sold in between is there again
    assert sum(row.kind is Kind.DEDUCT for row in found.logs) == 1
