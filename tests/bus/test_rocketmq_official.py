"""Other programs use RocketMQ's official client: what we publish comes to it whole and in order, and the reverse."""

import asyncio
import json
import os
import sys
from pathlib import Path

from eightysix.sync.bus import BusMessage
from eightysix.sync.bus_url import addresses
from eightysix.sync.rocketmq.administration import group_name
from tests.bus.stage import SECONDS, Inbox, RocketMQStage, publish

_OFFICIAL = Path(__file__).with_name("official.py")


async def _official(stage: RocketMQStage, home: Path, what: str, *arguments: str) -> str:
    """What it printed. The tests' servers have the proxy's port before the name server's."""
    host, _, port = addresses(stage.url).rpartition(":")
    command = (str(_OFFICIAL), what, f"{host}:{int(port) - 1}", stage.topic, *arguments)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(home)},
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    assert child.returncode == 0, err.decode()
    return out.decode()


async def test_it_gets_what_we_publish_in_order(rocketmq_stage: RocketMQStage, tmp_path: Path) -> None:
    bus, groups = await rocketmq_stage.bus(), [f"6.sesame/{number}" for number in range(20)]
    await asyncio.gather(*(publish(bus, [rocketmq_stage.message(n, group) for n in range(6)]) for group in groups))
    group = group_name(rocketmq_stage.topic, "webhooks")
    printed = await _official(rocketmq_stage, tmp_path, "receive", group, "120")
    got = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert all(set(each["keys"]) == {"key", each["body"]} for each in got)  # by which people look for it
    for group in groups:
        numbers = dict.fromkeys(int(each["body"]) for each in got if each["group"] == group)
        assert list(numbers) == list(range(6))


async def test_what_it_sends_comes_in_order(rocketmq_stage: RocketMQStage, tmp_path: Path) -> None:
    bus, inbox = await rocketmq_stage.bus(), Inbox()
    await bus.subscribe(rocketmq_stage.topic, "gateway", inbox)
    await _official(rocketmq_stage, tmp_path, "send", "20")
    await inbox.until_got(20)
    assert inbox.numbers("even") == list(range(0, 20, 2))
    assert inbox.numbers("odd") == list(range(1, 20, 2))
    assert inbox.got[0] == BusMessage(rocketmq_stage.topic, inbox.got[0].body, inbox.got[0].group)
