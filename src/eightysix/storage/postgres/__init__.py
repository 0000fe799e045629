"""PostgreSQL, through asyncpg: set-based statements, one connection for each lane.

`docs/decisions/0003-postgres-batches.md` has the measurements behind the shape of the statements.
"""

from eightysix.storage.url import parse

from .database import PostgresDatabase

__all__ = ["PostgresDatabase", "connect"]


async def connect(url: str, owner: str) -> PostgresDatabase:
    """Open the database at `url` (postgresql://user@host:port/name or ?host=/socket).

    Raises BadDatabaseUrl, Unavailable, or Rejected for a server that would not keep what it acknowledges.
    """
    return await PostgresDatabase.open(parse(url), owner)
