"""Two processes on one database, one of them stopped (SIGSTOP) or killed (SIGKILL) in the middle of a batch."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from eightysix.core.outcome import OrderDone, Outcome
from eightysix.core.reservation import State
from eightysix.engine import DeadlineExceeded, Engine, Limits
from tests.engine.shop import Shop, assert_sound, audit, lock, orders_by_state, stock
from tests.fault.conftest import opened

ROOT = Path(__file__).parents[2]
LIMITS = Limits(lanes_per_shard=1, sweep_seconds=3600)
MINE, OTHERS = "s0", [f"s{number}" for number in range(1, 9)]
ORDERS = ["w1", "w2", "w3"]


@asynccontextmanager
async def worker(url: str, signal_name: str, method: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that strikes itself in the middle of a batch on store s0."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fault.worker", url, signal_name, method, MINE, *ORDERS,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def stopped(pid: int) -> None:
    """Wait until the process has stopped itself."""
    end = time.monotonic() + 30
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def asked_again(engine: Engine, order_id: str, seconds: float) -> tuple[Outcome, float]:
    """What a patient client does: the same request again after each 503. Returns the outcome and how long it took."""
    started = time.monotonic()
    while True:
        try:
            return await engine.submit(lock(MINE, order_id)), time.monotonic() - started
        except DeadlineExceeded:
            assert time.monotonic() - started < seconds


async def others_go_on(engine: Engine) -> None:
    """Orders of all other stores, round after round, never slower than a lock timeout once."""
    for number in range(5):
        started = time.monotonic()
        results = await asyncio.gather(*(engine.submit(lock(poi_id, f"o{number}")) for poi_id in OTHERS))
        assert all(each.state is State.LOCKED for each in results if isinstance(each, OrderDone))
        assert time.monotonic() - started < (1.5 if number == 0 else 0.4)


@pytest.mark.parametrize("method", ["load_orders", "save", "commit"])
async def test_a_stopped_process_holds_up_its_stores_for_seconds_and_nobody_else(server_url: str, method: str):
    async with opened(server_url) as database, AsyncExitStack() as stack:
        engine = Engine(database, Shop([MINE, *OTHERS]), LIMITS)
        await engine.start()
        await asyncio.gather(*(engine.submit(stock(poi_id, 10)) for poi_id in [MINE, *OTHERS]))
        process = await stack.enter_async_context(worker(server_url, "SIGSTOP", method))
        await stopped(process.pid)
        held = asyncio.create_task(asked_again(engine, "mine", 10))
        await asyncio.sleep(0)
        await others_go_on(engine)
        outcome, seconds = await held
        assert isinstance(outcome, OrderDone)
        assert seconds < 8  # the database ends the idle transaction after 5 s
        os.kill(process.pid, signal.SIGCONT)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
        assert output.decode().split("\n")[:-1] == [f"{order_id} LOCKED" for order_id in ORDERS]
        await engine.stop()
        found = await audit(database)
    assert_sound(found[MINE])
    assert sorted(each.order_id for each in found[MINE].reservations) == ["mine", *ORDERS]


async def test_a_process_stopped_after_commit_has_applied_its_batch_once(server_url: str):
    async with opened(server_url) as database, worker(server_url, "SIGSTOP", "commit+") as process:
        engine = Engine(database, Shop([MINE]), LIMITS)
        await engine.start()
        await stopped(process.pid)
        # the client of the stopped process gives up and asks this one
        replays = await asyncio.gather(*(engine.submit(lock(MINE, order_id)) for order_id in ORDERS))
        assert all(each.replayed for each in replays if isinstance(each, OrderDone))
        os.kill(process.pid, signal.SIGCONT)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
        assert output.decode().split("\n")[:-1] == [f"{order_id} LOCKED" for order_id in ORDERS]
        await engine.stop()
        found = await audit(database)
    assert_sound(found[MINE])
    assert orders_by_state(found[MINE]) == {State.LOCKED: 3}


async def test_the_same_orders_in_both_processes_are_applied_once(server_url: str):
    """Stock for two of three orders: the stopped process decided on it and must decide again."""
    async with opened(server_url) as database:
        engine = Engine(database, Shop([MINE]), LIMITS)
        await engine.start()
        await engine.submit(stock(MINE, 2))
        async with worker(server_url, "SIGSTOP", "commit") as process:
            await stopped(process.pid)
            first, _ = await asked_again(engine, "w3", 10)
            second, _ = await asked_again(engine, "mine", 10)
            assert [each.state for each in (first, second) if isinstance(each, OrderDone)] == [State.LOCKED] * 2
            os.kill(process.pid, signal.SIGCONT)
            output, _ = await asyncio.wait_for(process.communicate(), 20)
        answers = dict(line.split(" ", 1) for line in output.decode().splitlines())
        assert answers["w3"] == "LOCKED"  # a replay
        assert all(answers[each].startswith("Refused") for each in ("w1", "w2"))
        await engine.stop()
        found = await audit(database)
    assert_sound(found[MINE])
    assert orders_by_state(found[MINE]) == {State.LOCKED: 2}


@pytest.mark.parametrize("method", ["load_orders", "save", "commit", "commit+"])
async def test_a_killed_process_leaves_nothing_half_done_and_frees_its_stores_at_once(server_url: str, method: str):
    async with opened(server_url) as database:
        engine = Engine(database, Shop([MINE, *OTHERS]), LIMITS)
        await engine.start()
        await engine.submit(stock(MINE, 10))
        async with worker(server_url, "SIGKILL", method) as process:
            assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
        outcome, seconds = await asked_again(engine, "mine", 5)
        assert isinstance(outcome, OrderDone)
        assert seconds < 1.5
        replays = await asyncio.gather(*(engine.submit(lock(MINE, order_id)) for order_id in ORDERS))
        applied = method == "commit+"
        assert [each.replayed for each in replays if isinstance(each, OrderDone)] == [applied] * 3
        await engine.stop()
        found = await audit(database)
    assert_sound(found[MINE])
    assert orders_by_state(found[MINE]) == {State.LOCKED: 4}
