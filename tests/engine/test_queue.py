"""The queue of a lane: turns, order, bounds, the background's quarter, deadlines, stores that are set aside."""

import asyncio
from collections import Counter

import pytest

from eightysix.core.command import Command, ExpireLocks
from eightysix.engine.limits import Limits
from eightysix.engine.queue import LaneQueue
from eightysix.engine.ticket import Ticket, rows_of
from tests.engine.shop import Shop, lock, stock, store

SHOP = Shop()
NEVER = 1e12


def ticket(command: Command, *, background: bool = False, deadline: float = NEVER) -> Ticket:
    future = asyncio.get_running_loop().create_future()
    return Ticket(command.store, command, future, SHOP, 0.0, deadline, rows_of(command), background)


def orders(batch: list[Ticket]) -> list[str]:
    return [each.command.order_id for each in batch]


async def test_stores_take_turns_and_each_keeps_its_order():
    queue = LaneQueue(Limits(batch_commands=6))
    for number in range(10):
        queue.put(ticket(lock("a", f"a{number}")))
    for number in range(2):
        queue.put(ticket(lock("b", f"b{number}")))
    queue.put(ticket(lock("c", "c0")))
    batch, late = queue.take(0.0)
    assert orders(batch) == ["a0", "b0", "c0", "a1", "b1", "a2"]
    assert not late
    batch, _ = queue.take(0.0)
    assert orders(batch) == ["a3", "a4", "a5", "a6", "a7", "a8"]
    assert len(queue) == 1


async def test_a_hot_store_gets_its_bound_while_others_wait_and_the_whole_batch_when_alone():
    queue = LaneQueue(Limits(batch_commands=100, store_commands=10))
    for number in range(150):
        queue.put(ticket(lock("hot", f"h{number}")))
    queue.put(ticket(lock("cold", "c0")))
    batch, _ = queue.take(0.0)
    assert Counter(each.store.poi_id for each in batch) == {"hot": 10, "cold": 1}
    batch, _ = queue.take(0.0)
    assert orders(batch) == [f"h{number}" for number in range(10, 110)]


async def test_rows_bound_a_batch_but_a_large_command_gets_one_of_its_own():
    queue = LaneQueue(Limits(batch_rows=10))
    queue.put(ticket(stock("a", 1, sku_ids=range(1, 9))))
    queue.put(ticket(stock("b", 1, sku_ids=range(1, 5))))
    queue.put(ticket(stock("c", 1, sku_ids=range(1, 21))))
    assert [[each.rows for each in queue.take(0.0)[0]] for _ in range(3)] == [[8], [4], [20]]


async def test_background_has_a_quarter_while_orders_wait_and_all_otherwise():
    queue = LaneQueue(Limits(batch_commands=100, store_commands=100))
    for number in range(1000):
        queue.put(ticket(lock(f"s{number}", "o")))
        queue.put(ticket(ExpireLocks(store(f"b{number}")), background=True))
    batch, _ = queue.take(0.0)
    assert Counter(each.background for each in batch) == {False: 75, True: 25}
    for _ in range(12):
        queue.take(0.0)
    batch, _ = queue.take(0.0)
    assert Counter(each.background for each in batch) == {False: 25, True: 8}
    batch, _ = queue.take(0.0)
    assert Counter(each.background for each in batch) == {True: 100}


async def test_background_is_never_starved():
    queue = LaneQueue(Limits(batch_commands=2))
    for number in range(5):
        queue.put(ticket(lock("a", f"a{number}")))
    queue.put(ticket(ExpireLocks(store("b")), background=True))
    batch, _ = queue.take(0.0)
    assert [each.background for each in batch] == [False, True]


async def test_a_full_class_refuses_and_leaves_the_other_alone():
    queue = LaneQueue(Limits(queue_commands=3, background_queue_commands=1))
    assert [queue.put(ticket(lock("a", f"a{number}"))) for number in range(4)] == [True, True, True, False]
    assert [queue.put(ticket(ExpireLocks(store("a")), background=True)) for _ in range(2)] == [True, False]
    assert len(queue) == 4


async def test_retry_after_follows_the_recent_rate():
    queue = LaneQueue(Limits())
    assert queue.retry_after_seconds == 1
    for number in range(100):
        queue.put(ticket(lock("a", f"a{number}")))
    for _ in range(50):
        queue.measured(10, 1.0)
    assert queue.retry_after_seconds == 10
    for _ in range(50):
        queue.measured(1, 9.0)
    assert queue.retry_after_seconds == 30


async def test_overdue_commands_are_taken_out():
    queue = LaneQueue(Limits())
    queue.put(ticket(lock("a", "a0"), deadline=1.0))
    queue.put(ticket(lock("a", "a1"), deadline=3.0))
    queue.put(ticket(lock("b", "b0"), deadline=1.0))
    assert orders(queue.expire(0.5)) == []
    batch, late = queue.take(2.0)
    assert (orders(batch), sorted(orders(late))) == (["a1"], ["a0", "b0"])
    queue.put(ticket(lock("a", "a2"), deadline=3.0))
    assert orders(queue.expire(3.0)) == ["a2"]
    assert queue.take(3.0) == ([], [])
    assert len(queue) == 0


async def test_a_store_set_aside_waits_in_front_and_in_order():
    queue = LaneQueue(Limits())
    for number in range(4):
        queue.put(ticket(lock("a", f"a{number}")))
    first, _ = queue.take(0.0)
    queue.put(ticket(lock("a", "a4")))
    queue.put(ticket(lock("b", "b0")))
    queue.put_back({store("a"): first}, until=5.0)
    assert orders(queue.take(1.0)[0]) == ["b0"]
    assert queue.take(2.0) == ([], [])
    assert len(queue) == 5
    assert orders(queue.take(5.0)[0]) == ["a0", "a1", "a2", "a3", "a4"]
    assert len(queue) == 0


async def test_a_store_set_aside_may_expire_and_come_again():
    queue = LaneQueue(Limits())
    queue.put(ticket(lock("a", "a0"), deadline=1.0))
    first, _ = queue.take(0.0)
    queue.put_back({store("a"): first}, until=5.0)
    assert orders(queue.expire(1.0)) == ["a0"]
    queue.put(ticket(lock("a", "a1")))
    assert orders(queue.take(1.0)[0]) == ["a1"]


async def test_the_consumer_sleeps_until_something_comes():
    queue = LaneQueue(Limits())
    waiting = asyncio.create_task(queue.wait(0.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put(ticket(lock("a", "a0")))
    await asyncio.wait_for(waiting, 1)
    await queue.wait(0.0)


@pytest.mark.parametrize("background", [False, True])
async def test_the_consumer_wakes_up_for_a_store_set_aside(background: bool):
    queue = LaneQueue(Limits())
    mine = ticket(ExpireLocks(store("a")), background=background)
    queue.put_back({store("a"): [mine]}, until=10.0)
    await asyncio.wait_for(queue.wait(9.99), 1)
    assert queue.take(10.0) == ([mine], [])


async def test_closing_wakes_the_consumer():
    queue = LaneQueue(Limits())
    waiting = asyncio.create_task(queue.wait(0.0))
    await asyncio.sleep(0)
    queue.close()
    await asyncio.wait_for(waiting, 1)
    assert queue.is_closed
