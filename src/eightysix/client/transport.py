"""Whoever has the line: what the clients need of it. `httpx_line` is one on httpx; a load may bring another."""

from typing import Protocol

from .request import Broken, Reply, Request


class Stream(Protocol):
    """An answer that is still coming."""

    def read(self, seconds: float) -> bytes | Broken:
        """The next bytes, none at the end; Broken also where none came in time."""

    def close(self) -> None:
        """Give it up."""


class Transport(Protocol):
    """A line to one service. Used by several threads at once."""

    def send(self, request: Request, seconds: float) -> Reply | Broken:
        """The answer. Never raises for what a network does."""

    def open(self, request: Request, seconds: float) -> tuple[Reply | Broken, Stream | None]:
        """The head of the answer and what follows; an answer that isn't a success comes whole, without a stream."""

    def close(self) -> None:
        """Close every connection."""


class AsyncStream(Protocol):
    """An answer that is still coming."""

    async def read(self, seconds: float) -> bytes | Broken:
        """The next bytes, none at the end; Broken also where none came in time."""

    async def close(self) -> None:
        """Give it up."""


class AsyncTransport(Protocol):
    """A line to one service. Used by several tasks at once; one that is cancelled leaves it usable."""

    async def send(self, request: Request, seconds: float) -> Reply | Broken:
        """The answer. Never raises for what a network does."""

    async def open(self, request: Request, seconds: float) -> tuple[Reply | Broken, AsyncStream | None]:
        """The head of the answer and what follows; an answer that isn't a success comes whole, without a stream."""

    async def close(self) -> None:
        """Close every connection."""
