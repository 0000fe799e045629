"""A few connections for what is done outside of batches."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from eightysix.storage.port import LostConnection, Unavailable
from eightysix.storage.url import DatabaseUrl

from .session import Row, Session

T = TypeVar("T")

SIZE = 4


class Pool:
    """Opens connections as they are needed, `SIZE` at most, and replaces those that broke."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._idle: list[Session] = []
        self._free = asyncio.Semaphore(SIZE)
        self._closed = False

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Do `work`, a read, on a connection; once more on a new one if the first was lost. Raises Unavailable."""
        async with self._free:
            if self._closed:
                raise Unavailable("the database is closed")
            session = self._idle.pop() if self._idle else Session(self._url)
            try:
                return await self._twice(session, work)
            finally:
                if session.is_open and not self._closed:
                    self._idle.append(session)

    async def rows(self, sql: str) -> list[Row]:
        """The rows of one statement."""
        return list(await self.run(lambda session: session.rows(sql)))

    async def change(self, sql: str) -> int:
        """How many rows one statement has changed, one that does no harm when it comes twice."""
        return await self.run(lambda session: session.change(sql))

    async def _twice(self, session: Session, work: Callable[[Session], Awaitable[T]]) -> T:
        if session.is_open:
            try:
                return await work(session)
            except LostConnection:
                await session.reopen()
        else:
            await session.open()
        try:
            return await work(session)
        except LostConnection as fault:
            raise Unavailable(str(fault)) from fault

    async def close(self) -> None:
        """End the connections; those in use end when their work is done."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()
