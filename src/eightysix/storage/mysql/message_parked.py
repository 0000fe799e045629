"""Parked messages. A page of all asks each physical table for its own and sorts what came: there are few."""

from collections.abc import Collection, Sequence

from eightysix.core.bucket import BUCKETS
from eightysix.core.key import StoreKey
from eightysix.storage.message_parked import ParkedKey, ParkedMessage, message_of

from . import literal
from .load import CLOCK
from .pool import Pool
from .statement import key_conditions

_TABLE = "message_parked"
_KEY = ("product_shard_id", "topic", "message_id")
_COLUMNS = (*_KEY, "brand_id", "poi_id", "body", "reason", "tries", "parked_at")
_SELECTED = ",".join(_COLUMNS)
_ORDER = ",".join(_KEY)


class MysqlParkedMessageTable:
    """See `storage.message_parked.ParkedMessageTable`."""

    def __init__(self, pool: Pool, physical_shards: int) -> None:
        self._pool = pool
        self._shards = physical_shards

    async def park(self, messages: Sequence[ParkedMessage]) -> None:
        unique = {each.key: each for each in messages}.values()
        for each in unique:
            ids = (None, None) if each.store is None else (each.store.brand_id, each.store.poi_id)
            values = (
                *_literals(each.key),
                *(literal.optional_text(value) for value in ids),
                literal.text(each.body),
                literal.text(each.reason),
                "1",
                CLOCK,
            )
            await self._change(
                f"INSERT INTO {_TABLE} ({_SELECTED}) VALUES ({','.join(values)}) "
                "ON DUPLICATE KEY UPDATE reason = VALUES(reason), tries = tries + 1"
            )

    async def parked(self, keys: Collection[ParkedKey]) -> list[ParkedMessage]:
        found: list[ParkedMessage] = []
        for where, _ in key_conditions(_KEY, [_literals(key) for key in keys]):
            found += await self._messages(where)
        return found

    async def page(self, after: ParkedKey | None, store: StoreKey | None, limit: int) -> list[ParkedMessage]:
        if store is not None:
            of = f"brand_id = {literal.text(store.brand_id)} AND poi_id = {literal.text(store.poi_id)}"
            return await self._messages(
                f"{_behind([store.bucket], after)} AND {of} ORDER BY {_ORDER} LIMIT {int(limit)}"
            )
        found: list[ParkedMessage] = []
        for shard in range(self._shards):
            buckets = [
                bucket for bucket in range(shard, BUCKETS, self._shards) if after is None or bucket >= after.bucket
            ]
            if buckets:
                found += await self._messages(f"{_behind(buckets, after)} ORDER BY {_ORDER} LIMIT {int(limit)}")
        return sorted(found, key=lambda message: message.key)[:limit]

    async def unpark(self, keys: Collection[ParkedKey]) -> None:
        for where, _ in key_conditions(_KEY, [_literals(key) for key in keys]):
            await self._change(f"DELETE FROM {_TABLE} WHERE {where}")

    async def _messages(self, where: str) -> list[ParkedMessage]:
        sql = f"SELECT {_SELECTED} FROM {_TABLE} WHERE {where}"
        return [message_of(row) for row in await self._pool.rows(sql)]

    async def _change(self, sql: str) -> None:
        await self._pool.change(sql)


def _behind(buckets: Sequence[int], after: ParkedKey | None) -> str:
    where = literal.buckets(buckets)
    if after is None:
        return where
    bucket, topic, message_id = _literals(after)
    in_topic = f"topic = {topic} AND message_id > {message_id}"
    return f"{where} AND (product_shard_id > {bucket} OR topic > {topic} OR ({in_topic}))"


def _literals(key: ParkedKey) -> tuple[str, str, str]:
    return str(int(key.bucket)), literal.text(key.topic), literal.text(key.message_id)
