"""What RocketMQ does on top: it is killed and comes back, its members are killed, its topics may be missing."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path

import psutil
import pytest

from eightysix.sync.bus import BusMessage, BusUnavailable, MessageRefused
from eightysix.sync.bus_url import addresses
from eightysix.sync.rocketmq.administration import Administration
from eightysix.sync.rocketmq.claims import CLAIM_SECONDS
from eightysix.sync.rocketmq.remoting import Remoting
from eightysix.sync.rocketmq.rocketmq import RocketMQ
from eightysix.sync.rocketmq.routes import Routes
from eightysix.sync.topics import Kind, Topic
from tests.bus.stage import SECONDS, Inbox, RocketMQStage, eventually, publish
from tests.servers.fixtures import RocketMQServer
from tests.servers.server import free_port

_CONFIGURE = 25
_MEMBER = Path(__file__).with_name("member.py")


@pytest.mark.timeout(300)
async def test_nothing_is_lost_when_the_broker_is_killed(own_rocketmq: RocketMQServer) -> None:
    """`kill -9` amid publishing and consuming. What was published before and not consumed is there afterwards."""
    stage, seconds = RocketMQStage(own_rocketmq.url), 120.0  # a broker that starts on a busy machine takes its time
    try:
        bus, gateway, webhooks = await stage.bus(), Inbox(), Inbox()
        await bus.subscribe(stage.topic, "gateway", gateway)
        groups = [f"6.sesame/{number}" for number in range(20)]
        publishing = asyncio.gather(
            *(publish(bus, [stage.message(n, group) for n in range(60)], seconds) for group in groups)
        )
        await gateway.until(lambda: len(gateway.got) > 200)
        await asyncio.to_thread(own_rocketmq.kill)
        with pytest.raises(BusUnavailable):
            await bus.publish(stage.message(0, "while it is away"))
        await asyncio.to_thread(own_rocketmq.start)
        await publishing
        await (await stage.bus()).subscribe(stage.topic, "webhooks", webhooks)
        for inbox in (gateway, webhooks):
            for group in groups:
                await inbox.until(lambda inbox=inbox, group=group: len(inbox.numbers(group)) == 60, seconds)
                assert inbox.numbers(group) == list(range(60))
    finally:
        await stage.close()


@pytest.mark.timeout(300)
async def test_a_group_of_its_own_goes_on_where_it_was_when_the_broker_is_back(own_rocketmq: RocketMQServer) -> None:
    stage, seconds = RocketMQStage(own_rocketmq.url), 120.0
    try:
        bus, inbox = await stage.bus(), Inbox()
        await bus.subscribe(stage.topic, "gateway_9", inbox)
        number = 0
        while not inbox.got:
            await publish(bus, [stage.message(number)])
            number += 1
        first = inbox.numbers("6.sesame/1")[0]
        await asyncio.to_thread(own_rocketmq.kill)
        await asyncio.to_thread(own_rocketmq.start)
        await publish(bus, [stage.message(each) for each in range(number, number + 50)], seconds)
        await inbox.until(lambda: inbox.numbers("6.sesame/1")[-1] == number + 49, seconds)
        assert inbox.numbers("6.sesame/1") == list(range(first, number + 50))
    finally:
        await stage.close()


async def test_what_a_killed_member_had_in_hand_comes_to_another(rocketmq_stage: RocketMQStage) -> None:
    bus, inbox = await rocketmq_stage.bus(), Inbox()
    arguments = (str(_MEMBER), addresses(rocketmq_stage.url), rocketmq_stage.topic)
    member = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert member.stdout is not None
    try:
        await publish(bus, [rocketmq_stage.message(number) for number in range(3)])
        async with asyncio.timeout(SECONDS):
            assert await member.stdout.readline() == b"holds\n"
        await bus.subscribe(rocketmq_stage.topic, "gateway", inbox)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(member.pid).kill()
        await member.wait()
    await inbox.until_got(3)
    assert inbox.numbers("6.sesame/1") == [0, 1, 2]


async def test_a_group_that_is_not_a_durable_one_is_made_when_it_is_asked_for(rocketmq_stage: RocketMQStage) -> None:
    bus, inbox = await rocketmq_stage.bus(), Inbox()
    await bus.subscribe(rocketmq_stage.topic, "gateway_7", inbox)
    async with asyncio.timeout(SECONDS):
        number = 0
        while not inbox.got:
            await publish(bus, [rocketmq_stage.message(number)])
            number += 1


async def test_a_group_of_its_own_begins_with_what_comes_next_in_order(rocketmq_stage: RocketMQStage) -> None:
    """Also of a topic whose first message the broker still has in memory: a gateway would be told old news first."""
    bus, inbox = await rocketmq_stage.bus(), Inbox()
    await publish(bus, [rocketmq_stage.message(number) for number in range(50)])
    await bus.subscribe(rocketmq_stage.topic, "gateway_8", inbox)
    number = 50
    async with asyncio.timeout(SECONDS):
        while not inbox.got:
            await publish(bus, [rocketmq_stage.message(number)])
            number += 1
    await publish(bus, [rocketmq_stage.message(each) for each in range(number, number + 100)])
    await inbox.until(lambda: inbox.numbers("6.sesame/1")[-1] == number + 99)
    numbers = inbox.numbers("6.sesame/1")
    assert numbers[0] >= 50
    assert numbers == list(range(numbers[0], number + 100))


async def test_a_delayed_message_that_could_not_be_handled_comes_again_until_it_is(
    rocketmq_stage: RocketMQStage,
) -> None:
    """What is given back of a topic without an order, the broker gives out by another topic."""
    left = 12

    def fail(message: BusMessage) -> None:
        nonlocal left
        if message.body == b"bad" and left:
            left -= 1
            raise RuntimeError("the database is away")

    bus, inbox = await rocketmq_stage.bus(), Inbox(fail)
    await bus.subscribe(rocketmq_stage.delayed_topic, "timers", inbox)
    due = int(time.time() * 1000)
    for body in (b"bad", b"good"):
        await publish(bus, [BusMessage(rocketmq_stage.delayed_topic, body, deliver_at=due)])
    await inbox.until_got(2)
    assert left == 0
    administration = Administration(addresses(rocketmq_stage.url))

    async def is_done() -> bool:
        return not await asyncio.to_thread(administration.lag, rocketmq_stage.delayed_topic, "timers")

    await eventually(is_done)
    await asyncio.sleep(CLAIM_SECONDS + 2)  # it would come again by then
    assert [message.body for message in inbox.got] == [b"good", b"bad"]


async def test_without_a_broker_it_says_so_and_ends_quickly() -> None:
    topic = Topic("stock", Kind.FIFO, ("gateway",))
    bus = RocketMQ(f"127.0.0.1:{free_port()}", [topic])
    await bus.subscribe("stock", "gateway", Inbox())
    with pytest.raises(BusUnavailable, match="no route"):
        await bus.publish(BusMessage("stock", b"{}", "1"))
    async with asyncio.timeout(20):
        await bus.close()


async def test_a_missing_topic_is_no_fault_of_the_message(rocketmq_stage: RocketMQStage) -> None:
    bus = await rocketmq_stage.bus()
    with pytest.raises(BusUnavailable, match="no route"):
        await bus.publish(BusMessage("nobody_made_it", b"{}", "1"))


async def test_a_topic_of_another_kind_is_no_fault_of_the_message(rocketmq_stage: RocketMQStage) -> None:
    bus = await rocketmq_stage.bus()
    with pytest.raises(BusUnavailable, match="bus-setup"):
        await bus.publish(BusMessage(rocketmq_stage.delayed_topic, b"{}", "1"))


async def test_what_is_due_after_the_broker_s_longest_delay_is_refused(rocketmq_stage: RocketMQStage) -> None:
    bus = await rocketmq_stage.bus()
    with pytest.raises(MessageRefused, match="timer message illegal"):
        await bus.publish(BusMessage(rocketmq_stage.delayed_topic, b"{}", deliver_at=2**45))


async def test_a_durable_group_begins_with_the_oldest_message_of_an_old_topic_too(
    rocketmq_stage: RocketMQStage,
) -> None:
    """Asked in the way of the proxy, a broker begins with the last message of a queue, once it has the first one no
    longer in memory. Here it is told not to look whether it has."""
    bus, inbox = await rocketmq_stage.bus(), Inbox()
    await publish(bus, [rocketmq_stage.message(number) for number in range(20)])
    queue = (await Routes(addresses(rocketmq_stage.url)).find(rocketmq_stage.topic)).readable[0]
    with Remoting(queue.address) as broker:
        broker.call(_CONFIGURE, body=b"initPopOffsetByCheckMsgInMem=false")
        try:
            await bus.subscribe(rocketmq_stage.topic, "gateway", inbox)
            await inbox.until_got(20)
        finally:
            broker.call(_CONFIGURE, body=b"initPopOffsetByCheckMsgInMem=true")
    assert inbox.numbers("6.sesame/1") == list(range(20))


async def test_a_name_server_that_is_away_is_passed_over(rocketmq_stage: RocketMQStage) -> None:
    topics = rocketmq_stage.topics
    bus, inbox = RocketMQ(f"127.0.0.1:{free_port()};{addresses(rocketmq_stage.url)}", topics), Inbox()
    await bus.set_up()
    await bus.subscribe(rocketmq_stage.topic, "gateway", inbox)
    await publish(bus, [rocketmq_stage.message(1)])
    await inbox.until_got(1)
    await bus.close()
