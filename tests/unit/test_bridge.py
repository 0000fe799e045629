"""Calls to another thread's event loop: results, faults and cancellations come through, many at once."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from eightysix.sync.rocketmq.bridge import Bridge, GivenUp


@pytest.fixture
async def there() -> AsyncIterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    await asyncio.to_thread(thread.join)
    loop.close()


async def test_each_caller_gets_its_own_result(there: asyncio.AbstractEventLoop) -> None:
    bridge = Bridge(there)

    async def double(number: int) -> int:
        assert asyncio.get_running_loop() is there
        await asyncio.sleep(0)
        if number % 7 == 0:
            raise ValueError(number)
        return number * 2

    results = await asyncio.gather(*(bridge.run(double(number)) for number in range(2_000)), return_exceptions=True)
    for number, result in enumerate(results):
        if number % 7 == 0:
            assert isinstance(result, ValueError)
            assert result.args == (number,)
        else:
            assert result == number * 2


async def test_who_is_cancelled_here_is_cancelled_there(there: asyncio.AbstractEventLoop) -> None:
    bridge, begun, cancelled = Bridge(there), threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    waiting = asyncio.create_task(bridge.run(wait()))
    assert await asyncio.to_thread(begun.wait, 10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(cancelled.wait, 10)


async def test_what_is_cancelled_there_is_a_fault_here(there: asyncio.AbstractEventLoop) -> None:
    async def cancel_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(GivenUp):
        await Bridge(there).run(cancel_itself())
