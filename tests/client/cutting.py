"""A proxy that passes HTTP on, and cuts the connection of the next requests where a test says so."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum

_HEAD_END = b"\r\n\r\n"


class Cut(Enum):
    """Where the connection ends."""

    NOWHERE = "it doesn't"
    BEFORE = "the request came, and wasn't passed on"
    ANSWER = "the service has answered; nothing of that is passed on"
    HALF = "half of the answer's body is passed on"
    AFTER = "the answer is passed on, then the kept connection is closed"


class CuttingProxy:
    """`next` has what becomes of the next requests: a Cut, or bytes that are answered in the service's place."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.next: deque[Cut | bytes] = deque()
        self._came = asyncio.Condition()
        self.seen: list[bytes] = []
        """Every request as it came."""
        self.connections = 0
        self.talks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def has_seen(self, requests: int) -> None:
        """Wait until so many have come."""
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: len(self.seen) >= requests)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        task = asyncio.current_task()
        assert task is not None
        self.talks.add(task)
        task.add_done_callback(self.talks.discard)
        self.connections += 1
        service = None
        try:
            while True:
                request = await _message(reader)
                async with self._came:
                    self.seen.append(request)
                    self._came.notify_all()
                cut = self.next.popleft() if self.next else Cut.NOWHERE
                if isinstance(cut, bytes):
                    writer.write(cut)
                    continue
                if cut is Cut.BEFORE:
                    return
                if service is None:
                    service = await asyncio.open_connection("127.0.0.1", self._port)
                service[1].write(request)
                answer = await _message(service[0])
                if cut is Cut.ANSWER:
                    return
                if cut is Cut.HALF:
                    writer.write(
                        answer[: answer.index(_HEAD_END) + 4 + (len(answer) - answer.index(_HEAD_END) - 4) // 2]
                    )
                    await writer.drain()
                    return
                writer.write(answer)
                await writer.drain()
                if cut is Cut.AFTER:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            both = (writer, *([service[1]] if service else []))
            for closing in both:
                closing.close()
            for closing in both:
                with suppress(ConnectionError):
                    await closing.wait_closed()


class Relay:
    """Passes bytes on to whichever port the service has now; `cut` breaks every connection."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._pipes: set[asyncio.Task[None]] = set()
        self.url = ""

    def cut(self) -> None:
        for pipe in self._pipes:
            pipe.cancel()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        self.connections += 1
        writers = [writer]
        try:
            ahead = await asyncio.open_connection("127.0.0.1", self.port)
            writers.append(ahead[1])
            pipes = [asyncio.create_task(_pass_on(reader, ahead[1])), asyncio.create_task(_pass_on(ahead[0], writer))]
            self._pipes.update(pipes)
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)
            self._pipes.difference_update(pipes)
        except ConnectionError:
            return
        finally:
            for each in writers:
                each.transport.abort()


@asynccontextmanager
async def relaying() -> AsyncIterator[Relay]:
    """The relay; whoever uses it says where it leads to."""
    relay = Relay()
    server = await asyncio.start_server(relay.talk, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
        relay.cut()
        await server.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()


@asynccontextmanager
async def cutting(port: int) -> AsyncIterator[CuttingProxy]:
    """The proxy in front of the service on `port`."""
    proxy = CuttingProxy(port)
    server = await asyncio.start_server(proxy.talk, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for talk in proxy.talks:
            talk.cancel()
        await asyncio.gather(*proxy.talks, return_exceptions=True)
        await server.wait_closed()


def canned(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    """An answer in the service's place."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + _HEAD_END + body


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer, with its body; the service sends a Content-Length with each."""
    head = await reader.readuntil(_HEAD_END)
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return head + await reader.readexactly(int(value))
        if name == b"transfer-encoding":
            return head + await reader.readuntil(b"0\r\n\r\n")
    return head
