"""What RocketMQ does on top: it is killed and comes back, its members are killed, its topics may be missing."""

import asyncio
import contextlib
import logging
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from eightysix.sync.bus import BusMessage, BusUnavailable, MessageRefused
from eightysix.sync.rocketmq.rocketmq import RocketMQ
from eightysix.sync.topics import Kind, Topic
from tests.bus.stage import SECONDS, Inbox, RocketMQStage, publish
from tests.servers.fixtures import RocketMQServer
from tests.servers.server import free_port

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
    names = parse_qs(urlsplit(rocketmq_stage.url).query)["name_servers"][0]
    arguments = (urlsplit(rocketmq_stage.url).netloc, names, rocketmq_stage.topic)
    member = await asyncio.create_subprocess_exec(
        sys.executable, str(_MEMBER), *arguments, stdout=asyncio.subprocess.PIPE
    )
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


async def test_without_a_broker_it_says_so_and_ends_quickly() -> None:
    topic = Topic("stock", Kind.FIFO, ("gateway",))
    bus = RocketMQ(f"127.0.0.1:{free_port()}", "", [topic])
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
    with pytest.raises(MessageRefused, match="the most that the broker takes"):
        await bus.publish(BusMessage(rocketmq_stage.delayed_topic, b"{}", deliver_at=2**45))


def test_its_library_leaves_logging_and_the_home_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it comes, it makes a folder for its logs and configures logging anew."""
    monkeypatch.setenv("HOME", str(tmp_path))
    before = logging.getLogger().handlers[:]
    RocketMQ("127.0.0.1:1")
    assert logging.getLogger().handlers == before
    assert not logging.getLogger("rocketmq-python-client").handlers
    assert not list(tmp_path.iterdir())
