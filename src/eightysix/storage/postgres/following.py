"""What those who follow stores ask: one statement each, and so one snapshot."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from eightysix.core.change import Head
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.following import Changed, SeenHead

from .loading import looked_up
from .rows import CLOCK

STORE_KEY = ("product_shard_id", "brand_id", "poi_id")
STORES = f"unnest($1::smallint[], $2::text[], $3::text[]) AS s ({', '.join(STORE_KEY)})"

HEADS_STATEMENT = (
    f"SELECT {CLOCK}, h.product_shard_id, h.brand_id, h.poi_id, h.seq, h.outbox_seq, h.last_at "
    f"FROM {STORES} {looked_up('poi_stock_head', 'h', 's', STORE_KEY)}"
)
CHANGED_STATEMENT = (
    "SELECT h.seq, h.outbox_seq, h.last_at, t.object_type, t.object_id, t.version FROM (SELECT 1) AS always "
    "LEFT JOIN poi_stock_head AS h ON h.product_shard_id = $1 AND h.brand_id = $2 AND h.poi_id = $3 "
    "LEFT JOIN (SELECT object_type, object_id, version FROM poi_item_stock WHERE product_shard_id = $1 "
    "AND brand_id = $2 AND poi_id = $3 AND version > $4 ORDER BY version LIMIT $5) AS t ON TRUE ORDER BY t.version"
)

Fetch = Callable[..., Awaitable[list[Any]]]


class PostgresFollowing:
    """See `eightysix.storage.following.Following`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def heads(self, stores: Sequence[StoreKey]) -> dict[StoreKey, SeenHead]:
        found = await self._fetch(HEADS_STATEMENT, *by_column(stores))
        return {StoreKey(*row[1:4]): SeenHead(row[0], Head(*row[4:])) for row in found}

    async def changed(self, store: StoreKey, since: int, limit: int) -> Changed:
        found = await self._fetch(CHANGED_STATEMENT, *store, since, limit)
        seq, *rest = found[0][:3]
        stocks = tuple((StockKey(row[3], row[4]), row[5]) for row in found if row[5] is not None)
        return Changed(Head() if seq is None else Head(seq, *rest), stocks)


def by_column(stores: Sequence[StoreKey]) -> tuple[list[int], list[str], list[str]]:
    """The stores' keys, a list a column."""
    return [each.bucket for each in stores], [each.brand_id for each in stores], [each.poi_id for each in stores]
