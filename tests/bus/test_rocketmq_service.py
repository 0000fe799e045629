"""The whole service on a RocketMQ: what a call changes reaches other programs on the broker, also after it was away."""

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest

from eightysix.sync.bus import BusMessage
from eightysix.sync.bus_url import open_bus, set_up_bus
from eightysix.wire.message import STOCK_TOPIC, StockMessage, decode_message
from tests.api.conftest import open_shop
from tests.api.shop import RICE
from tests.servers.rocketmq import RocketMQServer


class Listener:
    """Another program: how much rice it was last told of store s1, and how often."""

    def __init__(self) -> None:
        self.rice: list[object] = []
        self._told = asyncio.Event()

    async def __call__(self, messages: Sequence[BusMessage]) -> None:
        for message in map(decode_message, (each.body for each in messages)):
            if isinstance(message, StockMessage) and message.poi_id == "s1" and message.data.object_id == RICE:
                self.rice.append(message.data.real_quantity)
        self._told.set()

    async def until_told(self, real: int) -> None:
        async with asyncio.timeout(120):
            while real not in self.rice:
                await self._told.wait()
                self._told.clear()


@pytest.mark.timeout(300)
async def test_a_change_is_told_to_others_on_the_broker(own_rocketmq: RocketMQServer, tmp_path: Path) -> None:
    await asyncio.to_thread(set_up_bus, own_rocketmq.url)
    bus, listener = await open_bus(own_rocketmq.url), Listener()
    await bus.subscribe(STOCK_TOPIC, f"probe-{secrets.token_hex(4)}", listener)
    try:
        async with open_shop(tmp_path, bus_url=own_rocketmq.url) as shop:
            await shop.stock(RICE, 86)
            await listener.until_told(86)
            await asyncio.to_thread(own_rocketmq.kill)
            await shop.stock(RICE, 87)  # answered without a broker
            await asyncio.to_thread(own_rocketmq.start)
            await listener.until_told(87)
    finally:
        await bus.close()
    assert listener.rice.index(86) < listener.rice.index(87)
