"""Consumes a topic for one group of consumers, a reader a queue, from the brokers.

Of a FIFO topic the broker gives out one batch of a queue at a time, to whichever member of the group asks, until all of
it is acknowledged. So a batch is what is received and unhandled at most, and the order holds across members and
processes. Within a batch the groups of messages are handled side by side, each in its order; then all is acknowledged
at once. While we have a batch we renew our claim to it.

A handler that fails is called again a few times here. Then the rest of its group goes back to the broker, which gives
it to whoever asks next. Nothing else of that queue moves meanwhile: who can't handle a message puts it aside itself, or
says MessageRefused.
"""

import asyncio
import logging
import secrets
import struct
from collections.abc import Sequence

from eightysix.sync.bus import Handler, Subscription

from .claims import CLAIM_SECONDS, Claims, Received
from .link import Link
from .readers import AGAIN_SECONDS, BREATH_SECONDS, HANDLER_PAUSES, Readers, hand_over
from .remoting import RemotingFailed
from .routes import Queue, Routes

_log = logging.getLogger(__name__)

_RENEW_SECONDS = 3.0
"""After which what is still in hand is claimed anew."""

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
        self._readers = Readers(group, self._queues, self._read)

    def start(self) -> None:
        """Begin, in the background."""
        self._readers.start()

    async def close(self) -> None:
        """No more calls of the handler; those running come to their end and are acknowledged."""
        await self._readers.close()
        for link in self._links.values():
            link.close()

    async def _queues(self) -> Sequence[Queue]:
        return (await self._routes.find(self._topic)).readable

    async def _read(self, queue: Queue, _came_later: bool) -> None:  # noqa: FBT001 - as its readers call it
        """Receive and handle until it closes. Asks again by the same name until an answer has come back."""
        attempt = secrets.token_hex(16)
        while not self._readers.is_closing:
            try:
                received = await self._receive(queue, attempt)
                attempt = secrets.token_hex(16)
                if received:
                    await self._consume(queue, received)
                    await self._readers.pause(BREATH_SECONDS)
            except (OSError, ValueError, LookupError, struct.error) as error:  # it comes back by itself
                _log.debug("%s can't receive: %r", self._group, error)
                await self._readers.pause(AGAIN_SECONDS)
            except Exception:  # noqa: BLE001 - a bug must not end the reading
                _log.exception("%s can't consume %s", self._group, queue)
                await self._readers.pause(AGAIN_SECONDS)

    async def _receive(self, queue: Queue, attempt: str) -> Sequence[Received]:
        """Nothing when we close: what was on its way then comes again, to another."""
        channel = await self._link(queue).opened()
        answer = await self._readers.answer(self._claims.receive(channel, queue, attempt))
        return () if answer is None else self._claims.received(queue, answer)

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
        for pause in (*HANDLER_PAUSES, None):
            try:
                await hand_over(self._handle, messages, self._group)
            except Exception as error:  # noqa: BLE001 - a handler's failure, whatever it is, is a redelivery
                _log.warning("%s could not handle %d messages: %r", self._group, len(messages), error)
            else:
                return True
            if pause is not None:
                await self._readers.pause(pause)
            if self._readers.is_closing:
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
                await self._readers.pause(AGAIN_SECONDS)
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
