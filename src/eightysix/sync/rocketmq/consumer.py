"""Consumes a topic for one group of consumers, a reader a queue.

Of a FIFO topic the broker gives out one batch of a queue at a time, to whichever member of the group asks, until all of
it is acknowledged. So a batch is what is received and unhandled at most, and the order holds across members and
processes. Within a batch the groups of messages are handled side by side, each in its order; then all is acknowledged
at once. While we have a batch we renew our claim to it; the proxy can do so by itself, but goes on for minutes after a
member was killed.

A handler that fails is called again a few times here. Then the rest of its group goes back to the broker, which gives
it to whoever asks next. Nothing else of that queue moves meanwhile: who can't handle a message puts it aside itself.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import Any

from eightysix.sync.bus import Handler, Subscription

from .client import REQUEST_SECONDS, Library, in_thread, sign_seldom
from .requests import CLAIM_SECONDS, POLL_SECONDS, Received, Requests

_log = logging.getLogger(__name__)

_RENEW_SECONDS = 3.0
"""After which what is still in hand is claimed anew."""

_AGAIN_SECONDS = 0.5
_ROUTE_SECONDS = 10.0
_CALL_SECONDS = 4.0 * REQUEST_SECONDS
_SHUTDOWN_SECONDS = 5.0

_HANDLER_PAUSES = (0.05, 0.2, 1.0)
"""Between the tries of a handler that fails, in seconds."""

_ACKNOWLEDGE_TRIES = 4

_BACK_SECONDS = 1
"""After which the broker gives out what was given back."""


class Consumer(Subscription):
    """A member of a group of consumers, from `start` to `close`. Without a broker it waits for one."""

    def __init__(
        self,
        library: Library,
        configuration: Any,
        topic: str,
        group: str,
        handle: Handler,
    ) -> None:
        self._topic = topic
        self._group = group
        self._handle = handle
        subscribed = {topic: library.top.FilterExpression()}
        self._consumer = library.top.SimpleConsumer(configuration, group, subscribed, await_duration=POLL_SECONDS)
        sign_seldom(self._consumer)
        self._requests = Requests(library, self._consumer, topic, group)
        self._readers: dict[Any, asyncio.Task[None]] = {}
        self._receiving: set[asyncio.Task[list[Received]]] = set()
        self._running: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self.ready = asyncio.Event()
        """Set once every queue that the topic has is asked."""

    def start(self) -> None:
        """Begin, in the background."""
        self._running = asyncio.create_task(self._run(), name=f"consumer {self._group}")

    async def close(self) -> None:
        """No more calls of the handler; those running come to their end and are acknowledged."""
        self._closing.set()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        for receiving in tuple(self._receiving):
            receiving.cancel()
        await asyncio.gather(*self._readers.values(), return_exceptions=True)
        if not self._consumer.is_running:
            return
        try:
            await in_thread(self._consumer.shutdown, _SHUTDOWN_SECONDS)
        except Exception as error:  # noqa: BLE001 - the broker needn't be there for us to end
            _log.debug("%s didn't end in good order: %r", self._group, error)

    async def _run(self) -> None:
        """Start it, then a reader for each queue that there is and for each that comes."""
        while True:
            try:
                if not self._consumer.is_running:
                    await in_thread(self._consumer.startup, _CALL_SECONDS)
                route = await in_thread(lambda: self._consumer._retrieve_topic_route_data(self._topic), _CALL_SECONDS)  # noqa: SLF001
            except Exception as error:  # noqa: BLE001 - whatever it is, it may be over in a moment
                _log.log(logging.DEBUG if self._readers else logging.INFO, "no route to %s: %r", self._topic, error)
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            for queue in route.message_queues:
                if queue.is_readable() and queue.is_master_broker() and not self._is_read(queue):
                    self._readers[queue] = asyncio.create_task(self._read(queue), name=f"{self._group} {queue}")
            self.ready.set()
            await asyncio.sleep(_ROUTE_SECONDS)

    def _is_read(self, queue: Any) -> bool:
        """A reader that a bug has ended is replaced: its queue would stand still."""
        reader = self._readers.get(queue)
        if reader is None or not reader.done():
            return reader is not None
        _log.error("the reader of %s of %s ended and is replaced", queue, self._group, exc_info=_cause(reader))
        return False

    async def _read(self, queue: Any) -> None:
        """Receive and handle until it closes. Asks again by the same name until an answer has come back."""
        attempt = secrets.token_hex(16)
        while not self._closing.is_set():
            try:
                received = await self._receive(queue, attempt)
            except Exception as error:  # noqa: BLE001 - it comes back by itself once the broker is there
                _log.debug("%s can't receive: %r", self._group, error)
                self._requests.tell(queue, error)
                await self._pause(_AGAIN_SECONDS)
                continue
            attempt = secrets.token_hex(16)
            if received:
                await self._consume(queue, received)

    async def _receive(self, queue: Any, attempt: str) -> Sequence[Received]:
        """In a task of its own, which ends when we close. What was on its way then comes again, to another."""
        receiving = asyncio.create_task(self._requests.receive(queue, attempt), name=f"{self._group} receives")
        self._receiving.add(receiving)
        await asyncio.wait((receiving,))
        self._receiving.discard(receiving)
        return () if receiving.cancelled() else receiving.result()

    async def _consume(self, queue: Any, received: Sequence[Received]) -> None:
        lanes: dict[str, list[Received]] = {}
        for message in received:
            lanes.setdefault(message.lane, []).append(message)
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
            if self._closing.is_set():
                break
        return False

    async def _acknowledge(self, queue: Any, messages: Sequence[Received]) -> None:
        """What can't be acknowledged before our claim ends is delivered again."""
        left = messages
        for _ in range(_ACKNOWLEDGE_TRIES):
            if not left:
                return
            try:
                left = await self._requests.acknowledge(queue, left)
            except Exception as error:  # noqa: BLE001 - the broker is away
                _log.debug("%s can't acknowledge: %r", self._group, error)
                await self._pause(_AGAIN_SECONDS)

    async def _renew(self, queue: Any, messages: Sequence[Received]) -> None:
        """Keep them ours until cancelled."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            await self._claim(queue, messages, CLAIM_SECONDS)

    async def _claim(self, queue: Any, messages: Sequence[Received], seconds: int) -> None:
        answers = await asyncio.gather(
            *(self._requests.claim(queue, message, seconds) for message in messages), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, Exception):  # then it ends by itself
                _log.debug("%s can't change a claim: %r", self._group, answer)

    async def _pause(self, seconds: float) -> None:
        """Or until it closes."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return


def _cause(ended: "asyncio.Task[None]") -> BaseException | None:
    return None if ended.cancelled() else ended.exception()
