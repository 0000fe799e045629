"""A reader for each queue that a topic has, and for each that comes, until all of them are closed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from eightysix.sync.bus import BusMessage, Handler, MessageRefused

from .remoting import Answer, RemotingFailed
from .routes import Queue

_log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.5
"""After a failure."""

BREATH_SECONDS = 0.05
"""After a batch, until its queue is asked again. What comes meanwhile comes together: a request costs more than what is
in its answer."""

HANDLER_PAUSES = (0.05, 0.2, 1.0)
"""Between the tries of a handler that fails, in seconds."""

_ROUTE_SECONDS = 10.0


async def hand_over(handle: Handler, messages: Sequence[BusMessage], whose: str) -> None:
    """Have messages of one group handled. One that the handler will never take is given up: it would hold up all that
    is behind it in its queue, for ever. Raises whatever else the handler raises."""
    try:
        await handle(messages)
    except MessageRefused as refused:
        if len(messages) == 1:
            _log.error("%s gives up the message %s of %s: %s", whose, messages[0].key, messages[0].topic, refused)
            return
        for each in messages:
            await hand_over(handle, [each], whose)


class Readers:
    """From `start` to `close`. Without a broker they wait for one.

    `queues` finds the queues, or raises RemotingFailed. `read` reads one of them until `is_closing`; its flag says
    whether the queue came after others were read already.
    """

    def __init__(
        self,
        name: str,
        queues: Callable[[], Awaitable[Sequence[Queue]]],
        read: Callable[[Queue, bool], Coroutine[Any, Any, None]],
    ) -> None:
        self._name = name
        self._queues = queues
        self._read = read
        self._readers: dict[Queue, asyncio.Task[None]] = {}
        self._running: asyncio.Task[None] | None = None
        self._closing = asyncio.get_running_loop().create_future()

    @property
    def is_closing(self) -> bool:
        """Whether reading is to end."""
        return self._closing.done()

    def start(self) -> None:
        """Begin, in the background."""
        self._running = asyncio.create_task(self._run(), name=f"readers of {self._name}")

    async def close(self) -> None:
        """Let all of them come to their end."""
        if not self._closing.done():
            self._closing.set_result(None)
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(*self._readers.values(), return_exceptions=True)

    async def answer(self, asked: "asyncio.Future[Answer]") -> Answer | None:
        """What a broker says; None where reading is to end before that."""
        await asyncio.wait((asked, self._closing), return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        asked.cancel()
        return None

    async def pause(self, seconds: float) -> None:
        """So long, or until reading is to end."""
        await asyncio.wait((self._closing,), timeout=seconds)

    async def _run(self) -> None:
        while True:
            try:
                queues = await self._queues()
            except RemotingFailed as error:
                level = logging.DEBUG if self._readers else logging.INFO
                _log.log(level, "no route for %s: %r", self._name, error)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            are_more = bool(self._readers)
            for queue in queues:
                if queue not in self._readers:
                    reading = self._read(queue, are_more)
                    self._readers[queue] = asyncio.create_task(reading, name=f"{self._name} {queue}")
            await asyncio.sleep(_ROUTE_SECONDS)
