"""Parked messages, by key."""

from collections.abc import Collection, Sequence

from eightysix.core.key import StoreKey
from eightysix.storage.message_parked import ParkedKey, ParkedMessage, ids_of, message_of

from . import rows
from .side_door import SideDoor
from .statements import NOW

_COLUMNS = "p.product_shard_id, p.topic, p.message_id, p.brand_id, p.poi_id, p.body, p.reason, p.tries, p.parked_at"
_BEHIND = "(p.product_shard_id, p.topic, p.message_id) > (?1, ?2, ?3)"
_ORDER = "ORDER BY p.product_shard_id, p.topic, p.message_id LIMIT ?4"

PARK = (
    "INSERT INTO message_parked "  # noqa: S608 - names, no values
    "(product_shard_id, topic, message_id, brand_id, poi_id, body, reason, tries, parked_at) "
    f"VALUES (?, ?, ?, ?, ?, ?, ?, 1, {NOW}) ON CONFLICT (product_shard_id, topic, message_id) "
    "DO UPDATE SET reason = excluded.reason, tries = tries + 1"
)
PARKED = (
    f"SELECT {_COLUMNS} FROM json_each(?1) k CROSS JOIN message_parked p "  # noqa: S608 - as above
    "WHERE p.product_shard_id = json_extract(k.value, '$[0]') AND p.topic = json_extract(k.value, '$[1]') "
    "AND p.message_id = json_extract(k.value, '$[2]')"
)
PAGE = f"SELECT {_COLUMNS} FROM message_parked p WHERE {_BEHIND} {_ORDER}"  # noqa: S608 - as above
STORE_PAGE = (
    f"SELECT {_COLUMNS} FROM message_parked p WHERE p.product_shard_id = ?5 AND {_BEHIND} "  # noqa: S608 - as above
    f"AND p.brand_id = ?6 AND p.poi_id = ?7 {_ORDER}"
)
UNPARK = "DELETE FROM message_parked WHERE product_shard_id = ? AND topic = ? AND message_id = ?"

_FIRST = ParkedKey(-1, "", "")


class SqliteParkedMessageTable:
    """`storage.message_parked.ParkedMessageTable`."""

    def __init__(self, door: SideDoor) -> None:
        self._door = door

    async def park(self, messages: Sequence[ParkedMessage]) -> None:
        """See the port."""
        unique = {each.key: each for each in messages}.values()
        await self._door.change(PARK, [(*each.key, *ids_of(each.store), each.body, each.reason) for each in unique])

    async def parked(self, keys: Collection[ParkedKey]) -> list[ParkedMessage]:
        """See the port."""
        return [message_of(row) for row in await self._door.rows(PARKED, rows.encode(list(keys)).decode())]

    async def page(self, after: ParkedKey | None, store: StoreKey | None, limit: int) -> list[ParkedMessage]:
        """See the port."""
        start = (*(after or _FIRST), limit)
        found = await (self._door.rows(PAGE, *start) if store is None else self._door.rows(STORE_PAGE, *start, *store))
        return [message_of(row) for row in found]

    async def unpark(self, keys: Collection[ParkedKey]) -> None:
        """See the port."""
        await self._door.change(UNPARK, list(keys))
