"""Leases on PostgreSQL: a statement each."""

from collections.abc import Collection, Mapping

from eightysix.storage.lease import LEASE_MS, Lease

from .outbox import told
from .rows import CLOCK
from .steady import Steady

SHOW_STATEMENT = f"""
WITH shown AS (
    INSERT INTO sync_member (product_shard_id, owner, seen_at) VALUES (0, $1, {CLOCK})
    ON CONFLICT (product_shard_id, owner) DO UPDATE SET seen_at = excluded.seen_at
), gone AS (
    DELETE FROM sync_member WHERE product_shard_id = 0 AND owner <> $1 AND seen_at < {CLOCK} - {20 * LEASE_MS}
)
SELECT owner FROM sync_member WHERE product_shard_id = 0 AND seen_at > {CLOCK} - {LEASE_MS}
"""
RENEW_STATEMENT = f"""
UPDATE sync_lease SET expires_at = {CLOCK} + {LEASE_MS}
WHERE product_shard_id = ANY ($2::smallint[]) AND owner = $1 AND expires_at > 0 RETURNING product_shard_id
"""
ALL_STATEMENT = f"SELECT product_shard_id, owner, token, expires_at < {CLOCK} FROM sync_lease"
TAKE_STATEMENT = f"""
INSERT INTO sync_lease AS l (product_shard_id, owner, expires_at, token)
SELECT r, $1, {CLOCK} + {LEASE_MS}, 1 FROM unnest($2::smallint[]) AS r ORDER BY r
ON CONFLICT (product_shard_id) DO UPDATE SET owner = $1, expires_at = excluded.expires_at, token = l.token + 1
WHERE l.expires_at < {CLOCK} RETURNING product_shard_id
"""
"""`token` as seen isn't asked for: whoever took the range meanwhile has moved its end."""

GIVE_UP_STATEMENT = "UPDATE sync_lease SET expires_at = 0 WHERE product_shard_id = ANY ($2::smallint[]) AND owner = $1"
LEAVE_STATEMENT = "DELETE FROM sync_member WHERE product_shard_id = 0 AND owner = $1"


class PostgresLeaseTable:
    """See `eightysix.storage.lease.LeaseTable`."""

    def __init__(self, steady: Steady) -> None:
        self._steady = steady

    async def show(self, owner: str) -> frozenset[str]:
        rows = await self._steady.run(lambda connection: told(connection.fetch(SHOW_STATEMENT, owner)))
        return frozenset(row[0] for row in rows) | {owner}

    async def renew(self, owner: str, ranges: Collection[int]) -> frozenset[int]:
        return await self._changed(RENEW_STATEMENT, owner, ranges)

    async def all(self) -> dict[int, Lease]:
        rows = await self._steady.run(lambda connection: told(connection.fetch(ALL_STATEMENT)))
        return {number: Lease(*row) for number, *row in rows}

    async def take(self, owner: str, ranges: Mapping[int, Lease | None]) -> frozenset[int]:
        return await self._changed(TAKE_STATEMENT, owner, ranges)

    async def give_up(self, owner: str, ranges: Collection[int]) -> None:
        await self._changed(GIVE_UP_STATEMENT, owner, ranges)

    async def leave(self, owner: str) -> None:
        await self._steady.run(lambda connection: told(connection.execute(LEAVE_STATEMENT, owner)))

    async def _changed(self, statement: str, owner: str, ranges: Collection[int]) -> frozenset[int]:
        rows = await self._steady.run(lambda connection: told(connection.fetch(statement, owner, sorted(ranges))))
        return frozenset(row[0] for row in rows)
