"""HTTP/1.1 on one connection over asyncio streams: one exchange at a time, nothing but what a service of JSON needs.

A general client costs a call twenty times as much of the processor: several times the service's own work. What is read
here is what HTTP allows a server to send: a body by Content-Length, by chunks, or none.
"""

import asyncio
import select
import ssl

from .request import Arrived, Broken, Reply, Request

_HEAD_END = b"\r\n\r\n"
_LARGEST_HEAD_BYTES = 256 * 1024
_PIECE_BYTES = 64 * 1024

FAULTS = (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, LookupError, ValueError)
"""What a network, or a server that isn't one, does to an exchange."""


class Connection:
    """Opened for one exchange after the other, or for one answer without an end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._is_chunked = False
        self.is_kept = True
        """Whether it may be used again after this exchange."""

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> "Connection":
        return cls(*await asyncio.open_connection(host, port, ssl=tls, limit=_LARGEST_HEAD_BYTES))

    @property
    def is_stale(self) -> bool:
        """While nothing was asked something came: the other side has closed it."""
        if self._writer.is_closing() or self._reader.at_eof():
            return True
        looking = select.poll()
        looking.register(self._writer.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(looking.poll(0))

    async def exchange(self, head: bytes, body: bytes) -> Reply:
        """Send a request and read its answer."""
        reply = await self.begin(head, body)
        return reply._replace(body=await self.rest(reply))

    async def begin(self, head: bytes, body: bytes) -> Reply:
        """Send a request and read the head of its answer."""
        self._writer.write(head + body)
        status = 100
        while status < 200:  # an interim answer such as 100 Continue precedes the real one
            told = (await self._reader.readuntil(_HEAD_END)).decode("latin-1")
            first, *lines = told[: -len(_HEAD_END)].split("\r\n")
            version, code, *_ = first.split(" ", 2)
            status = int(code)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._is_chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self.is_kept = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return Reply(status, headers)

    async def rest(self, reply: Reply) -> bytes:
        """The body of an answer that was begun."""
        if self._is_chunked:
            return await self._chunks()
        return await self._reader.readexactly(int(reply.headers.get("content-length", "0")))

    async def piece(self) -> bytes:
        """The next of an answer without an end; nothing where it ends after all."""
        if self._is_chunked:
            return await self._chunk()
        return await self._reader.read(_PIECE_BYTES)

    def abort(self) -> None:
        """Close it at once."""
        self._writer.transport.abort()

    async def _chunks(self) -> bytes:
        parts = []
        while part := await self._chunk():
            parts.append(part)
        while (await self._reader.readuntil(b"\r\n")) != b"\r\n":
            continue
        return b"".join(parts)

    async def _chunk(self) -> bytes:
        size = int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if size == 0:
            return b""
        return (await self._reader.readexactly(size + 2))[:-2]


class ConnectionStream:
    """An answer that is still coming, on a connection of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self, seconds: float) -> bytes | Broken:
        try:
            async with asyncio.timeout(seconds):
                return await self._connection.piece()
        except FAULTS as fault:
            return Broken(Arrived.PERHAPS, reason(fault))

    async def close(self) -> None:
        self._connection.abort()


def head_of(request: Request, host: str, prefix: str) -> bytes:
    """The head of a request, with its empty line."""
    lines = [f"{request.method} {prefix}{request.target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join(lines).encode("latin-1") + _HEAD_END


def reason(fault: BaseException) -> str:
    """A fault in a few words."""
    return f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
