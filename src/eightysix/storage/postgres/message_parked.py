"""Parked messages, by key. There are few: a page of all walks the primary key."""

from collections.abc import Collection, Sequence
from typing import Any

from eightysix.core.key import StoreKey
from eightysix.storage.message_parked import ParkedKey, ParkedMessage, ids_of, message_of

from .change_log import Fetch
from .rows import CLOCK

_COLUMNS = "p.product_shard_id, p.topic, p.message_id, p.brand_id, p.poi_id, p.body, p.reason, p.tries, p.parked_at"
_BEHIND = "(p.product_shard_id, p.topic, p.message_id) > ($1::smallint, $2::text, $3::text)"
_ORDER = "ORDER BY p.product_shard_id, p.topic, p.message_id LIMIT $4"
_KEYS = "unnest($1::smallint[], $2::text[], $3::text[]) AS k (product_shard_id, topic, message_id)"
_SAME = "p.product_shard_id = k.product_shard_id AND p.topic = k.topic AND p.message_id = k.message_id"

PARK_STATEMENT = (
    "INSERT INTO message_parked "
    "(product_shard_id, topic, message_id, brand_id, poi_id, body, reason, tries, parked_at) "
    f"SELECT v.*, 1, {CLOCK} FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], "
    "$7::text[]) AS v ON CONFLICT (product_shard_id, topic, message_id) "
    "DO UPDATE SET reason = excluded.reason, tries = message_parked.tries + 1"
)
PARKED_STATEMENT = (
    f"SELECT {_COLUMNS} FROM {_KEYS} CROSS JOIN LATERAL (SELECT * FROM message_parked AS p WHERE {_SAME} OFFSET 0) AS p"
)
PAGE_STATEMENT = f"SELECT {_COLUMNS} FROM message_parked AS p WHERE {_BEHIND} {_ORDER}"
STORE_PAGE_STATEMENT = (
    f"SELECT {_COLUMNS} FROM message_parked AS p WHERE p.product_shard_id = $5 AND {_BEHIND} "
    f"AND p.brand_id = $6 AND p.poi_id = $7 {_ORDER}"
)
UNPARK_STATEMENT = (
    "DELETE FROM message_parked WHERE product_shard_id = $1 AND topic = $2 AND message_id = ANY ($3::text[])"
)

_FIRST = ParkedKey(-1, "", "")


class PostgresParkedMessageTable:
    """See `eightysix.storage.message_parked.ParkedMessageTable`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def park(self, messages: Sequence[ParkedMessage]) -> None:
        # a statement can't change a row twice
        unique = {each.key: each for each in messages}.values()
        rows = [(*each.key, *ids_of(each.store), each.body, each.reason) for each in unique]
        await self._fetch(PARK_STATEMENT, *(list(column) for column in zip(*rows, strict=True)))

    async def parked(self, keys: Collection[ParkedKey]) -> list[ParkedMessage]:
        return [message_of(row) for row in await self._fetch(PARKED_STATEMENT, *_arrays(keys))]

    async def page(self, after: ParkedKey | None, store: StoreKey | None, limit: int) -> list[ParkedMessage]:
        start = (*(after or _FIRST), limit)
        if store is None:
            return [message_of(row) for row in await self._fetch(PAGE_STATEMENT, *start)]
        return [message_of(row) for row in await self._fetch(STORE_PAGE_STATEMENT, *start, *store)]

    async def unpark(self, keys: Collection[ParkedKey]) -> None:
        for bucket, topic in {(key.bucket, key.topic) for key in keys}:
            named = [key.message_id for key in keys if key[:2] == (bucket, topic)]
            await self._fetch(UNPARK_STATEMENT, bucket, topic, named)


def _arrays(keys: Collection[ParkedKey]) -> list[list[Any]]:
    return [list(column) for column in zip(*keys, strict=True)]
