"""What those who follow stores ask. The head is read before the stocks, each in a statement of its own: so whatever
happened up to it is among them."""

from collections import defaultdict
from collections.abc import Sequence

from eightysix.core.change import Head
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.following import Changed, SeenHead

from . import load
from .pool import Pool
from .session import Session
from .statement import key_condition, key_conditions
from .table import HEAD, STOCK, STORE


class MysqlFollowing:
    """See `storage.following.Following`."""

    def __init__(self, pool: Pool, physical_shards: int) -> None:
        self._pool = pool
        self._shards = physical_shards

    async def heads(self, stores: Sequence[StoreKey]) -> dict[StoreKey, SeenHead]:
        async def read(session: Session) -> dict[StoreKey, SeenHead]:
            found: dict[StoreKey, SeenHead] = {}
            for keys in by_shard(stores, self._shards):
                for condition, _ in key_conditions(STORE, [load.store_tuple(store) for store in keys]):
                    sql = f"SELECT {load.CLOCK} AS clock, {HEAD.selected} FROM {HEAD.table} WHERE {condition}"
                    for now, *row in await session.rows(sql):
                        found[StoreKey(*row[:3])] = SeenHead(int(now), HEAD.read(row[3:]))
            return found

        return await self._pool.run(read)

    async def changed(self, store: StoreKey, since: int, limit: int) -> Changed:
        where = key_condition(STORE, [load.store_tuple(store)])
        sql = (
            f"SELECT object_type, object_id, version FROM {STOCK.table} WHERE {where} AND version > {int(since)} "
            f"ORDER BY version LIMIT {int(limit)}"
        )

        async def read(session: Session) -> Changed:
            _, head = await load.clock_and_head(session, store)
            stocks = tuple((StockKey(int(row[0]), int(row[1])), int(row[2])) for row in await session.rows(sql))
            return Changed(head or Head(), stocks)

        return await self._pool.run(read)


def by_shard(stores: Sequence[StoreKey], physical_shards: int) -> list[list[StoreKey]]:
    """The stores, those of one physical shard together: a statement reaches one."""
    found: dict[int, list[StoreKey]] = defaultdict(list)
    for store in stores:
        found[store.bucket % physical_shards].append(store)
    return list(found.values())
