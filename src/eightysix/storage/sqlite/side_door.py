"""Reads and small writes beside the lanes, each write a transaction of its own, on two connections opened when they are
first wanted."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .connection import ConnectionThread
from .statements import NOW

T = TypeVar("T")

_CLOCK = f"SELECT {NOW}"


class SideDoor:
    """One for all who keep something else than stocks in the file."""

    def __init__(self, path: Path) -> None:
        self._reading = ConnectionThread(path, read_only=True)
        self._writing = ConnectionThread(path)
        self._open: set[ConnectionThread] = set()

    async def now(self) -> int:
        """The database's clock in milliseconds."""
        ((now,),) = await self.rows(_CLOCK)
        return int(now)

    async def rows(self, statement: str, *values: object) -> list[Any]:
        """What a query finds."""
        return await self._run(self._reading, lambda connection: connection.execute(statement, values).fetchall())

    async def change(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        """Run a writing statement for each of the rows, all or none; how many rows it found in all.

        Waits for the write lock no longer than a batch does; raises LockTimeout then.
        """

        def work(connection: sqlite3.Connection) -> int:
            connection.execute("BEGIN IMMEDIATE")
            try:
                found = connection.executemany(statement, rows).rowcount
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return found

        return await self._run(self._writing, work)

    async def close(self) -> None:
        await self._reading.close()
        await self._writing.close()

    async def _run(self, thread: ConnectionThread, work: Callable[[sqlite3.Connection], T]) -> T:
        if thread not in self._open:
            await thread.open()
            self._open.add(thread)
        return await thread.run(work)
