"""Leases on MySQL and MariaDB, behind the proxy too: a statement a physical table."""

from collections.abc import Collection, Iterator, Mapping

from eightysix.storage.lease import LEASE_MS, RANGES, Lease

from . import literal, load
from .pool import Pool
from .session import Session


class MysqlLeaseTable:
    """See `storage.lease.LeaseTable`. Times are those of the database that a row lies in."""

    def __init__(self, pool: Pool, physical_shards: int) -> None:
        self._pool = pool
        self._shards = physical_shards

    async def show(self, owner: str) -> frozenset[str]:
        me = f"product_shard_id = 0 AND owner = {literal.text(owner)}"
        sign = f"UPDATE sync_member SET seen_at = {load.CLOCK} WHERE {me}"
        enter = (  # the proxy takes no expression among an INSERT's values
            f"INSERT INTO sync_member (product_shard_id,owner,seen_at) VALUES (0,{literal.text(owner)},0) "
            "ON DUPLICATE KEY UPDATE owner = owner"
        )
        seen = f"SELECT owner, seen_at < {load.CLOCK} - {LEASE_MS}, seen_at < {load.CLOCK} - {20 * LEASE_MS}"

        async def work(session: Session) -> frozenset[str]:
            if not await session.change(sign):
                await session.change(enter)
                await session.change(sign)
            rows = await session.rows(f"{seen} FROM sync_member WHERE product_shard_id = 0")
            for gone in (name for name, _, is_old in rows if int(is_old)):
                await session.change(
                    f"DELETE FROM sync_member WHERE product_shard_id = 0 AND owner = {literal.text(gone)} "
                    f"AND seen_at < {load.CLOCK} - {20 * LEASE_MS}"
                )
            return frozenset(name for name, is_gone, _ in rows if not int(is_gone)) | {owner}

        return await self._pool.run(work)

    async def renew(self, owner: str, ranges: Collection[int]) -> frozenset[int]:
        mine = f"owner = {literal.text(owner)} AND expires_at > 0"
        kept: set[int] = set()

        async def work(session: Session) -> None:
            for some in self._by_shard(ranges):
                where = f"{literal.buckets(some)} AND {mine}"
                found = await session.change(
                    f"UPDATE sync_lease SET expires_at = {load.CLOCK} + {LEASE_MS} WHERE {where}"
                )
                if found == len(some):
                    kept.update(some)
                else:
                    rows = await session.rows(f"SELECT product_shard_id FROM sync_lease WHERE {where}")
                    kept.update(int(row[0]) for row in rows)

        await self._pool.run(work)
        return frozenset(kept)

    async def all(self) -> dict[int, Lease]:
        async def work(session: Session) -> dict[int, Lease]:
            found: dict[int, Lease] = {}
            for some in self._by_shard(range(RANGES)):
                rows = await session.rows(
                    f"SELECT product_shard_id, owner, token, expires_at < {load.CLOCK} FROM sync_lease "
                    f"WHERE {literal.buckets(some)}"
                )
                found |= {int(number): Lease(name, int(token), bool(int(ended))) for number, name, token, ended in rows}
            return found

        return await self._pool.run(work)

    async def take(self, owner: str, ranges: Mapping[int, Lease | None]) -> frozenset[int]:
        """One by one, each as it was seen: a statement over several would say how many it got, not which."""
        taken: set[int] = set()

        async def work(session: Session) -> None:
            for number, seen in sorted(ranges.items(), key=lambda pair: pair[0]):
                if seen is None:
                    await session.change(
                        "INSERT INTO sync_lease (product_shard_id,owner,expires_at,token) "
                        f"VALUES ({int(number)},'',-1,0) ON DUPLICATE KEY UPDATE token = token"
                    )
                token = 0 if seen is None else seen.token
                found = await session.change(
                    f"UPDATE sync_lease SET owner = {literal.text(owner)}, expires_at = {load.CLOCK} + {LEASE_MS}, "
                    f"token = token + 1 WHERE product_shard_id = {int(number)} AND token = {int(token)} "
                    f"AND expires_at < {load.CLOCK}"
                )
                if found:
                    taken.add(number)

        await self._pool.run(work)
        return frozenset(taken)

    async def give_up(self, owner: str, ranges: Collection[int]) -> None:
        async def work(session: Session) -> None:
            for some in self._by_shard(ranges):
                where = f"{literal.buckets(some)} AND owner = {literal.text(owner)}"
                await session.change(f"UPDATE sync_lease SET expires_at = 0 WHERE {where}")

        await self._pool.run(work)

    async def leave(self, owner: str) -> None:
        sql = f"DELETE FROM sync_member WHERE product_shard_id = 0 AND owner = {literal.text(owner)}"
        await self._pool.change(sql)

    def _by_shard(self, ranges: Collection[int]) -> Iterator[list[int]]:
        for shard in range(self._shards):
            some = sorted(number for number in ranges if number % self._shards == shard)
            if some:
                yield some
