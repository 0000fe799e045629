"""Consumes a topic for one group of consumers, a reader a queue, from the brokers.

Of a FIFO topic the broker gives out one batch of a queue at a time, to whichever member of the group asks, until all of
it is acknowledged. So a batch is what is received and unhandled at most, and the order holds across members and
processes. Within a batch the groups of messages are handled side by side, each in its order; then all is acknowledged
at once. While we have a batch we renew our claim to it.

A handler that fails is called again a few times here. Then the rest of its group goes back to the broker, which gives
it to whoever asks next. Nothing else of that queue moves meanwhile: who can't handle a message puts it aside itself.
"""

import asyncio
import logging
import secrets
import struct
from collections.abc import Sequence

from eightysix.sync.bus import Handler, Subscription

from .claims import CLAIM_SECONDS, Claims, Received
from .link import Link
from .remoting import RemotingFailed
from .routes import Queue, Routes

_log = logging.getLogger(__name__)

_RENEW_SECONDS = 3.0
"""After which what is still in hand is claimed anew."""

_AGAIN_SECONDS = 0.5
_BREATH_SECONDS = 0.05
"""After a batch, until its queue is asked again. What comes meanwhile comes together: a request costs more than what is
in its answer."""

_ROUTE_SECONDS = 10.0

_HANDLER_PAUSES = (0.05, 0.2, 1.0)
"""Between the tries of a handler that fails, in seconds."""

_ACKNOWLEDGE_TRIES = 4

_BACK_SECONDS = 1
"""After which the broker gives out what was given back."""


class Consumer(Subscription):
    """A member of a group of consumers, from `start` to `close`. Without a broker it waits for one."""

    def __init__(self, routes: Routes, topic: str, group: str, handle: Handler, *, in_order: bool) -> None:
        self._routes = routes
        self._topic = topic
        self._group = group
        self._handle = handle
        self._claims = Claims(topic, group, in_order=in_order)
        self._links: dict[str, Link] = {}
        self._readers: dict[Queue, asyncio.Task[None]] = {}
        self._running: asyncio.Task[None] | None = None
        self._closing = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Begin, in the background."""
        self._running = asyncio.create_task(self._run(), name=f"consumer {self._group}")

    async def close(self) -> None:
        """No more calls of the handler; those running come to their end and are acknowledged."""
        if not self._closing.done():
            self._closing.set_result(None)
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(*self._readers.values(), return_exceptions=True)
        for link in self._links.values():
            link.close()

    async def _run(self) -> None:
        """A reader for each queue that there is and for each that comes."""
        while True:
            try:
                queues = (await self._routes.find(self._topic)).readable
            except RemotingFailed as error:
                _log.log(logging.DEBUG if self._readers else logging.INFO, "no route to %s: %r", self._topic, error)
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            for queue in queues:
                if queue not in self._readers:
                    self._readers[queue] = asyncio.create_task(self._read(queue), name=f"{self._group} {queue}")
            await asyncio.sleep(_ROUTE_SECONDS)

    async def _read(self, queue: Queue) -> None:
        """Receive and handle until it closes. Asks again by the same name until an answer has come back."""
        attempt = secrets.token_hex(16)
        while not self._closing.done():
            try:
                received = await self._receive(queue, attempt)
                attempt = secrets.token_hex(16)
                if received:
                    await self._consume(queue, received)
                    await self._pause(_BREATH_SECONDS)
            except (OSError, ValueError, LookupError, struct.error) as error:  # it comes back by itself
                _log.debug("%s can't receive: %r", self._group, error)
                await self._pause(_AGAIN_SECONDS)
            except Exception:  # noqa: BLE001 - a bug must not end the reading
                _log.exception("%s can't consume %s", self._group, queue)
                await self._pause(_AGAIN_SECONDS)

    async def _receive(self, queue: Queue, attempt: str) -> Sequence[Received]:
        """Nothing when we close: what was on its way then comes again, to another."""
        channel = await self._link(queue).opened()
        receiving = self._claims.receive(channel, queue, attempt)
        await asyncio.wait((receiving, self._closing), return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done():
            receiving.cancel()
            return ()
        return self._claims.received(queue, receiving.result())

    def _link(self, queue: Queue) -> Link:
        link = self._links.get(queue.address)
        if link is None:
            link = self._links[queue.address] = Link(queue.address)
        return link

    async def _consume(self, queue: Queue, received: Sequence[Received]) -> None:
        lanes: dict[object, list[Received]] = {}
        for each in received:
            lanes.setdefault(each.message.group or each, []).append(each)
        renewing = asyncio.create_task(self._renew(queue, received), name=f"{self._group} claims")
        try:
            handled = await asyncio.gather(*map(self._handled, lanes.values()))
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        done, failed = list[Received](), list[Received]()
        for lane, is_done in zip(lanes.values(), handled, strict=True):
            (done if is_done else failed).extend(lane)
        await self._acknowledge(queue, done)
        await self._claim(queue, failed, _BACK_SECONDS)

    async def _handled(self, lane: Sequence[Received]) -> bool:
        messages = [received.message for received in lane]
        for pause in (*_HANDLER_PAUSES, None):
            try:
                await self._handle(messages)
            except Exception as error:  # noqa: BLE001 - a handler's failure, whatever it is, is a redelivery
                _log.warning("%s could not handle %d messages: %r", self._group, len(messages), error)
            else:
                return True
            if pause is not None:
                await self._pause(pause)
            if self._closing.done():
                break
        return False

    async def _acknowledge(self, queue: Queue, messages: Sequence[Received]) -> None:
        """What can't be acknowledged before our claim ends is delivered again."""
        if not messages:
            return
        for _ in range(_ACKNOWLEDGE_TRIES):
            try:
                await self._claims.acknowledge(await self._link(queue).opened(), messages)
            except RemotingFailed as error:
                _log.debug("%s can't acknowledge: %r", self._group, error)
                await self._pause(_AGAIN_SECONDS)
            else:
                return

    async def _renew(self, queue: Queue, messages: Sequence[Received]) -> None:
        """Keep them ours until cancelled."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            await self._claim(queue, messages, CLAIM_SECONDS)

    async def _claim(self, queue: Queue, messages: Sequence[Received], seconds: int) -> None:
        if not messages:
            return
        try:
            channel = await self._link(queue).opened()
            await asyncio.gather(*(self._claims.claim(channel, message, seconds) for message in messages))
        except RemotingFailed as error:  # then it ends by itself
            _log.debug("%s can't change a claim: %r", self._group, error)

    async def _pause(self, seconds: float) -> None:
        """Or until it closes."""
        await asyncio.wait((self._closing,), timeout=seconds)
