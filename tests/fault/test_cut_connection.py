"""The connection is cut at every message in turn: whatever was asked for is applied exactly once, and answered."""

import asyncio
from collections import Counter

import pytest

from eightysix.core.outcome import Code, OrderDone
from eightysix.core.reservation import State
from eightysix.engine import Engine, Limits, Observer, OutcomeUnknown, Unavailable
from tests.engine.shop import Shop, assert_sound, audit, deduct, lock, orders_by_state, stock
from tests.fault.conftest import cut_off, opened
from tests.fault.cutter import Cut, Cutter, Way

QUIET = Limits(lanes_per_shard=1, sweep_seconds=3600, deadline_seconds=10)
PORTIONS = 1000


class Settled(Observer):
    """Counts how the unknown outcomes turned out."""

    def __init__(self) -> None:
        self.answers: Counter[bool | None] = Counter()

    def commit_settled(self, lane_no: int, committed: bool | None) -> None:
        self.answers[committed] += 1


async def one_round(engine: Engine, name: str) -> None:
    """Two stores in one batch: locks, a lock paid in the same batch, a refusal. Each must have its one right answer."""
    commands = [
        lock("s0", f"{name}-a"), lock("s1", f"{name}-b"), lock("s0", f"{name}-c"), deduct("s0", f"{name}-c"),
        deduct("s1", f"{name}-unknown"),
    ]  # fmt: skip
    results = await asyncio.gather(*(engine.submit(each) for each in commands))
    assert [each.state if isinstance(each, OrderDone) else each.code for each in results] == [
        State.LOCKED, State.LOCKED, State.LOCKED, State.DEDUCTED, Code.ORDER_NOT_FOUND,
    ], name  # fmt: skip
    assert not any(each.replayed for each in results if isinstance(each, OrderDone)), name


async def assert_exactly_once(url: str, rounds: int) -> None:
    async with opened(url) as database:
        found = await audit(database)
    first, second = found["s0"], found["s1"]
    assert_sound(first)
    assert_sound(second)
    assert orders_by_state(first) == {State.LOCKED: rounds, State.DEDUCTED: rounds}
    assert orders_by_state(second) == {State.LOCKED: rounds}
    assert [(row.real, row.locked) for row in first.stocks] == [((PORTIONS - rounds) * 1000, rounds * 1000)]
    assert [(row.real, row.locked) for row in second.stocks] == [(PORTIONS * 1000, rounds * 1000)]
    assert (len(first.logs), len(second.logs)) == (1 + 3 * rounds, 1 + rounds)


async def rounds_with_cuts(url: str, cutter: Cutter, through: str, cuts: list[Cut], settled: Settled) -> None:
    async with opened(through) as database:
        engine = Engine(database, Shop(["s0", "s1"]), QUIET, settled)
        await engine.start()
        await asyncio.gather(engine.submit(stock("s0", PORTIONS)), engine.submit(stock("s1", PORTIONS)))
        for number, cut in enumerate(cuts, 1):
            cutter.arm(cut)
            await one_round(engine, f"r{number}")
            cutter.disarm()
            await assert_exactly_once(url, number)
        await engine.stop()


@pytest.mark.parametrize("way", list(Way))
async def test_cut_at_every_message_of_a_batch(server_url: str, way: Way):
    settled = Settled()
    async with cut_off(server_url) as (cutter, through):
        cuts = [Cut(way, nth) for nth in range(1, 25)]
        await rounds_with_cuts(server_url, cutter, through, cuts, settled)
        assert 6 <= cutter.cuts < len(cuts), "the last cuts must lie behind the batch's last message"


async def test_cut_at_commit(server_url: str):
    """Before COMMIT was sent, right after it was sent, and after the server had answered it."""
    settled = Settled()
    async with cut_off(server_url) as (cutter, through):
        cuts = [
            Cut(Way.TO_SERVER, 1, b"COMMIT"),
            Cut(Way.TO_SERVER, 1, b"COMMIT", then="cut after it"),
            Cut(Way.TO_SERVER, 1, b"COMMIT", then="cut its reply"),
        ]
        await rounds_with_cuts(server_url, cutter, through, cuts * 5, settled)
        assert cutter.cuts == 15
    assert settled.answers.total() == 15
    assert settled.answers[True] >= 5
    assert settled.answers[False] >= 5


async def test_a_database_out_of_reach_is_a_503_and_comes_back(postgres: str):
    async with cut_off(postgres) as (cutter, through), opened(through) as database:
        engine = Engine(database, Shop(["s0", "s1"]), QUIET)
        await engine.start()
        await asyncio.gather(engine.submit(stock("s0", PORTIONS)), engine.submit(stock("s1", PORTIONS)))
        cutter.refuses = True
        cutter.cut_all()
        commands = [lock("s0", "refused-1"), lock("s1", "refused-2")]
        results = await asyncio.gather(*(engine.submit(each) for each in commands), return_exceptions=True)
        assert [type(each) for each in results] == [Unavailable, Unavailable]
        cutter.refuses = False
        await one_round(engine, "back")
        await engine.stop()
    await assert_exactly_once(postgres, 1)


async def test_an_outcome_that_stays_unknown_is_said_to_be_unknown(postgres: str):
    """The one fault after which the command may have been applied; the same request then tells."""
    limits = Limits(lanes_per_shard=1, sweep_seconds=3600, settle_seconds=0.5)
    settled = Settled()
    async with cut_off(postgres) as (cutter, through), opened(through) as database:
        engine = Engine(database, Shop(["s0"]), limits, settled)
        await engine.start()
        await engine.submit(stock("s0", PORTIONS))
        cutter.arm(Cut(Way.TO_SERVER, 1, b"COMMIT", then="cut its reply"))
        future = engine.submit(lock("s0", "o1"))
        await cutter.happened.wait()
        cutter.refuses = True
        with pytest.raises(OutcomeUnknown):
            await future
        cutter.refuses = False
        replay = await engine.submit(lock("s0", "o1"))
        assert isinstance(replay, OrderDone)
        assert replay.replayed
        await engine.stop()
    assert settled.answers == {None: 1}


@pytest.mark.parametrize("answer", [True, False])
async def test_a_marker_that_lies_would_be_noticed(postgres: str, answer: bool, monkeypatch: pytest.MonkeyPatch):
    """Negative control: were the marker row's answer wrong, the round of the tests above would fail."""

    async def lie(lane: object, batch_no: int) -> bool:
        return answer

    monkeypatch.setattr("eightysix.storage.postgres.lane.PostgresLane.committed", lie)
    then = "cut" if answer else "cut its reply"
    async with cut_off(postgres) as (cutter, through):
        with pytest.raises((AssertionError, KeyError)):
            await rounds_with_cuts(postgres, cutter, through, [Cut(Way.TO_SERVER, 1, b"COMMIT", then=then)], Settled())
