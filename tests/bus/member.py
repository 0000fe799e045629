"""A member of a group of consumers in a process of its own, which says when it has something and never handles it."""

import asyncio
import sys
from collections.abc import Sequence

from eightysix.sync.bus import BusMessage
from eightysix.sync.rocketmq.rocketmq import RocketMQ
from eightysix.sync.topics import Kind, Topic


async def main(name_servers: str, topic: str) -> None:
    """Until it is killed."""
    bus = RocketMQ(name_servers, [Topic(topic, Kind.FIFO, ("gateway",))])

    async def hold(messages: Sequence[BusMessage]) -> None:
        assert messages
        sys.stdout.write("holds\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    await bus.subscribe(topic, "gateway", hold)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
