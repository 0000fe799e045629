"""A connection of one room's own, opened when it is first wanted and again after it was lost.

Its commits don't wait until they are flushed: it is for work that is merely done again where a crash of the server
forgets it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from eightysix.storage.port import LostConnection, Unavailable
from eightysix.storage.url import DatabaseUrl

from .fault import CLIENT_ERRORS, connect_fault
from .plan_age import PlanAge
from .session import open_session
from .unbroken import unbroken

T = TypeVar("T")


class Steady:
    """One statement at a time, each to its end."""

    def __init__(self, target: DatabaseUrl, name: str) -> None:
        self._target = target
        self._name = name
        self._connection: asyncpg.Connection | None = None
        self._plans = PlanAge()
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Do `work`; once more on a new connection if the first had died. It may then be done twice."""
        async with self._turn:
            return await unbroken(self._twice(work))

    async def close(self) -> None:
        """End the connection, after what it is doing."""
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                try:
                    await connection.close(timeout=5)
                except CLIENT_ERRORS:
                    connection.terminate()

    async def _twice(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        try:
            return await work(await self._opened())
        except LostConnection:
            self._drop()
        try:
            return await work(await self._opened())
        except LostConnection as fault:
            self._drop()
            raise Unavailable(str(fault)) from fault

    async def _opened(self) -> asyncpg.Connection:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = await open_session(self._target, self._name)
            await self._prepare(connection, "SET synchronous_commit = off")
            self._connection, self._plans = connection, PlanAge()
        elif self._plans.too_old():
            await self._prepare(connection, "DISCARD PLANS")
        return connection

    async def _prepare(self, connection: asyncpg.Connection, statement: str) -> None:
        try:
            await connection.execute(statement)
        except CLIENT_ERRORS as error:
            self._drop()
            raise connect_fault(error) from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
