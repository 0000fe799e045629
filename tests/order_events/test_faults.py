"""The database, the bus or the process fails in the middle: nothing is lost or done twice, every answer comes."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.command import Command
from eightysix.core.outcome import Outcome
from eightysix.engine.fault import CommandFailed, Overloaded
from eightysix.storage.order_event import EventState
from eightysix.storage.port import Conflict, Database, LostConnection, Rejected
from eightysix.sync.bus import BusMessage, BusUnavailable, MessageRefused
from eightysix.sync.order_events import OrderEvents
from tests.engine.shop import lock, stock, unlock
from tests.sync.condition import until

from .desk import STORE, Desk, Market, cancelled, expired, message, open_desk, paid, placed, returned, store


class Failing:
    """An object whose named method fails so often: before its work is done, or after it."""

    def __init__(self, inner: Any, name: str, error: Exception, *, times: int = 1, after: bool = False) -> None:
        self._inner = inner
        self._name = name
        self._error = error
        self._after = after
        self.times = times

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._name:
            return found

        async def failing(*args: Any, **named: Any) -> Any:
            if self.times <= 0:
                return await found(*args, **named)
            self.times -= 1
            if self._after:
                await found(*args, **named)
            raise self._error

        return failing


def break_table(desk: Desk, name: str, error: Exception, **how: Any) -> Failing:
    """Have a method of the events' table fail."""
    failing = Failing(desk.events.means.table, name, error, **how)
    use(desk, table=failing)
    return failing


def use(desk: Desk, **means: Any) -> None:
    """Let the consumer work with these."""
    desk.events.means = replace(desk.events.means, **means)


async def again(desk: Desk, *events: dict[str, Any]) -> None:
    """As a bus does it: until it is consumed."""
    for event in events:
        for _ in range(10):
            try:
                await desk.tell(event)
                break
            except BusUnavailable:
                pass
        else:
            pytest.fail("it was never consumed")


@pytest.mark.parametrize("after", [False, True], ids=["nothing is written", "the reply is lost"])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_a_crash_between_command_and_row(desk: Desk, at: int, *, after: bool) -> None:
    events = [placed(portions=3), paid(), returned(lines=[{"sku_id": 1, "quantity": 2, "restock": True}])]
    await desk.tell(*events[: at - 1])
    failing = break_table(desk, "add", LostConnection("gone"), after=after)
    with pytest.raises(BusUnavailable):
        await desk.tell(events[at - 1])
    assert len(desk.answers) == at - 1, "what isn't written down isn't answered"
    assert failing.times == 0
    assert await desk.stocks() == {1: [(10, 3), (7, 0), (9, 0)][at - 1], 2: (10, 0)}, "the command was carried out"
    await again(desk, *events[at - 1 :])
    assert desk.results() == [(1, "locked"), (2, "deducted"), (3, "returned")]
    assert await desk.stocks() == {1: (9, 0), 2: (10, 0)}


async def test_a_crash_while_several_events_of_an_order_are_done(desk: Desk) -> None:
    events = [placed(portions=3), cancelled()]
    break_table(desk, "add", LostConnection("gone"))
    with pytest.raises(LostConnection):
        await desk.tell_together(*events)
    assert await desk.stocks() == {1: (10, 3), 2: (10, 0)}, "the second wasn't looked at before the first was written"
    await desk.tell_together(*events)
    assert desk.results() == [(1, "locked"), (2, "unlocked")]


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_while_what_waited_is_settled(desk: Desk, *, after: bool) -> None:
    first, second, third = placed(portions=3), paid(), returned()
    await desk.tell(third, second)
    break_table(desk, "settle", LostConnection("gone"), after=after)
    await again(desk, first)
    last = dict(desk.results())
    assert last == {1: "locked", 2: "deducted", 3: "returned"}
    assert await desk.stocks() == {1: (7, 0), 2: (10, 0)}
    _, rows = await desk.database.order_events.load(store(STORE), ["order"])
    assert {row.state for row in rows} == {EventState.DONE}


async def test_an_answer_that_could_not_be_published_comes_with_the_redelivery(desk: Desk) -> None:
    failures = 2

    async def away(messages: Sequence[BusMessage]) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise RuntimeError("nobody is there")

    await desk.bus.subscribe("order_stock", "another", away)
    await again(desk, placed())
    assert set(desk.results()) == {(1, "locked")}
    assert await desk.stocks() == {1: (10, 1), 2: (10, 0)}


async def test_an_answer_of_what_waited_is_published_by_the_upkeep(desk: Desk) -> None:
    first, second = placed(), paid()
    await desk.tell(second)
    is_away = True

    async def away(messages: Sequence[BusMessage]) -> None:
        if is_away:
            raise RuntimeError("nobody is there")

    subscription = await desk.bus.subscribe("order_stock", "another", away)
    with pytest.raises(BusUnavailable):
        await desk.tell(first)
    _, rows = await desk.database.order_events.load(store(STORE), ["order"])
    assert {row.order_seq: row.state for row in rows} == {1: EventState.DONE, 2: EventState.DECIDED}
    await subscription.close()
    desk.answers.clear()
    await desk.look()  # the message that brought the first is delivered to nobody any more
    assert desk.results() == [(2, "deducted")]
    await desk.look()
    assert desk.results() == [(2, "deducted")]


async def test_too_many_commands_hold_up_one_order_and_no_other(desk: Desk) -> None:
    refuse = {"o1"}

    async def submit(command: Command) -> Outcome:
        if command.order_id in refuse:  # type: ignore[union-attr]
            raise Overloaded(1)
        return await desk.engine.submit(command)

    use(desk, submit=submit)
    events = [placed(order_id="o1"), paid(order_id="o1"), placed(order_id="o2"), paid(order_id="o2")]
    with pytest.raises(Overloaded):
        await desk.tell_together(*events)
    assert desk.results() == [(1, "locked"), (2, "deducted")]
    assert {each["order_id"] for each in desk.answers} == {"o2"}
    assert (await desk.database.order_events.load(store(STORE), ["o1"]))[1] == []
    refuse.clear()
    await desk.tell_together(*events)
    assert desk.results("o1") == [(1, "locked"), (2, "deducted")]
    assert await desk.stocks() == {1: (8, 0), 2: (10, 0)}


async def test_a_fault_that_stays_parks_the_event_and_holds_back_its_order(desk: Desk) -> None:
    broken = {"o1"}

    async def submit(command: Command) -> Outcome:
        if command.order_id in broken:  # type: ignore[union-attr]
            raise CommandFailed("a bug")
        return await desk.engine.submit(command)

    use(desk, submit=submit)
    first, second = placed(order_id="o1"), paid(order_id="o1")
    await desk.tell_together(first, first, second, placed(order_id="o2"), second, first)
    assert desk.results() == [(1, "locked")]
    assert await desk.parked() == {first["event_id"]: "EVENT_FAILED"}
    (parked,) = await desk.database.parked_messages.page(None, None, 10)
    assert "a bug" in parked.reason
    assert await desk.events.replay(parked.key) == "parked"
    await desk.tell(first)
    assert await desk.look(wait_seconds=0.0) == 1, "the one behind it waits too long"
    broken.clear()
    assert await desk.events.replay(parked.key) == "processed"
    assert desk.results("o1") == [(1, "locked"), (2, "deducted")]
    assert await desk.parked() == {}


async def test_a_row_that_the_database_refuses_parks_that_event_alone(desk: Desk) -> None:
    table = desk.events.means.table

    class Refusing:
        def __getattr__(self, name: str) -> Any:
            return getattr(table, name)

        async def add(self, rows: Sequence[Any]) -> None:
            if any(row.order_id == "o1" for row in rows):
                raise Rejected("too odd")
            await table.add(rows)

    use(desk, table=Refusing())
    first = placed(order_id="o1")
    await desk.tell_together(first, placed(order_id="o2"), paid(order_id="o2"))
    assert desk.results() == [(1, "locked"), (2, "deducted")]
    assert await desk.parked() == {first["event_id"]: "EVENT_FAILED"}
    use(desk, table=table)
    (parked,) = await desk.database.parked_messages.page(None, None, 10)
    assert await desk.events.replay(parked.key) == "processed"
    assert await desk.parked() == {}


async def test_an_answer_that_no_bus_takes_is_parked_and_replayed(desk: Desk) -> None:
    refusing = Failing(desk.bus, "publish", MessageRefused("too large"), times=2)
    events = OrderEvents(refusing, desk.engine.submit, desk.market, desk.database)  # type: ignore[arg-type]
    first = placed()
    await events.handle([message(first)])
    assert desk.answers == []
    (parked,) = await desk.database.parked_messages.page(None, None, 10)
    assert (parked.key.topic, parked.store) == ("order_stock", store(STORE))
    assert await events.replay(parked.key) == "parked"
    assert await events.replay(parked.key) == "processed"
    assert desk.results() == [(1, "locked")]
    assert await desk.parked() == {}


async def test_what_stood_in_another_s_way_is_tried_again(desk: Desk) -> None:
    failing = break_table(desk, "load", Conflict("busy"), times=3)
    await desk.tell(placed())
    assert failing.times == 0
    assert desk.results() == [(1, "locked")]


async def test_two_consumers_at_the_same_messages(desk: Desk) -> None:
    """As while a bus gives a group to another consumer: each message may be in two hands."""
    await desk.engine.submit(stock(STORE, 500))
    others = [OrderEvents(desk.bus, desk.engine.submit, desk.market, desk.database) for _ in range(3)]
    orders = [f"o{number}" for number in range(12)]
    messages = {
        order_id: [message(placed(1, order_id)), message(paid(2, order_id)), message(returned(3, order_id))]
        for order_id in orders
    }

    async def until_consumed(events: OrderEvents, handed: list[BusMessage]) -> None:
        while True:
            try:
                return await events.handle(handed)
            except Conflict:
                await asyncio.sleep(0)

    work = [
        until_consumed(events, [messages[order_id][at] for order_id in orders])
        for events, at in zip(others * 3, [0, 1, 2, 2, 0, 1, 1, 2, 0], strict=True)
    ]
    await asyncio.gather(*work)
    await desk.look()
    for order_id in orders:
        assert dict(desk.results(order_id)) == {1: "locked", 2: "deducted", 3: "returned"}
        said = {seq: [each for each in desk.answers if (each["order_id"], each["order_seq"]) == (order_id, seq)]
                for seq in (1, 2, 3)}  # fmt: skip
        for answers in said.values():
            assert all(answer == answers[0] for answer in answers), "every repeat has the same answer"
    assert await desk.stocks() == {1: (500 - len(orders), 0), 2: (10, 0)}
    assert await desk.parked() == {}


async def test_the_upkeep_goes_round_by_itself_whatever_fails(database: Database) -> None:
    async with open_desk(database, Market(())) as desk:
        await desk.tell(placed(), placed(1, "old"))
        failing = break_table(desk, "unfinished", LostConnection("gone"), times=5)
        upkeep = desk.upkeep(look_seconds=0.02, round_seconds=0.5, keep_days=-1)
        upkeep._table = failing
        upkeep.start()
        desk.market.coming = [STORE]
        await until(lambda: {each["order_id"] for each in desk.answers} == {"order", "old"})
        async with asyncio.timeout(60):
            while (await database.order_events.load(store(STORE), ["order", "old"]))[1]:  # noqa: ASYNC110 - of the file
                await asyncio.sleep(0.01)
        assert failing.times == 0
        await upkeep.stop()
    assert await desk.parked() == {}


async def test_one_who_comes_so_late_that_it_ends_otherwise_says_so(desk: Desk) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def late(command: Command) -> Outcome:
        arrived.set()
        await go_on.wait()
        return await desk.engine.submit(command)

    slow = OrderEvents(desk.bus, late, desk.market, desk.database)
    await desk.tell(placed(portions=10, expires_in=1))
    await expired(desk, "order")
    await desk.engine.submit(lock(STORE, "rival", portions=1))
    last = paid()
    handling = asyncio.create_task(slow.handle([message(last)]))
    await arrived.wait()
    await desk.tell(last)
    assert desk.results()[-1] == (2, "refund_needed")
    await desk.engine.submit(unlock(STORE, "rival"))
    go_on.set()
    await handling
    assert await desk.stocks() == {1: (0, 0), 2: (10, 0)}
    assert desk.results()[-1] == (2, "refund_needed"), "what was said is said again"
    assert await desk.parked() == {last["event_id"]: "EVENT_DONE_TWICE"}


async def test_the_consumer_subscribes_when_the_bus_comes(desk: Desk) -> None:
    away = Failing(desk.bus, "subscribe", BusUnavailable("not yet"))
    events = OrderEvents(away, desk.engine.submit, desk.market, desk.database)  # type: ignore[arg-type]
    events.start()
    deadline = asyncio.get_running_loop().time() + 30
    while events._subscription is None:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    await desk.tell(placed())
    assert set(desk.results()) == {(1, "locked")}
    await events.stop()
