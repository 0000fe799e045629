"""A TCP proxy between a program and its database that cuts a connection at a chosen message.

A *message* is what one read of the socket gives: these protocols are request and reply, so a request (however many
protocol messages it is packed from) comes as one, but for very large ones. Cuts are counted from the moment `arm` is
called, over all connections, and only the connection that is hit is cut, both ways, as a crashed network peer would.

- `Cut(Way.TO_SERVER, n)`: the n-th message to the server is not delivered: *before it was sent*.
- `Cut(Way.TO_CLIENT, n)`: the n-th message to the client is not delivered: *sent, but no reply came*.
- a `marker`: only messages that contain it count, for example b"COMMIT".
"""

import asyncio
import contextlib
import enum
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_CHUNK = 1 << 20


class Way(enum.Enum):
    """Direction of a message."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


@dataclass(frozen=True)
class Cut:
    """Where to cut: at the `nth` message (from 1) in one direction, of those that contain `marker`.

    then: "cut" doesn't deliver it, "cut after it" delivers it and cuts at once, "cut its reply" delivers it and cuts
    when something comes back on its connection.
    """

    way: Way
    nth: int
    marker: bytes = b""
    then: str = "cut"


class Cutter:
    """The proxy. An asynchronous context manager; `port` is where to connect, on 127.0.0.1."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._cut: Cut | None = None
        self._seen = 0
        self.port = 0
        self.cuts = 0
        self.refuses = False
        """While true, new connections are closed at once: the database can't be reached."""
        self.happened = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for link in list(self._links):
            link.cut()
        await asyncio.gather(
            *(link.task for link in self._links if link.task is not asyncio.current_task()), return_exceptions=True
        )
        await self._server.wait_closed()

    def arm(self, cut: Cut) -> None:
        """Cut once, at that message from now on."""
        self._cut = cut
        self._seen = 0
        self.happened.clear()

    def disarm(self) -> None:
        """Let everything pass again."""
        self._cut = None

    def aim(self, port: int) -> None:
        """Stand before that port of the same host from the next connection on."""
        self._upstream = (self._upstream[0], port)

    def cut_all(self) -> None:
        """Cut every connection there is."""
        for link in list(self._links):
            link.cut()

    def hits(self, way: Way, link: "_Link", data: bytes) -> bool:
        """Whether this message is the one at which to cut."""
        cut = self._cut
        if cut is None:
            return False
        if link.cut_at_reply:
            return way is Way.TO_CLIENT
        if way is not cut.way or cut.marker not in data:
            return False
        self._seen += 1
        if self._seen < cut.nth:
            return False
        if cut.then == "cut its reply":
            link.cut_at_reply = True
            return False
        return True

    async def cut(self, link: "_Link", data: bytes, writer: asyncio.StreamWriter) -> None:
        """Carry out the armed cut at the message `data`."""
        cut, self._cut = self._cut, None
        self.cuts += 1
        if cut is not None and cut.then == "cut after it":
            writer.write(data)
            await writer.drain()
        link.cut()
        self.happened.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.close()
            return
        link = _Link(self, reader, writer, asyncio.current_task())
        self._links.add(link)
        try:
            await link.run(*self._upstream)
        finally:
            self._links.discard(link)


class _Link:
    """One proxied connection."""

    def __init__(
        self,
        cutter: Cutter,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        task: "asyncio.Task[None] | None",
    ) -> None:
        self._cutter = cutter
        self._client = reader, writer
        self._writers = [writer]
        self.task = task
        self.cut_at_reply = False

    async def run(self, host: str, port: int) -> None:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port, limit=_CHUNK)
            self._writers.append(writer)
            client_reader, client_writer = self._client
            await asyncio.gather(
                self._pump(Way.TO_SERVER, client_reader, writer),
                self._pump(Way.TO_CLIENT, reader, client_writer),
                return_exceptions=True,
            )
        self.cut()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _pump(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self._cutter.hits(way, self, data):
                await self._cutter.cut(self, data, writer)
                return
            writer.write(data)
            await writer.drain()
        self.cut()
