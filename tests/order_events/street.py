"""Where the order service and the stock service meet: a RocketMQ with topics of the test's own."""

import secrets
from collections.abc import Sequence

from msgspec.structs import replace

from eightysix.sync.bus import Bus, BusMessage, Handler, Subscription
from eightysix.sync.bus_url import addresses
from eightysix.sync.order_events import CONSUMERS
from eightysix.sync.rocketmq.rocketmq import RocketMQ
from eightysix.sync.topics import Kind, Topic
from eightysix.wire.order_event import ANSWERS_TOPIC, EVENTS_TOPIC

ORDER_SERVICE = "order_service"


class Street:
    """The topics end in `mark`, so that tests that run at once don't meet."""

    def __init__(self, url: str, mark: str | None = None) -> None:
        self.url = url
        self.mark = mark or secrets.token_hex(4)

    async def bus(self) -> "Marked":
        """A bus as one process has it."""
        topics = (
            Topic(f"{EVENTS_TOPIC}_{self.mark}", Kind.FIFO, (CONSUMERS,)),
            Topic(f"{ANSWERS_TOPIC}_{self.mark}", Kind.FIFO, (ORDER_SERVICE,)),
        )
        bus = RocketMQ(addresses(self.url), topics)
        await bus.set_up()
        return Marked(bus, self.mark)


class Marked:
    """The bus, with the mark behind each topic."""

    def __init__(self, bus: Bus, mark: str) -> None:
        self._bus = bus
        self._mark = mark
        self.at_once = bus.at_once

    async def publish(self, *messages: BusMessage) -> None:
        await self._bus.publish(*(replace(each, topic=f"{each.topic}_{self._mark}") for each in messages))

    async def subscribe(self, topic: str, consumers: str, handle: Handler) -> Subscription:
        async def unmarked(messages: Sequence[BusMessage]) -> None:
            await handle([replace(message, topic=topic) for message in messages])

        return await self._bus.subscribe(f"{topic}_{self._mark}", consumers, unmarked)

    async def close(self) -> None:
        await self._bus.close()
