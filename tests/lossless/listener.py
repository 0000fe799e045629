"""A process that follows stores by their streams and writes down what comes: `python -m tests.lossless.listener`.

It is what a careful receiver would be and nothing of the product: server-sent events over plain sockets, resumed by
Last-Event-ID whenever a connection ends.
"""

import argparse
import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import TextIO

from tests.lossless.record import write

_AGAIN_SECONDS = (0.1, 0.5)
_SILENT_SECONDS = 40.0


class Follower:
    """One store's stream, whatever happens to it."""

    def __init__(self, options: argparse.Namespace, poi_id: str, file: TextIO, numbers: "count[int]") -> None:
        self._options = options
        self._poi_id = poi_id
        self._file = file
        self._numbers = numbers
        self._last_id = options.since

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
                await self._follow()
            await asyncio.sleep(random.uniform(*_AGAIN_SECONDS))

    async def _follow(self) -> None:
        options = self._options
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", options.port)
        try:
            path = f"/api/v1/poi/stock/stream?brandId={options.brand}&poiId={self._poi_id}"
            resumed = f"Last-Event-ID: {self._last_id}\r\n" if self._last_id else ""
            head = f"GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {options.key}\r\n{resumed}\r\n"
            writer.write(head.encode())
            async with asyncio.timeout(20):
                answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            if " 200 " not in answer.splitlines()[0]:
                raise ValueError(answer)
            lines = _lines(reader, chunked="transfer-encoding: chunked" in answer)
            await self._take(lines, next(self._numbers))
        finally:
            writer.transport.abort()

    async def _take(self, lines: AsyncIterator[str], connection: int) -> None:
        event: dict[str, str] = {}
        while True:
            async with asyncio.timeout(_SILENT_SECONDS):
                line = await anext(lines)
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(":")
                event[name] = value.removeprefix(" ")
                continue
            if "id" in event:
                self._last_id = event["id"]
            if event.get("event", "").startswith("poi."):
                write(self._file, connection, event["data"])
            elif event.get("event") in {"ready", "reset"}:
                self._last_id = json.loads(event["data"])["cursor"] if event["event"] == "ready" else self._last_id
            event = {}


async def _lines(reader: asyncio.StreamReader, *, chunked: bool) -> AsyncIterator[str]:
    rest = b""
    while True:
        if chunked:
            size = int((await reader.readuntil(b"\r\n")).strip(), 16)
            data = (await reader.readexactly(size + 2))[:-2]
            if not size:
                raise EOFError
        elif not (data := await reader.read(65536)):
            raise EOFError
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.decode()


async def main(options: argparse.Namespace) -> None:
    """Follow all stores until the process is ended."""
    numbers = count(1)
    with Path(options.file).open("a", buffering=1) as file:  # noqa: ASYNC230 - once, at the start
        followers = [
            Follower(options, f"s{number}", file, numbers).run() for number in range(options.first, options.last)
        ]
        await asyncio.gather(*followers)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--brand", "--key", "--file", "--since"):
        parser.add_argument(name, required=name != "--since", default="")
    for name in ("--port", "--first", "--last"):
        parser.add_argument(name, type=int, required=True)
    asyncio.run(main(parser.parse_args()))
