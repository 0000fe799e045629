"""Statements beside the batches: reads on a connection that is opened when it is first wanted, writes on a lane's.

There is one writer at a time, and who waits for it sleeps in steps that grow: busy lanes would starve a connection of
its own. So what is written is written between two batches of a lane, where there is one.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .connection import ConnectionThread
from .lane import SqliteLane

T = TypeVar("T")


class OnDemand:
    """A connection to read on and, while no lane is open, one to write on. `lanes` are those that are open."""

    def __init__(self, path: Path, lanes: Collection[SqliteLane]) -> None:
        self._lanes = lanes
        self._reading = ConnectionThread(path, read_only=True)
        self._writing = ConnectionThread(path)
        self._open: set[ConnectionThread] = set()

    async def read(self, statement: str, *values: object) -> list[Any]:
        """What a statement selects."""
        return await self._run(self._reading, lambda connection: connection.execute(statement, values).fetchall())

    async def write(self, statement: str, *values: object) -> int:
        """How many rows a statement, a transaction of its own, has changed."""
        return await self._write(lambda connection: connection.execute(statement, values).rowcount)

    async def note(self, statement: str, *values: object) -> int:
        """The same without waiting for the disk: a crash of the machine, not of the program, may undo it."""

        return await self._write(
            lambda connection: _unsynced(connection, lambda: connection.execute(statement, values))
        )

    async def note_each(self, statement: str, values: Sequence[Sequence[object]]) -> None:
        """The same for many values, all or none."""

        def work(connection: sqlite3.Connection) -> int:
            return _unsynced(connection, lambda: _in_transaction(connection, statement, values))

        if values:
            await self._write(work)

    async def close(self) -> None:
        await self._reading.close()
        await self._writing.close()
        self._open.clear()

    async def _write(self, work: Callable[[sqlite3.Connection], int]) -> int:
        lane = next(iter(self._lanes), None)
        if lane is not None:
            return await lane.between(work)
        return await self._run(self._writing, work)

    async def _run(self, thread: ConnectionThread, work: Callable[[sqlite3.Connection], T]) -> T:
        if thread not in self._open:
            await thread.open()
            self._open.add(thread)
        return await thread.run(work)


def _unsynced(connection: sqlite3.Connection, work: Callable[[], sqlite3.Cursor]) -> int:
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        return work().rowcount
    finally:
        connection.execute("PRAGMA synchronous = FULL")


def _in_transaction(
    connection: sqlite3.Connection, statement: str, values: Sequence[Sequence[object]]
) -> sqlite3.Cursor:
    connection.execute("BEGIN IMMEDIATE")
    try:
        cursor = connection.executemany(statement, values)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return cursor
