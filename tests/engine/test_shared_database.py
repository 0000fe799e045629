"""Several engines on one PostgreSQL: safe together, and a store that somebody holds doesn't hold up the others."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from eightysix.core.outcome import Code, OrderDone
from eightysix.core.reservation import State
from eightysix.engine import DeadlineExceeded, Engine, Limits, Observer
from eightysix.storage.migrate import migrate
from eightysix.storage.open import open_database
from tests.engine.shop import Shop, assert_sound, audit, deduct, lock, orders_by_state, stock, unlock

STORES = [f"s{number}" for number in range(12)]


class Aside(Observer):
    """Counts how often stores were set aside."""

    def __init__(self) -> None:
        self.times = 0

    def stores_set_aside(self, lane_no: int, stores: int) -> None:
        self.times += 1


@asynccontextmanager
async def running(url: str, limits: Limits | None = None, observer: Observer | None = None) -> AsyncIterator[Engine]:
    database = await open_database(url, owner=uuid.uuid4().hex)
    engine = Engine(database, Shop(STORES), limits, observer)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()
        await database.close()


@asynccontextmanager
async def head_held(url: str, poi_id: str) -> AsyncIterator[None]:
    """Somebody else's transaction has the store's head row."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            held = await connection.fetch("SELECT 1 FROM poi_stock_head WHERE poi_id = $1 FOR UPDATE", poi_id)
            assert held
            yield
    finally:
        await connection.close()


@pytest.fixture
async def url(postgres_url: str) -> str:
    await migrate(postgres_url)
    return postgres_url


async def found_in(url: str) -> dict[str, object]:
    database = await open_database(url, owner=uuid.uuid4().hex)
    try:
        return await audit(database)
    finally:
        await database.close()


async def test_three_engines_never_sell_more_than_there_is(url: str):
    async with AsyncExitStack() as stack:
        engines = [await stack.enter_async_context(running(url)) for _ in range(3)]
        await asyncio.gather(*(engines[0].submit(stock(poi_id, 50)) for poi_id in STORES[:3]))

        async def customer(number: int) -> list[object]:
            results = []
            for poi_id in STORES[:3]:
                order_id = f"o{number}"
                first, second = engines[number % 3], engines[(number + 1) % 3]
                # the same order at two engines at once, as a client that lost patience would do
                results.append(
                    (await asyncio.gather(first.submit(lock(poi_id, order_id)), second.submit(lock(poi_id, order_id))))[
                        0
                    ]
                )
                if number % 5 == 0:
                    await second.submit(deduct(poi_id, order_id))
            return results

        results = [each for mine in await asyncio.gather(*(customer(number) for number in range(80))) for each in mine]
    assert Counter(isinstance(each, OrderDone) or each.code for each in results) == {True: 150, Code.OUT_OF_STOCK: 90}
    found = await found_in(url)
    for poi_id in STORES[:3]:
        assert_sound(found[poi_id])
        assert len(found[poi_id].reservations) == 50


async def test_a_held_store_is_set_aside_in_order_and_the_others_go_on(url: str):
    notes = Aside()
    async with running(url, Limits(lanes_per_shard=1), notes) as engine:
        await asyncio.gather(*(engine.submit(stock(poi_id, 1)) for poi_id in STORES))
        async with head_held(url, "s0"):
            held = [engine.submit(each) for each in (lock("s0", "a"), lock("s0", "b"), unlock("s0", "a"))]
            await asyncio.gather(*(engine.submit(lock(poi_id, "x")) for poi_id in STORES[1:]))
            held.append(engine.submit(lock("s0", "c")))
            started = time.monotonic()
            await asyncio.gather(*(engine.submit(deduct(poi_id, "x")) for poi_id in STORES[1:]))
            assert time.monotonic() - started < 0.4  # no second lock timeout for a store that is known to be held
            assert not any(each.done() for each in held)
        results = await asyncio.gather(*held)
    assert notes.times >= 1
    assert [each.state if isinstance(each, OrderDone) else each.code for each in results] == [
        State.LOCKED, Code.OUT_OF_STOCK, State.UNLOCKED, State.LOCKED,
    ]  # fmt: skip
    assert_sound((await found_in(url))["s0"])


async def test_a_store_held_too_long_is_a_503_and_changes_nothing(url: str):
    async with running(url, Limits(lanes_per_shard=1, deadline_seconds=1.0)) as engine:
        await engine.submit(stock("s0", 1))
        async with head_held(url, "s0"):
            started = time.monotonic()
            results = await asyncio.gather(
                *(engine.submit(lock("s0", f"o{number}")) for number in range(3)), return_exceptions=True
            )
            assert [type(each) for each in results] == [DeadlineExceeded] * 3
            assert time.monotonic() - started < 2
        assert (await engine.submit(lock("s0", "later"))).state is State.LOCKED
    assert orders_by_state((await found_in(url))["s0"]) == {State.LOCKED: 1}
