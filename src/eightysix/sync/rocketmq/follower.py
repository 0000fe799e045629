"""Follows a topic as a group of one, from its end on: what a gateway needs.

Nobody shares with it and nobody goes on where it stopped, so it claims and acknowledges nothing: it reads each queue
from where it is, up to 32 messages an answer.
"""

import asyncio
import itertools
import logging
import struct
from collections.abc import Sequence

from eightysix.sync.bus import BusMessage, Handler, Subscription

from .administration import OwnGroup, group_name
from .channel import Channel
from .readers import AGAIN_SECONDS, BREATH_SECONDS, HANDLER_PAUSES, Readers, hand_over
from .remoting import REQUEST_SECONDS, SUCCESS, RemotingFailed
from .routes import Queue, Routes
from .stored import stored

_log = logging.getLogger(__name__)

_PULL, _END = 11, 30
_NOTHING, _AT_ONCE, _ELSEWHERE = 19, 20, 21
_HELD_AND_SUBSCRIBED = 2 | 4
"""The broker holds a request for which there is nothing, and takes from it what we subscribe to."""

_BATCH = 32
"""The most that a broker gives out at once, unless told otherwise."""

_POLL_SECONDS = 15


class Follower(Subscription):
    """From `start` to `close`. Without a broker it waits for one."""

    def __init__(self, routes: Routes, own: OwnGroup, handle: Handler) -> None:
        self._routes = routes
        self._own = own
        self._handle = handle
        self._readers = Readers(own.consumers, self._queues, self._read)
        self._is_made = False

    def start(self) -> None:
        """Begin, in the background."""
        self._readers.start()

    async def close(self) -> None:
        """No more calls of the handler; those running come to their end."""
        await self._readers.close()
        if self._is_made:
            try:
                await asyncio.to_thread(self._own.delete)
            except RemotingFailed as error:  # the broker needn't be there for us to end
                _log.debug("%s didn't end in good order: %r", self._own.consumers, error)

    async def _queues(self) -> Sequence[Queue]:
        if not self._is_made:
            await asyncio.to_thread(self._own.make)
            self._is_made = True
        return (await self._routes.find(self._own.topic)).readable

    async def _read(self, queue: Queue, came_later: bool) -> None:  # noqa: FBT001 - as its readers call it
        """Read and handle until it closes: from the queue's end on, or from the beginning of one that came later."""
        place = 0 if came_later else None
        channel = None
        while not self._readers.is_closing:
            try:
                channel = await Channel.opened(queue.address)
                if place is None:
                    place = await self._end(channel, queue)
                while not self._readers.is_closing:
                    place = await self._read_some(channel, queue, place)
            except (OSError, ValueError, LookupError, struct.error) as error:
                _log.debug("%s can't read: %r", self._own.consumers, error)
            except Exception:  # noqa: BLE001 - a bug must not end the reading
                _log.exception("%s can't read %s", self._own.consumers, queue)
            finally:
                if channel is not None:
                    channel.close()
            await self._readers.pause(AGAIN_SECONDS)

    async def _end(self, channel: Channel, queue: Queue) -> int:
        answer = await channel.ask(_END, {"topic": self._own.topic, "queueId": str(queue.number), "committed": "true"})
        if answer.code != SUCCESS:
            raise RemotingFailed(f"{queue}: {answer.reason}")
        return int(answer.fields["offset"])

    async def _read_some(self, channel: Channel, queue: Queue, place: int) -> int:
        """What there is from a place on, or nothing after a while; the place after it."""
        fields = {
            "consumerGroup": group_name(self._own.topic, self._own.consumers),
            "topic": self._own.topic,
            "queueId": str(queue.number),
            "queueOffset": str(place),
            "maxMsgNums": str(_BATCH),
            "sysFlag": str(_HELD_AND_SUBSCRIBED),
            "commitOffset": "0",
            "suspendTimeoutMillis": str(_POLL_SECONDS * 1000),
            "subscription": "*",
            "subVersion": "0",
            "expressionType": "TAG",
        }
        answer = await self._readers.answer(channel.ask(_PULL, fields, seconds=_POLL_SECONDS + REQUEST_SECONDS))
        if answer is None:
            return place
        if answer.code not in {SUCCESS, _NOTHING, _AT_ONCE, _ELSEWHERE}:
            raise RemotingFailed(f"{queue}: {answer.reason}")
        if answer.code == SUCCESS:
            await self._consume([each.message for each in stored(answer.body)])
            await self._readers.pause(BREATH_SECONDS)
        return int(answer.fields["nextBeginOffset"])

    async def _consume(self, messages: Sequence[BusMessage]) -> None:
        """The groups side by side, each in its order."""
        lanes: dict[object, list[BusMessage]] = {}
        for message in messages:
            lanes.setdefault(message.group or object(), []).append(message)
        await asyncio.gather(*map(self._handled, lanes.values()))

    async def _handled(self, lane: Sequence[BusMessage]) -> None:
        """Again and again, until it is, or it closes."""
        for pause in itertools.chain(HANDLER_PAUSES, itertools.repeat(HANDLER_PAUSES[-1])):
            try:
                await hand_over(self._handle, lane, self._own.consumers)
            except Exception as error:  # noqa: BLE001 - a handler's failure, whatever it is, is a redelivery
                _log.warning("%s could not handle %d messages: %r", self._own.consumers, len(lane), error)
            else:
                return
            await self._readers.pause(pause)
            if self._readers.is_closing:
                return
