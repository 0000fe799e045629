"""What the bus within a process adds to the contract of every bus (tests/bus): its publishers wait, nothing is kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from eightysix.sync.bus import BusMessage, BusUnavailable, MessageRefused
from eightysix.sync.local_bus import LocalBus

TOPIC = "poi_stock"


def _message(body: str, group: str = "6.sesame/1", *, deliver_at: int | None = None) -> BusMessage:
    return BusMessage(TOPIC, body.encode(), group, deliver_at=deliver_at)


@pytest.fixture
async def bus() -> AsyncIterator[LocalBus]:
    opened = LocalBus()
    yield opened
    await opened.close()


async def test_publishing_ends_when_every_group_of_consumers_has_handled_it(bus: LocalBus) -> None:
    release, quick_is_through, seen = asyncio.Event(), asyncio.Event(), list[str]()

    async def slow(messages: Sequence[BusMessage]) -> None:
        await release.wait()
        seen.extend(f"slow {message.body.decode()}" for message in messages)

    async def quick(messages: Sequence[BusMessage]) -> None:
        seen.extend(f"quick {message.body.decode()}" for message in messages)
        quick_is_through.set()

    await bus.subscribe(TOPIC, "gateway", slow)
    await bus.subscribe(TOPIC, "webhooks", quick)
    publishing = asyncio.create_task(bus.publish(_message("one")))
    await quick_is_through.wait()
    assert not publishing.done()
    release.set()
    await publishing
    assert seen == ["quick one", "slow one"]


async def test_a_handler_that_fails_is_a_bus_that_is_not_there(bus: LocalBus) -> None:
    tries = list[str]()

    async def fails_once(messages: Sequence[BusMessage]) -> None:
        tries.append(messages[0].body.decode())
        if len(tries) == 1:
            raise RuntimeError("the database is away")

    await bus.subscribe(TOPIC, "webhooks", fails_once)
    with pytest.raises(BusUnavailable, match="webhooks could not handle it"):
        await bus.publish(_message("one"))
    await bus.publish(_message("one"))
    assert tries == ["one", "one"]


async def test_what_a_handler_will_never_take_is_refused_and_the_next_goes_on(bus: LocalBus) -> None:
    async def refuse_first(messages: Sequence[BusMessage]) -> None:
        if messages[0].body == b"1":
            raise MessageRefused("no room for it")
        taken.append(messages[0].body)

    taken: list[bytes] = []
    await bus.subscribe("stock", "webhooks", refuse_first)
    with pytest.raises(MessageRefused, match="no room"):
        await bus.publish(BusMessage("stock", b"1", "store"))
    await bus.publish(BusMessage("stock", b"2", "store"))
    assert taken == [b"2"]


async def test_publishers_of_one_group_wait_for_one_another_in_turn(bus: LocalBus) -> None:
    seen, running = list[str](), list[str]()

    async def handle(messages: Sequence[BusMessage]) -> None:
        assert not running
        running.append("")
        await asyncio.sleep(0)
        running.clear()
        seen.append(messages[0].body.decode())

    await bus.subscribe(TOPIC, "gateway", handle)
    await asyncio.gather(*(bus.publish(_message(str(number))) for number in range(50)))
    assert seen == [str(number) for number in range(50)]
    assert not bus._topics[TOPIC]["gateway"]._groups


async def test_a_group_of_messages_stays_with_one_member(bus: LocalBus) -> None:
    seen: list[dict[str, int]] = [{}, {}, {}]

    async def handle(number: int, messages: Sequence[BusMessage]) -> None:
        group = messages[0].group
        seen[number][group] = seen[number].get(group, 0) + 1

    for number in range(3):
        await bus.subscribe(TOPIC, "gateway", lambda messages, number=number: handle(number, messages))
    for _ in range(4):
        for group in range(60):
            await bus.publish(_message("one", f"6.sesame/{group}"))
    assert all(seen)
    assert sum(map(len, seen)) == 60
    assert {count for member in seen for count in member.values()} == {4}


async def test_closing_waits_for_what_runs_and_takes_no_more(bus: LocalBus) -> None:
    release, handled = asyncio.Event(), list[bytes]()

    async def handle(messages: Sequence[BusMessage]) -> None:
        await release.wait()
        handled.append(messages[0].body)

    await bus.subscribe(TOPIC, "gateway", handle)
    publishing = asyncio.create_task(bus.publish(_message("one")))
    await asyncio.sleep(0)
    closing = asyncio.create_task(bus.close())
    await asyncio.sleep(0)
    assert not closing.done()
    with pytest.raises(BusUnavailable):
        await bus.publish(_message("two"))
    release.set()
    await asyncio.gather(publishing, closing)
    assert handled == [b"one"]


async def test_a_subscription_that_closes_is_called_no_more(bus: LocalBus) -> None:
    seen = list[bytes]()

    async def handle(messages: Sequence[BusMessage]) -> None:
        seen.append(messages[0].body)

    subscription = await bus.subscribe(TOPIC, "gateway", handle)
    await bus.publish(_message("one"))
    await subscription.close()
    await bus.publish(_message("two"))
    assert seen == [b"one"]


async def test_delayed_messages_that_are_not_due_end_with_the_bus(bus: LocalBus) -> None:
    seen, is_due = list[bytes](), asyncio.Event()

    async def handle(messages: Sequence[BusMessage]) -> None:
        seen.append(messages[0].body)
        is_due.set()

    await bus.subscribe(TOPIC, "timers", handle)
    now = time.time_ns() // 1_000_000
    await bus.publish(_message("far", "", deliver_at=now + 3_600_000))
    await bus.publish(_message("due", "", deliver_at=now - 1))
    await is_due.wait()
    await bus.close()
    assert seen == [b"due"]
    assert not bus._delayed


@pytest.mark.parametrize(
    "message",
    [
        BusMessage("no such topic!", b"{}"),
        BusMessage(TOPIC, b""),
        BusMessage(TOPIC, b"x" * (4 * 1024 * 1024 + 1)),
        BusMessage(TOPIC, b"{}", "6.sesame/\x01"),
        BusMessage(TOPIC, b"{}", key="a\nb"),
        BusMessage(TOPIC, b"{}", "x" * 256),
        BusMessage(TOPIC, b"{}", "6.sesame/1", deliver_at=1),
    ],
    ids=["topic", "no body", "too large", "group", "key", "long group", "delay and order"],
)
async def test_what_no_bus_takes_is_refused(bus: LocalBus, message: BusMessage) -> None:
    with pytest.raises(MessageRefused):
        await bus.publish(message)


async def test_who_hangs_keeps_the_message_from_nobody(bus: LocalBus) -> None:
    heard = list[str]()
    is_stuck = False

    async def hangs(_: Sequence[BusMessage]) -> None:
        if is_stuck:
            await asyncio.Event().wait()

    async def hears(messages: Sequence[BusMessage]) -> None:
        await asyncio.sleep(0)  # it is the slower one, as long as all is well
        heard.extend(message.body.decode() for message in messages)

    await bus.subscribe(TOPIC, "webhooks", hangs)
    await bus.subscribe(TOPIC, "gateway", hears)
    await bus.publish(_message("one"))
    is_stuck = True
    for body in ("two", "three"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await bus.publish(_message(body))
        await asyncio.sleep(0.001)
    assert heard == ["one", "two", "three"]


async def test_who_is_quick_does_not_wait_for_who_is_slow(bus: LocalBus) -> None:
    order = list[str]()

    async def slowly(_: Sequence[BusMessage]) -> None:
        await asyncio.sleep(0.002)
        order.append("slow")

    async def at_once(_: Sequence[BusMessage]) -> None:
        order.append("quick")

    await bus.subscribe(TOPIC, "webhooks", slowly)
    await bus.subscribe(TOPIC, "gateway", at_once)
    for number in range(3):
        await bus.publish(_message(f"{number}"))
    assert order == ["quick", "slow"] * 3


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
async def test_what_one_refuses_comes_again_while_another_can_t_take_it(bus: LocalBus, names: tuple[str, str]) -> None:
    heard = list[str]()

    async def fails(_: Sequence[BusMessage]) -> None:
        heard.append("fails")
        raise RuntimeError("not now")

    async def refuses(_: Sequence[BusMessage]) -> None:
        heard.append("refuses")
        raise MessageRefused("never")

    for name in names:
        await bus.subscribe(TOPIC, name, fails if name == "a" else refuses)
    for _ in range(2):
        with pytest.raises(BusUnavailable):
            await bus.publish(_message("one"))
    assert sorted(heard) == ["fails", "fails", "refuses", "refuses"]
