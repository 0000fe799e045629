"""Publishes: a request a message, many groups side by side, one message of a group at a time (by the port's rule).

The library finds routes and keeps the connection. Its `send` isn't used: it tries three times at once and then fails,
tries again what is no use, and where it can't begin a try it leaves its caller waiting for ever. Who publishes tries
again, with pauses.
"""

import asyncio
import hashlib
import itertools
import time
from collections.abc import Sequence
from typing import Any

from eightysix.sync.bus import BusMessage, BusUnavailable, MessageRefused
from eightysix.sync.refusal import refuse

from .bridge import Bridge
from .client import REQUEST_SECONDS, Library, in_thread, sign_seldom
from .envelope import transported

_IN_FLIGHT_MAX = 128
"""Messages on their way to the broker; more than that only wait for one another, some until the request's deadline."""

_CALL_SECONDS = 4.0 * REQUEST_SECONDS
_SHUTDOWN_SECONDS = 5.0


class Producer:
    """One for all topics. `delay_seconds_max` is the broker's: a message that is due later is refused."""

    def __init__(self, library: Library, configuration: Any, delay_seconds_max: float) -> None:
        self._library = library
        self._producer = library.top.Producer(configuration)
        sign_seldom(self._producer)
        self._delay_seconds_max = delay_seconds_max
        self._slots = asyncio.Semaphore(_IN_FLIGHT_MAX)
        self._finding = asyncio.Lock()
        self._routed: set[str] = set()
        self._turn = itertools.count()
        self._bridge: Bridge | None = None

    async def publish(self, message: BusMessage) -> None:
        """As the port says."""
        refuse(message)
        if message.deliver_at is not None and message.deliver_at / 1000 - time.time() > self._delay_seconds_max:
            raise MessageRefused(f"due in more than {self._delay_seconds_max:.0f} s, the most that the broker takes")
        async with self._slots:
            if message.topic not in self._routed:
                await self._find(message.topic)
            try:
                answered = await self._send(message)
                self._library.check(answered.status)
            except BusUnavailable:
                raise
            except Exception as error:
                raise self._fault(error) from error

    async def close(self) -> None:
        """What is on its way arrives, or fails, first."""
        for _ in range(_IN_FLIGHT_MAX):
            await self._slots.acquire()
        for _ in range(_IN_FLIGHT_MAX):
            self._slots.release()
        if self._producer.is_running:
            try:
                await in_thread(self._producer.shutdown, _SHUTDOWN_SECONDS)
            except Exception:  # noqa: BLE001 - the broker needn't be there for us to end
                return

    async def _find(self, topic: str) -> None:
        """Its start succeeds without a broker, so that a topic can be had shows when its route is asked for."""
        async with self._finding:
            if topic in self._routed:
                return
            try:
                if not self._producer.is_running:
                    await in_thread(self._producer.startup, _CALL_SECONDS)
                    self._bridge = Bridge(self._producer._rpc_channel_io_loop())  # noqa: SLF001 - its channels' loop
                await in_thread(lambda: self._producer._retrieve_topic_route_data(topic), _CALL_SECONDS)  # noqa: SLF001
            except Exception as error:
                raise BusUnavailable(f"no route to topic {topic}: {error}") from error
            self._routed.add(topic)

    async def _send(self, message: BusMessage) -> Any:
        group, properties = transported(message)
        kinds = self._library.wire.MessageType
        kind = kinds.FIFO if group else kinds.NORMAL if message.deliver_at is None else kinds.DELAY
        route = self._producer._retrieve_topic_route_data(message.topic)  # noqa: SLF001 - it is there: from memory
        queue = self._queue(route.message_queues, group)
        if queue is None or kind not in queue.accept_message_types:
            raise BusUnavailable(f"topic {message.topic} is not what `eightysix bus-setup` makes it")
        request = self._library.wire.SendMessageRequest()
        made = request.messages.add()
        made.topic.name, made.body = message.topic, message.body
        made.user_properties.update(properties)
        system = made.system_properties
        system.message_id, system.message_type = self._library.message_id(), kind
        system.body_encoding = self._library.wire.Encoding.IDENTITY
        system.born_timestamp.GetCurrentTime()
        system.born_host = self._library.born_host
        if message.key:
            system.keys.append(message.key)
        if group:
            system.message_group = group
        if message.deliver_at is not None:
            system.delivery_timestamp.FromMilliseconds(message.deliver_at)
        if self._bridge is None:
            raise BusUnavailable("no connection yet")
        return await self._bridge.run(self._request(queue.endpoints, request))

    async def _request(self, endpoints: Any, request: Any) -> Any:
        """On the library's loop."""
        channel = self._producer.rpc_client.retrieve_or_create_channel(endpoints)
        return await channel.async_stub.SendMessage(request, metadata=self._producer.sign(), timeout=REQUEST_SECONDS)

    def _queue(self, queues: Sequence[Any], group: str) -> Any:
        """Every producer must send a group to the same queue; this is how the library chooses."""
        open_ones = [queue for queue in queues if queue.is_writable() and queue.is_master_broker()]
        if not open_ones:
            return None
        number = int.from_bytes(hashlib.sha256(group.encode()).digest(), "big") if group else next(self._turn)
        return open_ones[number % len(open_ones)]

    def _fault(self, error: Exception) -> Exception:
        faults = self._library.faults
        refusals = (
            faults.BadRequestException,
            faults.PayloadTooLargeException,
            faults.PayloadEmptyException,
            faults.RequestHeaderFieldsTooLargeException,
        )
        if isinstance(error, refusals):
            return MessageRefused(str(error))
        return BusUnavailable(f"{type(error).__name__}: {error}")
