"""The bus on RocketMQ: one producer for this process, a consumer for each subscription."""

import asyncio
import logging
from collections.abc import Iterable

from eightysix.sync.bus import Bus, BusMessage, BusUnavailable, Handler, Subscription
from eightysix.sync.topics import TOPICS, Kind, Topic

from .administration import Administration, OwnGroup, group_name
from .client import REQUEST_SECONDS, load
from .consumer import Consumer
from .follower import Follower
from .producer import Producer

_log = logging.getLogger(__name__)

DELAY_SECONDS_MAX = 48 * 3600.0
"""The proxy's maxDelayTimeMills of deploy/rocketmq."""


class RocketMQ(Bus):
    """`endpoints` are the proxies (`host:port;host:port`). With `name_servers`, topics and groups that are missing are
    made; without, `topics` must be there already. Raises LibraryMissing."""

    def __init__(
        self,
        endpoints: str,
        name_servers: str = "",
        topics: Iterable[Topic] = TOPICS,
        delay_seconds_max: float = DELAY_SECONDS_MAX,
    ) -> None:
        library = load()
        self._library = library
        self._configuration = library.top.ClientConfiguration(
            endpoints, library.top.Credentials("", ""), request_timeout=REQUEST_SECONDS
        )
        self._administration = Administration(name_servers) if name_servers else None
        self._topics = {topic.name: topic for topic in topics}
        self._producer = Producer(library, self._configuration, delay_seconds_max)
        self._consumers: list[Consumer | Follower] = []
        self._closed = False

    async def set_up(self) -> None:
        """Make the topics and the durable groups. Raises RemotingFailed."""
        if self._administration is not None:
            await asyncio.to_thread(self._administration.set_up, self._topics.values())

    async def publish(self, message: BusMessage) -> None:
        """As the port says."""
        if self._closed:
            raise BusUnavailable("the bus is closed")
        await self._producer.publish(message)

    async def subscribe(self, topic: str, consumers: str, handle: Handler) -> Subscription:
        """Returns at once; messages come as soon as the broker is there.

        A group that isn't one of the topic's durable ones is made for this subscription, begins with what is published
        once it is there, and is deleted with it.
        """
        if self._closed:
            raise BusUnavailable("the bus is closed")
        known = self._topics.get(topic, Topic(topic, Kind.FIFO))
        consumer: Consumer | Follower
        if consumers not in known.consumers and self._administration is not None:
            consumer = Follower(OwnGroup(self._administration, topic, consumers, known.kind), handle)
        else:
            consumer = Consumer(self._library, self._configuration, topic, group_name(topic, consumers), handle)
        consumer.start()
        self._consumers.append(consumer)
        return consumer

    async def close(self) -> None:
        """Everything published is out or has failed, no handler runs any more."""
        self._closed = True
        await asyncio.gather(*(consumer.close() for consumer in self._consumers))
        await self._producer.close()
