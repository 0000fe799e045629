"""The engine on a real SQLite: natural batches, deadlines, back-pressure, poison, a graceful stop, the sweep."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from eightysix.core.command import ChannelSetting, Line, ReturnStock, SetStock, Setting
from eightysix.core.key import sku_key
from eightysix.core.outcome import Code, OrderDone, Refused, StocksSet
from eightysix.core.quantity import UNIT
from eightysix.core.reservation import State
from eightysix.engine import (
    BatchReport,
    CommandFailed,
    DeadlineExceeded,
    Engine,
    Limits,
    Observer,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
    batch,
)
from eightysix.storage.port import Conflict, Database, GuardFailed, LostConnection, Rejected
from tests.engine.shop import ACTOR, Shop, assert_sound, audit, deduct, lock, orders_by_state, stock, unlock
from tests.engine.tampering import Gate, Tampered

STORES = [f"s{number}" for number in range(8)]


class Notes(Observer):
    """Keeps what the engine tells."""

    def __init__(self) -> None:
        self.reports: list[BatchReport] = []
        self.counts: Counter[str] = Counter()

    def batch_done(self, report: BatchReport) -> None:
        self.reports.append(report)

    def batch_retried(self, lane_no: int, fault: BaseException) -> None:
        self.counts[type(fault).__name__] += 1

    def stores_set_aside(self, lane_no: int, stores: int) -> None:
        self.counts["aside"] += stores

    def overloaded(self, lane_no: int) -> None:
        self.counts["overloaded"] += 1

    def deadline_exceeded(self, lane_no: int, commands: int) -> None:
        self.counts["late"] += commands

    def command_failed(self, lane_no: int) -> None:
        self.counts["failed"] += 1


@asynccontextmanager
async def running(
    database: Database, limits: Limits | None = None, observer: Observer | None = None
) -> AsyncIterator[Engine]:
    engine = Engine(database, Shop(STORES), limits, observer)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Wait for a condition, looking again and again."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.02)


def states(outcomes: list[object]) -> Counter[object]:
    return Counter(each.state if isinstance(each, OrderDone) else each.code for each in outcomes)


async def test_a_life_of_an_order(database: Database):
    async with running(database) as engine:
        assert isinstance(await engine.submit(stock("s0", 3)), StocksSet)
        locked = await engine.submit(lock("s0", "o1", portions=2))
        assert isinstance(locked, OrderDone)
        assert (locked.state, locked.replayed) == (State.LOCKED, False)
        again = await engine.submit(lock("s0", "o1", portions=2))
        assert isinstance(again, OrderDone)
        assert again.replayed
        short = await engine.submit(lock("s0", "o2", portions=2))
        assert isinstance(short, Refused)
        assert short.code is Code.OUT_OF_STOCK
        paid = await engine.submit(deduct("s0", "o1"))
        assert isinstance(paid, OrderDone)
        assert paid.state is State.DEDUCTED
        assert (await engine.submit(lock("s0", "o3"))).state is State.LOCKED
        assert (await engine.submit(unlock("s0", "o3"))).state is State.UNLOCKED
    found = (await audit(database))["s0"]
    assert_sound(found)
    assert [(row.real, row.locked) for row in found.stocks] == [(1000, 0)]


async def test_what_needs_no_rows_is_refused_at_once(database: Database):
    async with running(database) as engine:
        future = engine.submit(lock("elsewhere", "o1"))
        assert future.done()
        assert (await future).code is Code.STORE_NOT_FOUND
    assert await audit(database) == {}


async def test_what_queued_together_is_committed_together(database: Database):
    notes = Notes()
    async with running(database, observer=notes) as engine:
        await engine.submit(stock("s0", 60))
        notes.reports.clear()
        futures = [engine.submit(lock("s0", f"o{number}")) for number in range(100)]
        futures += [engine.submit(lock("s1", f"o{number}")) for number in range(50)]
        outcomes = await asyncio.gather(*futures)
    assert states(outcomes) == {State.LOCKED: 110, Code.OUT_OF_STOCK: 40}
    assert [(each.commands, each.stores) for each in notes.reports] == [(150, 2)]
    found = await audit(database)
    assert_sound(found["s0"])
    assert_sound(found["s1"])


async def test_commands_of_one_batch_see_one_another_in_order(database: Database):
    async with running(database) as engine:
        commands = [
            stock("s0", 1), lock("s0", "a"), lock("s0", "b"), unlock("s0", "a"), lock("s0", "b"), deduct("s0", "b"),
            lock("s0", "c"), lock("s0", "a"),
        ]  # fmt: skip
        outcomes = await asyncio.gather(*(engine.submit(each) for each in commands))
    assert [each.state if isinstance(each, OrderDone) else each.code for each in outcomes[1:]] == [
        State.LOCKED, Code.OUT_OF_STOCK, State.UNLOCKED, State.LOCKED, State.DEDUCTED,
        Code.OUT_OF_STOCK, Code.ALREADY_UNLOCKED,
    ]  # fmt: skip
    assert_sound((await audit(database))["s0"])


async def test_nothing_changed_means_nothing_committed(database: Database):
    tampered = Tampered(database)
    async with running(tampered) as engine:
        await asyncio.gather(engine.submit(deduct("s0", "nobody")), engine.submit(deduct("s1", "nobody")))
        assert tampered.lanes[0].calls["begin"] == 1
        assert tampered.lanes[0].calls["save"] == 0
        assert tampered.lanes[0].calls["commit"] == 0
    assert await audit(database) == {}


async def test_a_caller_that_leaves_cancels_nothing(database: Database):
    gate = Gate("commit")
    async with running(Tampered(database, before=gate)) as engine:
        gate.shut()
        leaving = asyncio.create_task(asyncio.wait_for(engine.submit(lock("s0", "o1")), 60))
        await gate.reached.wait()
        queued = engine.submit(lock("s0", "o2"))
        leaving.cancel()
        queued.cancel()
        gate.open()
        replay = await engine.submit(lock("s0", "o2"))
        assert replay.replayed
    assert orders_by_state((await audit(database))["s0"]) == {State.LOCKED: 2}


async def test_a_late_command_is_answered_before_its_transaction_and_never_runs(database: Database):
    gate, notes = Gate("commit"), Notes()
    async with running(Tampered(database, before=gate), Limits(deadline_seconds=0.2), notes) as engine:
        gate.shut()
        slow = engine.submit(lock("s0", "slow"))
        await gate.reached.wait()
        late = engine.submit(lock("s0", "late"))
        with pytest.raises(DeadlineExceeded):
            await asyncio.wait_for(late, 2)
        assert not slow.done()
        gate.open()
        assert (await slow).state is State.LOCKED  # past its deadline too, but in its transaction
    assert orders_by_state((await audit(database))["s0"]) == {State.LOCKED: 1}
    assert notes.counts["late"] == 1


async def test_a_database_that_does_not_answer_keeps_no_caller_for_ever(database: Database):
    gate = Gate("commit")
    async with running(Tampered(database, before=gate), Limits(settle_seconds=0.2)) as engine:
        gate.shut()
        with pytest.raises(OutcomeUnknown):
            async with asyncio.timeout(5):
                await engine.submit(lock("s0", "o1"))
        gate.open()
        again = await engine.submit(lock("s0", "o1"))
    assert isinstance(again, OrderDone)
    assert (again.state, again.replayed) == (State.LOCKED, True)


async def test_a_full_queue_says_when_to_come_back(database: Database):
    gate, notes = Gate("begin"), Notes()
    async with running(Tampered(database, before=gate), Limits(queue_commands=5), notes) as engine:
        gate.shut()
        first = engine.submit(lock("s0", "first"))
        await gate.reached.wait()
        queued = [engine.submit(lock("s0", f"o{number}")) for number in range(7)]
        assert [each.done() for each in queued] == [False] * 5 + [True] * 2
        with pytest.raises(Overloaded) as refused:
            await queued[5]
        assert refused.value.retry_after_seconds >= 1
        assert isinstance(queued[6].exception(), Overloaded)
        gate.open()
        assert states(await asyncio.gather(first, *queued[:5])) == {State.LOCKED: 6}
    assert notes.counts["overloaded"] == 2


async def test_stop_answers_everything_accepted(database: Database):
    gate = Gate("begin")
    engine = Engine(Tampered(database, before=gate), Shop(STORES), Limits(batch_commands=10))
    await engine.start()
    gate.shut()
    accepted = [engine.submit(lock(STORES[number % 8], f"o{number}")) for number in range(100)]
    await gate.reached.wait()
    stopping = asyncio.create_task(engine.stop())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await engine.submit(lock("s0", "too-late"))
    gate.open()
    await stopping
    assert states([each.result() for each in accepted]) == {State.LOCKED: 100}
    found = await audit(database)
    assert sum(len(each.reservations) for each in found.values()) == 100


async def test_stop_is_bounded_and_leaves_no_caller_waiting(database: Database):
    gate = Gate("begin")
    engine = Engine(Tampered(database, before=gate), Shop(STORES), Limits(stop_seconds=0.2))
    await engine.start()
    gate.shut()
    stuck = engine.submit(lock("s0", "o1"))
    await gate.reached.wait()
    queued = engine.submit(lock("s1", "o2"))
    await asyncio.wait_for(engine.stop(), 3)
    assert isinstance(stuck.exception(), Unavailable)
    assert isinstance(queued.exception(), Unavailable)
    assert await audit(database) == {}


async def test_a_rule_that_raises_fails_its_command_alone(database: Database, monkeypatch: pytest.MonkeyPatch):
    decide = batch.decide

    def poisoned(command, shelf):
        if getattr(command, "order_id", None) == "poison":
            raise ZeroDivisionError
        return decide(command, shelf)

    monkeypatch.setattr(batch, "decide", poisoned)
    notes = Notes()
    async with running(database, observer=notes) as engine:
        await engine.submit(stock("s0", 10))
        ids = ["a", "b", "poison", "c"]
        results = await asyncio.gather(*(engine.submit(lock("s0", each)) for each in ids), return_exceptions=True)
    assert isinstance(results[2], CommandFailed)
    assert isinstance(results[2].__cause__, ZeroDivisionError)
    assert states([results[0], results[1], results[3]]) == {State.LOCKED: 3}
    assert len(notes.reports) == 2  # one batch for the stock, one for all four
    found = (await audit(database))["s0"]
    assert_sound(found)
    assert orders_by_state(found) == {State.LOCKED: 3}


async def test_what_the_database_rejects_fails_alone_after_halving(database: Database):
    """The core lets an order through whose row a CHECK of the database refuses; 49 neighbours succeed."""
    notes = Notes()
    async with running(_BeforeSave(database, spoil), observer=notes) as engine:
        futures = [engine.submit(lock(STORES[number % 8], f"o{number}")) for number in range(50)]
        results = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(results[17], CommandFailed)
    assert isinstance(results[17].__cause__, Rejected)
    assert states([each for number, each in enumerate(results) if number != 17]) == {State.LOCKED: 49}
    assert notes.counts["Rejected"] <= 7  # log2(50) halvings and the one itself
    found = await audit(database)
    assert sum(len(each.reservations) for each in found.values()) == 49
    for each in found.values():
        assert_sound(each)


async def test_a_command_that_kills_its_connection_is_a_503_alone(database: Database):
    async def kill(changes) -> None:
        if any(after.order_id == "o17" for change in changes.values() for _, after in change.reservations):
            raise LostConnection("the server fell over this one")

    notes = Notes()
    async with running(_BeforeSave(database, kill), observer=notes) as engine:
        futures = [engine.submit(lock(STORES[number % 8], f"o{number}")) for number in range(50)]
        results = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(results[17], Unavailable)
    assert states([each for number, each in enumerate(results) if number != 17]) == {State.LOCKED: 49}
    assert notes.counts["LostConnection"] <= 3 + 6 + 3  # the batch, its halves, the one itself
    for each in (await audit(database)).values():
        assert_sound(each)


async def spoil(changes) -> None:
    """Gives order o17 an impossible quantity, as a bug of the rules would; the real database must refuse it."""
    for change in changes.values():
        change.reservations = [
            (before, replace(after, returned=after.quantity + 1) if after.order_id == "o17" else after)
            for before, after in change.reservations
        ]


class _BeforeSave(Tampered):
    """Shows a lane's changes to a function before they are saved."""

    def __init__(self, database: Database, look: Callable[[dict], Awaitable[None]]) -> None:
        super().__init__(database)
        self.look = look

    async def lane(self, lane_no: int, marker_bucket: int):
        real = await self._database.lane(lane_no, marker_bucket)
        look = self.look

        class Lane:
            def __getattr__(self, name):
                return getattr(real, name)

            async def save(self, changes):
                await look(changes)
                await real.save(changes)

        return Lane()


@pytest.mark.parametrize("fault", [Conflict, GuardFailed])
async def test_a_passing_fault_is_tried_again(database: Database, fault: type[Exception]):
    async def twice(method: str, count: int) -> None:
        if method == "save" and count <= 2:
            raise fault("passing")

    notes = Notes()
    async with running(Tampered(database, before=twice), observer=notes) as engine:
        results = await asyncio.gather(*(engine.submit(lock("s0", f"o{number}")) for number in range(20)))
    assert states(results) == {State.LOCKED: 20}
    assert notes.counts[fault.__name__] == 2
    assert_sound((await audit(database))["s0"])


async def test_a_lasting_fault_becomes_a_503_and_changes_nothing(database: Database):
    async def always(method: str, count: int) -> None:
        if method == "save":
            raise Conflict("lasting")

    async with running(Tampered(database, before=always)) as engine:
        results = await asyncio.gather(
            *(engine.submit(lock("s0", f"o{number}")) for number in range(4)), return_exceptions=True
        )
        assert [type(each) for each in results] == [Unavailable] * 4
    assert await audit(database) == {}


async def test_a_bug_below_the_rules_fails_one_command_and_the_lane_goes_on(database: Database):
    async def broken(method: str, count: int) -> None:
        if method == "load_orders" and count == 1:
            raise KeyError("a bug")

    async with running(Tampered(database, before=broken)) as engine:
        with pytest.raises(CommandFailed):
            await engine.submit(lock("s0", "o1"))
        assert (await engine.submit(lock("s0", "o1"))).state is State.LOCKED


async def test_due_locks_are_tidied_within_a_second_of_their_time(database: Database):
    async with running(database) as engine:
        await engine.submit(stock("s0", 5))
        locked = await engine.submit(lock("s0", "o1", portions=5, expires_in=1))

        async def tidied() -> bool:
            return orders_by_state((await audit(database))["s0"]) == {State.EXPIRED: 1}

        await until(tidied)
        found = (await audit(database))["s0"]
        assert_sound(found)
        assert found.logs[-1].at - locked.expires_at < 1000
        assert (await engine.submit(lock("s0", "o2", portions=5))).state is State.LOCKED


async def test_a_batch_releases_due_locks_before_it_decides(database: Database):
    async with running(database, Limits(sweep_seconds=3600)) as engine:
        await engine.submit(stock("s0", 5))
        first = await engine.submit(lock("s0", "o1", portions=5, expires_in=1))

        async def dead() -> bool:
            return (await database.reader.head(store_key()))[0] >= first.expires_at

        await until(dead)
        assert (await engine.submit(lock("s0", "o2", portions=5))).state is State.LOCKED
    found = (await audit(database))["s0"]
    assert_sound(found)
    assert orders_by_state(found) == {State.EXPIRED: 1, State.LOCKED: 1}


class Moving:
    """A catalogue that is replaced by a newer one."""

    def __init__(self) -> None:
        self.current = Shop(STORES)


async def test_a_store_with_very_many_due_locks_is_released_before_it_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batch, "DUE_MOST", 3)
    notes = Notes()
    async with running(database, Limits(sweep_seconds=3600), notes) as engine:
        await engine.submit(stock("s0", 5))
        held = await asyncio.gather(*(engine.submit(lock("s0", f"o{number}", expires_in=1)) for number in range(5)))

        async def dead() -> bool:
            return (await database.reader.head(store_key()))[0] >= max(each.expires_at for each in held)

        await until(dead)
        await engine.submit(lock("s1", "elsewhere"))
        notes.reports.clear()
        fresh = await asyncio.gather(*(engine.submit(lock("s0", f"n{number}")) for number in range(6)))
    assert states(fresh) == {State.LOCKED: 5, Code.OUT_OF_STOCK: 1}
    assert notes.counts["aside"] == 1
    assert [each.commands for each in notes.reports] == [6]
    assert_sound((await audit(database))["s0"])


async def test_a_catalogue_that_moved_on_is_asked_again(database: Database):
    gate, source = Gate("begin"), Moving()
    engine = Engine(Tampered(database, before=gate), source)
    await engine.start()
    gate.shut()
    first = engine.submit(lock("s1", "o1"))
    await gate.reached.wait()
    queued = engine.submit(lock("s0", "o2"))
    source.current = Shop(STORES[1:])
    gate.open()
    assert (await first).state is State.LOCKED
    assert (await queued).code is Code.STORE_NOT_FOUND
    await engine.stop()
    assert list(await audit(database)) == ["s1"]


async def test_the_locks_of_a_store_that_is_no_longer_set_up_still_die(database: Database):
    source = Moving()
    engine = Engine(database, source)
    await engine.start()
    await engine.submit(stock("s0", 5))
    await engine.submit(lock("s0", "o1", expires_in=1))
    source.current = Shop(STORES[1:])

    async def tidied() -> bool:
        return orders_by_state((await audit(database))["s0"]) == {State.EXPIRED: 1}

    await until(tidied)
    await engine.stop()
    assert_sound((await audit(database))["s0"])


def store_key():
    return lock("s0", "any").store


async def test_a_cap_set_in_the_middle_of_a_day_counts_what_came_back_but_not_on_sale(database: Database):
    async with running(database) as engine:
        await engine.submit(stock("s0", 9))
        for order_id in ("eaten", "binned", "restocked"):
            await engine.submit(lock("s0", order_id))
            await engine.submit(deduct("s0", order_id))
        for order_id, restock in (("binned", False), ("restocked", True)):
            lines = (Line(1, quantity=UNIT, restock=restock),)
            back = await engine.submit(ReturnStock(store_key(), order_id, lines, f"r-{order_id}", ACTOR))
            assert back.state is State.RETURNED
        cap = Setting(sku_key(1), channels=(ChannelSetting("ONLINE_ORDER", limit=3 * UNIT),))
        await engine.submit(SetStock(store_key(), (cap,), ACTOR))
        assert (await engine.submit(lock("s0", "last"))).state is State.LOCKED
        assert (await engine.submit(lock("s0", "beyond"))).code is Code.OUT_OF_STOCK
    found = (await audit(database))["s0"]
    assert_sound(found)
    assert [row.used for row in found.channels] == [3 * UNIT]
