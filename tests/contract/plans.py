"""What the tests of plans share: a filled PostgreSQL, a statement's generic plan, a pool that keeps what is sent."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from eightysix.storage.migrate import migrate
from eightysix.storage.mysql.pool import Pool
from eightysix.storage.mysql.session import Session
from eightysix.storage.postgres.session import SETTINGS

T = TypeVar("T")

STATISTICS = ["none", "of empty tables", "of many rows"]
"""What the planner may know when it makes a plan that stays."""


@asynccontextmanager
async def filled(url: str, rows: str, statistics: str) -> AsyncIterator[asyncpg.Connection]:
    """A migrated database with `rows` in it, and statistics of before or after them, or none."""
    await migrate(url)
    connection = await asyncpg.connect(url, server_settings=SETTINGS)
    if statistics == "of empty tables":
        await connection.execute("ANALYZE")
    await connection.execute(rows)
    if statistics == "of many rows":
        await connection.execute("ANALYZE")
    yield connection
    await connection.close()


async def generic_plan(connection: asyncpg.Connection, statement: str) -> list[str]:
    """The plan that serves whatever values come."""
    await connection.execute(f"PREPARE looked AS {statement}")
    count = await connection.fetchval(
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'looked'"
    )
    plan = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE looked({', '.join(['NULL'] * count)})")
    await connection.execute("DEALLOCATE looked")
    return [row[0] for row in plan]


class OneSession(Pool):
    """A pool of one connection, which is the test's."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        return await work(self._session)
