"""The bus on RocketMQ: one producer for this process, a consumer for each subscription."""

import asyncio
from collections.abc import Iterable

from eightysix.sync.bus import Bus, BusMessage, BusUnavailable, Handler, Subscription
from eightysix.sync.topics import TOPICS, Kind, Topic

from .administration import Administration, OwnGroup, group_name
from .consumer import Consumer
from .follower import Follower
from .producer import Producer
from .routes import Routes


class RocketMQ(Bus):
    """By its `name_servers` (`host:port;host:port`), on the event loop that runs. The brokers needn't be up yet."""

    at_once = 1

    def __init__(self, name_servers: str, topics: Iterable[Topic] = TOPICS) -> None:
        self._administration = Administration(name_servers)
        self._routes = Routes(name_servers)
        self._topics = {topic.name: topic for topic in topics}
        self._producer = Producer(self._routes)
        self._consumers: list[Consumer | Follower] = []
        self._closed = False

    async def set_up(self) -> None:
        """Make the topics and the durable groups. Raises RemotingFailed."""
        await asyncio.to_thread(self._administration.set_up, self._topics.values())

    async def publish(self, *messages: BusMessage) -> None:
        """As the port says."""
        for message in messages:
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
        if consumers in known.consumers:
            group, in_order = group_name(topic, consumers), known.kind is Kind.FIFO
            consumer = Consumer(self._routes, topic, group, handle, in_order=in_order)
        else:
            consumer = Follower(self._routes, OwnGroup(self._administration, topic, consumers, known.kind), handle)
        consumer.start()
        self._consumers.append(consumer)
        return consumer

    async def close(self) -> None:
        """Everything published is out or has failed, no handler runs any more."""
        self._closed = True
        await asyncio.gather(*(consumer.close() for consumer in self._consumers))
        await self._producer.close()
