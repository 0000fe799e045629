"""The line between a hub and its cloud: a TCP proxy that can be cut for as long as one likes, in two ways."""

import asyncio
import contextlib
from enum import Enum

_CHUNK = 1 << 16


class Cut(Enum):
    """How a line is cut."""

    REFUSED = "refused"
    """Connections are reset and new ones closed at once: both ends notice."""
    SILENT = "silent"
    """Nothing arrives any more and nobody is told, as of a router without its uplink. What was open or was begun
    meanwhile stays dead for good, also when the line is back."""


class Line:
    """Whole at first; `url` is where the hub finds its cloud."""

    def __init__(self, cloud_port: int) -> None:
        self._cloud_port = cloud_port
        self._server: asyncio.Server | None = None
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._cut: Cut | None = None
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self, how: Cut) -> None:
        """Cut it, until `mend`."""
        self._cut = how
        for link in list(self._links.values()):
            if how is Cut.SILENT:
                link.is_dead = True
            else:
                link.abort()

    def mend(self) -> None:
        """New connections pass again."""
        self._cut = None

    async def end(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for link in self._links.values():
            link.abort()
        await asyncio.gather(*self._links, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut is Cut.REFUSED:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        link = self._links[task] = _Link(reader, writer, is_dead=self._cut is Cut.SILENT)
        try:
            await link.run(self._cloud_port)
        finally:
            link.abort()
            del self._links[task]


class _Link:
    """One connection through the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_dead: bool) -> None:
        self._reader = reader
        self._writers = [writer]
        self.is_dead = is_dead

    async def run(self, port: int) -> None:
        """Until one end is gone."""
        if self.is_dead:
            while await self._reader.read(_CHUNK):
                pass
            return
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self._writers.append(writer)
            await asyncio.gather(self._pump(self._reader, writer), self._pump(reader, self._writers[0]))

    def abort(self) -> None:
        """Reset both ends."""
        for writer in self._writers:
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK):
                if not self.is_dead:
                    writer.write(data)
                    await writer.drain()
        finally:
            self.abort()
