"""A connection to a name server or a broker on our event loop: any number of requests at a time, each with its answer.

An answer that doesn't come in time ends the connection, and with it all that waits: of a server that keeps silent
nothing better is to be expected.
"""

import asyncio
import itertools
import struct
from collections.abc import Mapping
from typing import Self

from .remoting import LENGTHS, REQUEST_SECONDS, Answer, RemotingFailed, answered, framed, lengths

_ANSWER = 1
"""In an answer's flag. What comes without it is the server's own request, of which none needs us."""


class Channel(asyncio.Protocol):
    """From `opened` to `close`, or until the server ends it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._loop = asyncio.get_running_loop()
        self._opaque = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.Future[Answer], asyncio.TimerHandle]] = {}
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()

    @classmethod
    async def opened(cls, address: str) -> Self:
        """A connection to `host:port`. Raises RemotingFailed."""
        host, _, port = address.rpartition(":")
        channel = cls(address)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await channel._loop.create_connection(lambda: channel, host, int(port))
        except (OSError, ValueError) as error:
            raise RemotingFailed(f"{address}: {error or 'no connection in time'}") from error
        return channel

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(
        self, code: int, fields: Mapping[str, str], body: bytes = b"", seconds: float = REQUEST_SECONDS
    ) -> "asyncio.Future[Answer]":
        """The answer, within `seconds`; the future raises RemotingFailed where none comes."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            future.set_exception(RemotingFailed(f"{self.address}: the connection is closed"))
            return future
        opaque = next(self._opaque)
        timer = self._loop.call_later(seconds, self._end, f"no answer in {seconds:.0f} s")
        self._waiting[opaque] = future, timer
        self._transport.write(framed(code, opaque, fields, body))
        return future

    def close(self) -> None:
        """End it, and what waits for an answer."""
        self._end("the connection was closed")

    # --- of asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = transport  # type: ignore[assignment]  # of a stream

    def data_received(self, data: bytes) -> None:
        """Answers, or pieces of them."""
        self._read += data
        at = 0
        try:
            while len(self._read) - at >= LENGTHS:
                rest, header = lengths(self._read, at)
                end = at + LENGTHS + rest
                if len(self._read) < end:
                    break
                self._told(answered(bytes(self._read[at + LENGTHS : end]), header))
                at = end
        except (ValueError, struct.error) as error:
            self._end(str(error))
        del self._read[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._end(str(exc or "the server has ended the connection"))

    # ---

    def _told(self, answer: Answer) -> None:
        if not answer.flag & _ANSWER:
            return
        future, timer = self._waiting.pop(answer.opaque, (None, None))
        if timer is not None:
            timer.cancel()
        if future is not None and not future.done():
            future.set_result(answer)

    def _end(self, reason: str) -> None:
        if self._transport is not None:
            self._transport.abort()
        waiting, self._waiting = self._waiting, {}
        for future, timer in waiting.values():
            timer.cancel()
            if not future.done():
                future.set_exception(RemotingFailed(f"{self.address}: {reason}"))
