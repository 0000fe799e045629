"""A receiver of a stream on a socket of its own, which can stop reading, break off and resume."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import msgspec

WAIT_SECONDS = 20.0


class Event(msgspec.Struct, frozen=True):
    """One event; `data` is its JSON."""

    id: str
    event: str
    data: Any


class Refused(Exception):
    """The answer wasn't a stream."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body!r}")
        self.status = status
        self.code = msgspec.json.decode(body)["code"] if body else None


class Receiver:
    """Reads events of one stream and knows where it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = b""
        self.heartbeats = 0
        self.last_id: str | None = None
        self.ended = False

    @classmethod
    async def connect(cls, port: int, key: str, *, last_event_id: str | None = None, **query: str) -> "Receiver":
        """A stream of brand `fox` and store `s1`, or of what `query` says. Raises Refused."""
        asked = urlencode({"brandId": "fox", "poiId": "s1", **query})
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65_536)
        resume = "" if last_event_id is None else f"last-event-id: {last_event_id}\r\n"
        writer.write(
            f"GET /api/v1/poi/stock/stream?{asked} HTTP/1.1\r\nhost: 86\r\nauthorization: Bearer {key}\r\n"
            f"{resume}\r\n".encode()
        )
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)).lower()
        status = int(head.split(b" ", 2)[1])
        if status != 200:
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            writer.close()
            raise Refused(status, body)
        assert b"content-type: text/event-stream" in head
        return cls(reader, writer)

    async def next(self, seconds: float = WAIT_SECONDS) -> Event:
        """The next event; EOFError when the stream has ended, ConnectionError when it was cut."""
        async with asyncio.timeout(seconds):
            while True:
                text, found, rest = self._rest.partition(b"\n\n")
                if not found:
                    self._rest += await self._chunk()
                    continue
                self._rest = rest
                if text.startswith(b":"):
                    self.heartbeats += 1
                    continue
                fields = dict(line.split(": ", 1) for line in text.decode().split("\n"))
                self.last_id = fields["id"]
                return Event(fields["id"], fields["event"], msgspec.json.decode(fields["data"]))

    async def until(self, event: str, seconds: float = WAIT_SECONDS) -> list[Event]:
        """The events up to one of this name, which is the last of them."""
        found = []
        async with asyncio.timeout(seconds):
            while not found or found[-1].event != event:
                found.append(await self.next(seconds))
        return found

    async def events(self) -> AsyncIterator[Event]:
        """All until the end."""
        while True:
            try:
                yield await self.next()
            except (EOFError, ConnectionError):
                return

    async def beat(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait for a heartbeat."""
        before = self.heartbeats
        async with asyncio.timeout(seconds):
            while self.heartbeats == before:
                self._rest += await self._chunk()
                while self._rest.startswith(b":"):
                    self._rest = self._rest.partition(b"\n\n")[2]
                    self.heartbeats += 1

    def leave(self) -> None:
        """Break off, without a word."""
        self._writer.transport.abort()

    async def _chunk(self) -> bytes:
        line = await self._reader.readline()
        if not line:
            raise ConnectionError("cut")
        size = int(line, 16)
        chunk = await self._reader.readexactly(size + 2)
        if not size:
            self.ended = True
            raise EOFError
        return chunk[:-2]
