"""HTTP as a test of broken promises needs it: one attempt a call, and a broken connection is told as such.

The client of the commands repeats a call that got no answer, which is just what must not happen unseen here.
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec


class NoAnswer(Exception):
    """The connection could not be made, or broke before the whole answer was there: it may have been done."""


class Wire:
    """Calls one service with one key over kept connections."""

    def __init__(self, url: str, key: str) -> None:
        self._address = urlsplit(url)
        self._headers = f"Host: {self._address.netloc}\r\nAuthorization: Bearer {key}\r\n"
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, answer)."""
        content = b"" if body is None else msgspec.json.encode(body)
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(content)}\r\n\r\n"
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        try:
            writer.write(head.encode() + content)
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
            headers = dict(line.split(": ", 1) for line in lines if line)
            answer = await reader.readexactly(int(headers.get("content-length", "0")))
        except (OSError, EOFError) as broken:
            writer.transport.abort()
            raise NoAnswer(repr(broken)) from broken
        if headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(first.split()[1]), msgspec.json.decode(answer) if answer else None

    async def close(self) -> None:
        """Close every connection."""
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_connection(self._address.hostname, self._address.port)
        except OSError as refused:
            raise NoAnswer(repr(refused)) from refused
