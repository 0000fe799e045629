"""A line to one service for asyncio: a pool of kept connections, and one more for each stream."""

import asyncio
import ssl
from urllib.parse import urlsplit

from .connection import FAULTS, Connection, ConnectionStream, head_of, reason
from .request import Arrived, Broken, Reply, Request
from .transport import AsyncStream


class AsyncLine:
    """At most `connections` exchanges at once; those that are cancelled give their connection up."""

    def __init__(self, url: str, *, connections: int = 16, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._prefix = parts.hostname or "", parts.path.rstrip("/")
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._named = parts.netloc.rpartition("@")[2]
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []
        self._is_closed = False

    async def send(self, request: Request, seconds: float) -> Reply | Broken:
        arrived = Arrived.NOT_AS_A_WHOLE
        connection: Connection | None = None
        try:
            async with asyncio.timeout(seconds), self._slots:
                connection = self._kept() or await Connection.open(self._host, self._port, self._tls)
                arrived = Arrived.PERHAPS
                reply = await connection.exchange(head_of(request, self._named, self._prefix), request.body)
        except BaseException as fault:
            if connection is not None:
                connection.abort()
            if isinstance(fault, TimeoutError):
                self._forget_idle()  # behind a line that swallows everything these are dead too
            if isinstance(fault, FAULTS):
                return Broken(arrived, reason(fault))
            raise
        if connection.is_kept and not self._is_closed:
            self._idle.append(connection)
        else:
            connection.abort()
        return reply

    async def open(self, request: Request, seconds: float) -> tuple[Reply | Broken, AsyncStream | None]:
        arrived = Arrived.NOT_AS_A_WHOLE
        connection: Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = await Connection.open(self._host, self._port, self._tls)
                arrived = Arrived.PERHAPS
                reply = await connection.begin(head_of(request, self._named, self._prefix), request.body)
                if reply.is_ok:
                    return reply, ConnectionStream(connection)
                reply = reply._replace(body=await connection.rest(reply))
        except BaseException as fault:
            if connection is not None:
                connection.abort()
            if isinstance(fault, FAULTS):
                return Broken(arrived, reason(fault)), None
            raise
        connection.abort()
        return reply, None

    async def close(self) -> None:
        self._is_closed = True
        self._forget_idle()
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next round

    def _forget_idle(self) -> None:
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _kept(self) -> Connection | None:
        """A kept connection that is still open."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale:
                return connection
            connection.abort()
        return None
