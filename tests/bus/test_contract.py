"""What every bus keeps: order within a group, nothing lost, and who publishes too much is held back."""

import asyncio
import contextlib
import time

import pytest

from eightysix.sync.bus import BusMessage, BusUnavailable, MessageRefused
from tests.bus.stage import SECONDS, Inbox, Stage, eventually, publish


async def test_each_group_s_messages_come_in_order(stage: Stage) -> None:
    bus, inbox = await stage.bus(), Inbox()
    await bus.subscribe(stage.topic, "gateway", inbox)
    groups = [f"6.sesame/{number}" for number in range(30)]
    await asyncio.gather(*(publish(bus, [stage.message(number, group) for number in range(20)]) for group in groups))
    await inbox.until_got(600)
    for group in groups:
        assert inbox.numbers(group) == list(range(20))


async def test_what_is_published_together_comes_in_its_order(stage: Stage) -> None:
    bus, inbox = await stage.bus(), Inbox()
    await bus.subscribe(stage.topic, "gateway", inbox)
    groups = [f"6.sesame/{number}" for number in range(5)]
    for group in groups:
        await publish(bus, [stage.message(number, group) for number in range(40)], at_once=8)
    await inbox.until_got(200)
    for group in groups:
        assert inbox.numbers(group) == list(range(40))


async def test_a_message_arrives_as_it_was(stage: Stage) -> None:
    """Ids of stores hold any printable characters, and two of them are longer than RocketMQ's groups."""
    bus, inbox = await stage.bus(), Inbox()
    await bus.subscribe(stage.topic, "gateway", inbox)
    sent = [
        BusMessage(stage.topic, bytes(range(256)), "6.芝麻香/店 1", "a key  with spaces"),
        BusMessage(stage.topic, "宫保鸡丁".encode(), f"64.{'a' * 64}/{'b' * 64}"),
        BusMessage(stage.topic, b"x" * 1_000_000, f"64.{'a' * 64}/{'c' * 64}", "键"),
    ]
    await publish(bus, sent)
    await inbox.until_got(len(sent))
    got = {message.body: message for message in inbox.got}
    assert [got[message.body] for message in sent] == sent


async def test_what_a_handler_failed_on_comes_again_and_its_order_stays(stage: Stage) -> None:
    failures = {b"3": 7, b"5": 1}

    def fail(message: BusMessage) -> None:
        if message.group == "failing" and failures.get(message.body, 0):
            failures[message.body] -= 1
            raise RuntimeError("the database is away")

    bus, inbox = await stage.bus(), Inbox(fail)
    await bus.subscribe(stage.topic, "gateway", inbox)
    await asyncio.gather(
        *(
            publish(bus, [stage.message(number, group) for number in range(10)])
            for group in ("failing", "fine", "other")
        )
    )
    await inbox.until_got(30)
    assert failures == {b"3": 0, b"5": 0}
    for group in ("failing", "fine", "other"):
        assert inbox.numbers(group) == list(range(10))


async def test_what_a_handler_will_never_take_holds_up_nothing_else(stage: Stage) -> None:
    def refuse(message: BusMessage) -> None:
        if message.group == "odd" and message.body == b"3":
            raise MessageRefused("never")

    bus, inbox = await stage.bus(), Inbox(refuse)
    await bus.subscribe(stage.topic, "gateway", inbox)
    for number in range(6):
        for group in ("odd", "fine"):
            with contextlib.suppress(MessageRefused):  # where the publisher hears of it
                await publish(bus, [stage.message(number, group)])
    await inbox.until_got(11)
    assert inbox.numbers("odd") == [0, 1, 2, 4, 5]
    assert inbox.numbers("fine") == list(range(6))


async def test_each_group_of_consumers_gets_everything(stage: Stage) -> None:
    bus, gateway, webhooks = await stage.bus(), Inbox(), Inbox()
    await bus.subscribe(stage.topic, "gateway", gateway)
    await bus.subscribe(stage.topic, "webhooks", webhooks)
    await publish(bus, [stage.message(number) for number in range(50)])
    for inbox in (gateway, webhooks):
        await inbox.until_got(50)
        assert inbox.numbers("6.sesame/1") == list(range(50))


async def test_members_of_one_group_share(stage: Stage) -> None:
    inboxes = [Inbox(), Inbox()]
    for inbox in inboxes:
        await (await stage.bus()).subscribe(stage.topic, "gateway", inbox)
    bus = await stage.bus()
    groups = [f"6.sesame/{number}" for number in range(40)]
    rounds = 0
    async with asyncio.timeout(SECONDS):
        while rounds < 3 or not all(inbox.got for inbox in inboxes):
            await asyncio.gather(*(publish(bus, [stage.message(rounds, group)]) for group in groups))
            rounds += 1
    everything = {(group, number) for group in groups for number in range(rounds)}

    async def all_came() -> bool:
        return {(message.group, int(message.body)) for inbox in inboxes for message in inbox.got} == everything

    await eventually(all_came)
    for numbers in (inbox.numbers(group) for inbox in inboxes for group in groups):
        assert numbers == sorted(numbers)


async def test_who_handles_slowly_is_not_flooded(stage: Stage) -> None:
    bus, inbox = await stage.bus(), Inbox()
    inbox.open.clear()
    await bus.subscribe(stage.topic, "gateway", inbox)
    groups = [f"6.sesame/{number}" for number in range(400)]
    publishing = asyncio.gather(*(publish(bus, [stage.message(0, group), stage.message(1, group)]) for group in groups))
    if stage.persistent:
        await publishing
        await inbox.until(lambda: inbox.called > 0)
        assert inbox.called <= stage.unhandled_max
    else:
        await inbox.until(lambda: inbox.called == len(groups))
        assert not publishing.done()
    inbox.open.set()
    await publishing
    await inbox.until_got(800)


async def test_what_can_t_be_taken_is_refused_and_never_comes(stage: Stage) -> None:
    bus, inbox = await stage.bus(), Inbox()
    await bus.subscribe(stage.topic, "gateway", inbox)
    for refused in (
        BusMessage(stage.topic, b"x" * (4 * 1024 * 1024 + 1), "1"),
        BusMessage(stage.topic, b"", "1"),
        BusMessage(stage.topic, b"{}", "line\nbreak"),
        BusMessage(stage.topic, b"{}", " "),
        BusMessage(stage.topic, b"{}", "1", "  "),
        BusMessage(stage.topic, b"{}", "1", "bell\x07"),
        BusMessage(stage.topic, b"{}", "1", "separator\x01"),
        BusMessage(stage.topic, b"{}", "1" * 300),
        BusMessage("no topic", b"{}", "1"),
        BusMessage(stage.topic, b"{}", "1", deliver_at=int(time.time() * 1000) + 100),
    ):
        with pytest.raises(MessageRefused):
            await bus.publish(refused)
    largest = BusMessage(stage.topic, b"x" * (4 * 1024 * 1024), "1")
    await publish(bus, [largest])
    await inbox.until_got(1)
    assert [message.body == largest.body for message in inbox.firsts()] == [True]


async def test_a_delayed_message_is_never_early_and_little_late(stage: Stage) -> None:
    bus, late = await stage.bus(), dict[bytes, float]()
    inbox = Inbox(lambda message: late.setdefault(message.body, time.time() * 1000 - float(message.body)) and None)
    await bus.subscribe(stage.delayed_topic, "timers", inbox)
    now = int(time.time() * 1000)
    due = [now - 5_000, now, now + 1_500, now + 2_001, now + 3_999]
    for deliver_at in due:
        await publish(bus, [BusMessage(stage.delayed_topic, str(deliver_at).encode(), deliver_at=deliver_at)])
    await inbox.until_got(len(due))
    assert min(late.values()) >= 0
    assert max(milliseconds for body, milliseconds in late.items() if int(body) > now) < 10_000


async def test_closing_while_messages_flow_leaves_the_rest_to_others(stage: Stage) -> None:
    bus, first, second = await stage.bus(), Inbox(), Inbox()
    groups = [f"6.sesame/{number}" for number in range(40)]
    subscription = await bus.subscribe(stage.topic, "gateway", first)
    if not stage.persistent:
        await bus.subscribe(stage.topic, "gateway", second)
    publishing = asyncio.gather(*(publish(bus, [stage.message(n, group) for n in range(25)]) for group in groups))
    await first.until(lambda: len(first.got) > 50)
    await subscription.close()
    assert not +first.running
    handled = len(first.got)
    if stage.persistent:
        await (await stage.bus()).subscribe(stage.topic, "gateway", second)
    await publishing
    everything = {(group, number) for group in groups for number in range(25)}
    try:
        await second.until(lambda: {(m.group, int(m.body)) for m in (*first.got, *second.got)} == everything)
    finally:
        assert len(first.got) == handled
    for group in groups:
        assert second.numbers(group) == sorted(second.numbers(group))


async def test_a_closed_bus_takes_nothing(stage: Stage) -> None:
    bus, inbox = await stage.bus(), Inbox()
    await bus.subscribe(stage.topic, "gateway", inbox)
    await publish(bus, [stage.message(1)])
    await inbox.until_got(1)
    await bus.close()
    with pytest.raises(BusUnavailable):
        await bus.publish(stage.message(2))
    with pytest.raises(BusUnavailable):
        await bus.subscribe(stage.topic, "webhooks", inbox)
    assert len(inbox.firsts()) == 1


async def test_what_nobody_consumed_yet_is_kept_where_a_bus_keeps_it(stage: Stage) -> None:
    bus, inbox = await stage.bus(), Inbox()
    await publish(bus, [stage.message(number) for number in range(20)])
    await bus.close()
    if not stage.persistent:
        return
    await (await stage.bus()).subscribe(stage.topic, "gateway", inbox)
    await inbox.until_got(20)
    assert inbox.numbers("6.sesame/1") == list(range(20))
