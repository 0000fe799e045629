"""A real HTTP server on loopback that does as it is told: answers, hangs, breaks off, or never stops talking."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

HANG = -1
"""Never answer."""
BREAK = -2
"""Close the connection instead of answering."""
HUGE = -3
"""200, and a body without an end."""
DRIP = -4
"""200, and a body that never comes."""


class Request(msgspec.Struct):
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def about(self) -> tuple[str, str, int | None]:
        """(event, store, item)."""
        event = self.event
        return event["type"], event["data"].get("poiId", ""), event["data"].get("object_id")


class Receiver:
    """`answer` decides the status of each request, or one of the words above."""

    def __init__(self) -> None:
        self.received: list[Request] = []
        self.answer: Callable[[Request], int] = lambda _: 204
        self.location = ""
        self.connections = 0
        self.at_once = 0
        self.most_at_once = 0
        self.port = 0
        self.scheme = "http"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?shop=1"

    def say(self, status: int) -> None:
        """The same to everybody from now on."""
        self.answer = lambda _: status

    async def open(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.scheme = "http" if tls is None else "https"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self.received.append(request)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    if not await self._reply(request, writer):
                        return
                finally:
                    self.at_once -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _reply(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        status = self.answer(request)
        if status == BREAK:
            return False
        if status == HANG:
            await asyncio.Event().wait()
        if status in (HUGE, DRIP):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
            while status == HUGE:
                writer.write(b"x" * 65_536)
                await writer.drain()
            await asyncio.Event().wait()
        location = f"location: {self.location}\r\n" if self.location else ""
        length, said = ("", "") if status == 204 else ("content-length: 5\r\n", "hello")
        writer.write(f"HTTP/1.1 {status} Whatever\r\n{length}{location}\r\n{said}".encode())
        await writer.drain()
        return True


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(first.split(" ")[1], headers, body)


@contextlib.asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    await receiver.open(tls=tls)
    try:
        yield receiver
    finally:
        await receiver.close()
