"""Follows a topic as a group of one, from its end on: what a gateway needs.

Nobody shares with it and nobody goes on where it stopped, so it claims and acknowledges nothing: it reads each queue
from where it is, over the remoting protocol, up to 32 messages an answer. By the client library each message is an
answer of its own, and costs as much as publishing it.
"""

import asyncio
import itertools
import json
import logging
import struct
from collections.abc import Sequence
from typing import Any

from eightysix.sync.bus import BusMessage, Handler, Subscription

from .administration import OwnGroup, Queue, group_name
from .client import REQUEST_SECONDS, in_thread
from .remoting import LENGTHS, RemotingFailed, framed, lengths
from .stored import messages_of

_log = logging.getLogger(__name__)

_PULL = 11
_FOUND, _NOTHING, _AT_ONCE, _ELSEWHERE = 0, 19, 20, 21
_HELD_AND_SUBSCRIBED = 2 | 4
"""The broker holds a request for which there is nothing, and takes from it what we subscribe to."""

_BATCH = 32
"""The most that a broker gives out at once, unless told otherwise."""

_POLL_SECONDS = 15
_ROUTE_SECONDS = 10.0
_CALL_SECONDS = 4.0 * REQUEST_SECONDS
_AGAIN_SECONDS = 0.5
_HANDLER_PAUSES = (0.05, 0.2, 1.0)
"""Between the tries of a handler that fails, in seconds; the last of them again and again."""


class Follower(Subscription):
    """From `start` to `close`. Without a broker it waits for one."""

    def __init__(self, own: OwnGroup, handle: Handler) -> None:
        self._own = own
        self._handle = handle
        self._readers: dict[Queue, asyncio.Task[None]] = {}
        self._running: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._is_made = False

    def start(self) -> None:
        """Begin, in the background."""
        self._running = asyncio.create_task(self._run(), name=f"follower {self._own.consumers}")

    async def close(self) -> None:
        """No more calls of the handler; those running come to their end."""
        self._closing.set()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(*self._readers.values(), return_exceptions=True)
        if self._is_made:
            try:
                await in_thread(self._own.delete, _CALL_SECONDS)
            except (OSError, TimeoutError) as error:  # the broker needn't be there for us to end
                _log.debug("%s didn't end in good order: %r", self._own.consumers, error)

    async def _run(self) -> None:
        """A reader for each queue that there is, from its end, and for each that comes, from its beginning."""
        is_first = True
        while True:
            try:
                if not self._is_made:
                    await in_thread(self._own.make, _CALL_SECONDS)
                    self._is_made = True
                ends = await in_thread(self._own.ends, _CALL_SECONDS)
            except (OSError, TimeoutError) as error:
                _log.log(logging.INFO if is_first else logging.DEBUG, "no route to %s: %r", self._own.topic, error)
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            for queue, end in ends.items():
                if queue not in self._readers:
                    reading = self._read(queue, end if is_first else 0)
                    self._readers[queue] = asyncio.create_task(reading, name=f"{self._own.consumers} {queue}")
            is_first = is_first and not ends
            await asyncio.sleep(_ROUTE_SECONDS)

    async def _read(self, queue: Queue, place: int) -> None:
        """Read and handle until it closes."""
        while not self._closing.is_set():
            connection = _Connection()
            try:
                await connection.open(queue.broker)
                while not self._closing.is_set():
                    place = await self._read_some(connection, queue, place)
            except (OSError, EOFError, TimeoutError, ValueError, KeyError, struct.error) as error:
                _log.debug("%s can't read: %r", self._own.consumers, error)
            except Exception:  # noqa: BLE001 - a bug must not end the reading
                _log.exception("%s can't read %s", self._own.consumers, queue)
            finally:
                connection.close()
            await self._pause(_AGAIN_SECONDS)

    async def _read_some(self, connection: "_Connection", queue: Queue, place: int) -> int:
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
        asked = asyncio.ensure_future(connection.ask(_PULL, fields))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            async with asyncio.timeout(_POLL_SECONDS + REQUEST_SECONDS):
                await asyncio.wait((asked, closing), return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                return place
            header, body = asked.result()
        finally:
            asked.cancel()
            closing.cancel()
        if header["code"] not in {_FOUND, _NOTHING, _AT_ONCE, _ELSEWHERE}:
            raise RemotingFailed(f"{queue}: {header['code']} {header.get('remark')}")
        if header["code"] == _FOUND:
            await self._consume(list(messages_of(body)))
        return int(header["extFields"]["nextBeginOffset"])

    async def _consume(self, messages: Sequence[BusMessage]) -> None:
        """The groups side by side, each in its order."""
        lanes: dict[object, list[BusMessage]] = {}
        for message in messages:
            lanes.setdefault(message.group or object(), []).append(message)
        await asyncio.gather(*map(self._handled, lanes.values()))

    async def _handled(self, lane: Sequence[BusMessage]) -> None:
        """Again and again, until it is, or it closes."""
        for pause in itertools.chain(_HANDLER_PAUSES, itertools.repeat(_HANDLER_PAUSES[-1])):
            try:
                await self._handle(lane)
            except Exception as error:  # noqa: BLE001 - a handler's failure, whatever it is, is a redelivery
                _log.warning("%s could not handle %d messages: %r", self._own.consumers, len(lane), error)
            else:
                return
            await self._pause(pause)
            if self._closing.is_set():
                return

    async def _pause(self, seconds: float) -> None:
        """Or until it closes."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return


class _Connection:
    """One request at a time."""

    def __init__(self) -> None:
        self._opaque = itertools.count(1)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        async with asyncio.timeout(REQUEST_SECONDS):
            self._reader, self._writer = await asyncio.open_connection(host, int(port))

    async def ask(self, code: int, fields: dict[str, str]) -> tuple[dict[str, Any], bytes]:
        if self._reader is None or self._writer is None:
            raise ConnectionError("not open")
        self._writer.write(framed(code, next(self._opaque), fields))
        rest, header = lengths(await self._reader.readexactly(LENGTHS))
        frame = await self._reader.readexactly(rest)
        return json.loads(frame[:header]), frame[header:]

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
