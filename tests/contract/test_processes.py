"""Several processes on one database: the head row is the lock, the marker row tells what became of a batch."""

import asyncio
import time

import pytest

from eightysix.core.change import Head
from eightysix.storage.port import Lane, LockTimeout

from .scene import Scene, changes, new_batch_number, new_lane_number, next_changes, write


@pytest.fixture(autouse=True)
def _several_processes(scene: Scene) -> None:
    if not scene.database.capabilities.several_processes:
        pytest.skip("this database is used by one process at a time (Capabilities.several_processes)")


async def test_a_head_that_is_held_times_out(scene: Scene) -> None:
    store = scene.store()
    holder, waiter = await scene.lane(store), await scene.lane(store)
    await write(holder, {store: changes()})
    await holder.begin([store], new_batch_number())
    started = time.monotonic()
    with pytest.raises(LockTimeout) as raised:
        await waiter.begin([store], new_batch_number())
    waited = time.monotonic() - started
    assert raised.value.retryable
    assert 0.3 <= waited <= 3
    await waiter.rollback()
    await holder.commit()
    opened = await waiter.begin([store], new_batch_number())
    assert opened.heads[store] == Head(1, 0, 1)


async def test_a_new_head_that_another_is_making_times_out(scene: Scene) -> None:
    store = scene.store()
    holder, waiter = await scene.lane(store), await scene.lane(store)
    await holder.begin([store], new_batch_number())
    with pytest.raises(LockTimeout):
        await waiter.begin([store], new_batch_number())
    await waiter.rollback()


async def test_who_waited_sees_what_the_other_wrote(scene: Scene) -> None:
    store = scene.store()
    first, second = await scene.lane(store), await scene.lane(store)
    await write(first, {store: changes()})
    await first.begin([store], new_batch_number())
    await first.save({store: next_changes(1)})
    waiting = asyncio.ensure_future(second.begin([store], new_batch_number()))
    await asyncio.wait([waiting], timeout=0.1)
    assert not waiting.done()
    await first.commit()
    opened = await waiting
    assert opened.heads[store] == Head(2, 0, 2)


async def test_skip_locked_leaves_held_heads_out(scene: Scene) -> None:
    if not scene.database.capabilities.skips_locked_rows:
        pytest.skip("this database can't skip locked rows (Capabilities.skips_locked_rows)")
    held, free, new = scene.stores(3)
    holder, other = await scene.lane(held), await scene.lane(held)
    await write(holder, {held: changes(), free: changes()})
    await holder.begin([held], new_batch_number())
    opened = await other.begin([held, free, new], new_batch_number(), skip_locked=True)
    assert opened.heads == {free: Head(1, 0, 1), new: Head()}
    await other.save({free: next_changes(1)})
    await other.commit()
    assert (await scene.database.reader.head(free))[1] == Head(2, 0, 2)


async def test_heads_are_locked_in_one_order_so_nobody_deadlocks(scene: Scene) -> None:
    stores = scene.stores(4)
    lanes = [await scene.lane(stores[0]) for _ in range(3)]
    await write(lanes[0], {store: changes() for store in stores})
    orders = [stores, list(reversed(stores)), [stores[2], stores[0], stores[3], stores[1]]]

    async def batches(lane: Lane, order: int) -> None:
        for _ in range(10):
            opened = await lane.begin(orders[order], new_batch_number())
            assert len({head.seq for head in opened.heads.values()}) == 1
            seq = opened.heads[stores[0]].seq
            await lane.save({store: next_changes(seq) for store in stores})
            await lane.commit()

    await asyncio.gather(*(batches(lane, order) for order, lane in enumerate(lanes)))
    for store in stores:
        assert (await scene.database.reader.head(store))[1] == Head(31, 0, 31)


async def test_stores_of_different_batches_do_not_wait_for_each_other(scene: Scene) -> None:
    mine, yours = scene.stores(2)
    first, second = await scene.lane(mine), await scene.lane(yours)
    await first.begin([mine], new_batch_number())
    await write(second, {yours: changes()})
    await first.save({mine: changes()})
    await first.commit()


@pytest.mark.parametrize("commits", [True, False], ids=["it commits", "it rolls back"])
async def test_committed_waits_for_a_transaction_that_was_left_behind(scene: Scene, commits: bool) -> None:
    store = scene.store()
    number, batch_no = new_lane_number(), new_batch_number()
    left_behind = await scene.lane(store, number=number)
    asking = await scene.lane(store, number=number)
    await left_behind.begin([store], batch_no)
    await left_behind.save({store: changes()})
    answer = asyncio.ensure_future(asking.committed(batch_no))
    await asyncio.wait([answer], timeout=0.8)  # longer than the lock timeout of heads
    assert not answer.done()
    await (left_behind.commit() if commits else left_behind.rollback())
    assert await answer is commits
