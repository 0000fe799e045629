"""Several consumers on the bus within a process: none keeps the message from another."""

import asyncio
from collections.abc import Sequence

import pytest

from eightysix.sync.bus import BusMessage, BusUnavailable, Handler, MessageRefused
from eightysix.sync.local_bus import LocalBus

MESSAGE = BusMessage("topic", b"{}", "group", "key")


class Consumer:
    """Remembers what it heard, and does what it is told to do with it."""

    def __init__(self, does: Handler | None = None) -> None:
        self.heard = 0
        self._does = does

    async def handle(self, messages: Sequence[BusMessage]) -> None:
        self.heard += len(messages)
        if self._does is not None:
            await self._does(messages)


async def hangs(_: Sequence[BusMessage]) -> None:
    await asyncio.Event().wait()


async def refuses(_: Sequence[BusMessage]) -> None:
    raise MessageRefused("never")


async def fails(_: Sequence[BusMessage]) -> None:
    raise RuntimeError("not now")


async def bus_with(*consumers: Consumer) -> LocalBus:
    bus = LocalBus()
    for number, each in enumerate(consumers):
        await bus.subscribe("topic", f"consumer {number}", each.handle)
    return bus


async def test_who_hangs_keeps_the_message_from_nobody() -> None:
    stuck, other = Consumer(hangs), Consumer()
    bus = await bus_with(stuck, other)
    for heard in (1, 2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await bus.publish(MESSAGE)
        await asyncio.sleep(0)
        assert other.heard == heard


async def test_who_is_quick_does_not_wait_for_who_is_slow() -> None:
    order: list[str] = []

    async def slowly(_: Sequence[BusMessage]) -> None:
        await asyncio.sleep(0.002)
        order.append("slow")

    async def at_once(_: Sequence[BusMessage]) -> None:
        order.append("quick")

    bus = await bus_with(Consumer(slowly), Consumer(at_once))
    for _ in range(3):
        await bus.publish(MESSAGE)
    assert order[2:] == ["quick", "slow"] * 2


@pytest.mark.parametrize("first_fails", [True, False])
async def test_what_one_refuses_comes_again_while_another_can_t_take_it(first_fails: bool) -> None:
    consumers = [Consumer(fails), Consumer(refuses)]
    bus = await bus_with(*(consumers if first_fails else consumers[::-1]))
    with pytest.raises(BusUnavailable):
        await bus.publish(MESSAGE)
    assert [each.heard for each in consumers] == [1, 1]
