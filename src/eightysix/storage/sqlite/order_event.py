"""The order service's events, on connections of their own. A write holds up the lanes for as long as a small commit."""

from collections.abc import Collection, Sequence
from typing import Any

from eightysix.core.key import StoreKey
from eightysix.storage.order_event import UNDONE, EventState, OrderEventRow, event_of
from eightysix.storage.port import GuardFailed

from .each import STORE
from .rows import encode
from .side_door import SideDoor
from .statements import NOW

_KEY = (*STORE, "order_id", "order_seq")
_COLUMNS = (*_KEY, "event_id", "type", "digest", "body", "state", "answer", "received_at")
_SELECTED = ", ".join(f"e.{column}" for column in _COLUMNS)
_IS_IT = " AND ".join(f"{column} = ?{at}" for at, column in enumerate(_KEY, 1))
_UNDONE = ", ".join(str(int(state)) for state in UNDONE)

LOAD = (
    f"SELECT {_SELECTED} FROM json_each(?4) o CROSS JOIN poi_order_event e "  # noqa: S608 - names, no values
    "WHERE e.product_shard_id = ?1 AND e.brand_id = ?2 AND e.poi_id = ?3 AND e.order_id = o.value"
)
ADD = f"INSERT INTO poi_order_event ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - as above
SETTLE = f"UPDATE poi_order_event SET state = ?6, answer = ?7, body = '' WHERE {_IS_IT} AND state IN ({_UNDONE})"  # noqa: S608 - as above
MOVE = f"UPDATE poi_order_event SET state = ?7 WHERE {_IS_IT} AND state = ?6"  # noqa: S608 - as above
UNFINISHED = (
    f"SELECT {_SELECTED} FROM json_each(?1) b CROSS JOIN json_each('[1,2]') s "  # noqa: S608 - as above
    "CROSS JOIN poi_order_event e INDEXED BY ix_order_event_state WHERE e.product_shard_id = b.value "
    f"AND e.state = s.value AND e.received_at <= {NOW} - ?2 LIMIT ?3"
)
OLDEST_UNFINISHED = (
    f"SELECT {_SELECTED} FROM poi_order_event e WHERE e.product_shard_id = ?1 AND e.state = ?2 "  # noqa: S608 - as above
    f"AND e.received_at <= {NOW} - ?3 ORDER BY e.received_at LIMIT ?4"
)
DONE_BEFORE = (
    f"SELECT {_SELECTED} FROM poi_order_event e WHERE e.product_shard_id = ?1 AND e.state = 3 "  # noqa: S608 - as above
    "AND e.received_at < ?2 ORDER BY e.received_at LIMIT ?3"
)
REMOVE = f"DELETE FROM poi_order_event WHERE {_IS_IT} AND state = 3"  # noqa: S608 - as above

HOT_STATEMENTS = {
    "LOAD": LOAD,
    "SETTLE": SETTLE,
    "MOVE": MOVE,
    "UNFINISHED": UNFINISHED,
    "OLDEST_UNFINISHED": OLDEST_UNFINISHED,
    "DONE_BEFORE": DONE_BEFORE,
    "REMOVE": REMOVE,
}
"""Every statement that looks for rows, for the test that looks at their plans."""


class SqliteOrderEventTable:
    """`storage.order_event.OrderEventTable`."""

    def __init__(self, door: SideDoor) -> None:
        self._door = door

    async def load(self, store: StoreKey, order_ids: Collection[str]) -> tuple[int, list[OrderEventRow]]:
        """See the port."""
        found = await self._door.rows(LOAD, *store, encode(list(order_ids)).decode())
        return await self._door.now(), [event_of(row) for row in found]

    async def add(self, rows: Sequence[OrderEventRow]) -> None:
        """See the port."""
        await self._door.change(ADD, [_values(row) for row in rows])

    async def settle(self, rows: Sequence[OrderEventRow]) -> None:
        """See the port."""
        found = await self._door.change(SETTLE, [(*_key(row), int(row.state), row.answer) for row in rows])
        if found != len(rows):
            raise GuardFailed("an order's event doesn't wait any more")

    async def move(self, rows: Sequence[OrderEventRow], state: EventState) -> None:
        """See the port."""
        await self._door.change(MOVE, [(*_key(row), int(row.state), int(state)) for row in rows])

    async def unfinished(self, buckets: Sequence[int], before: int, limit: int) -> tuple[int, list[OrderEventRow]]:
        """See the port."""
        if len(buckets) == 1:
            found = [
                row
                for state in (EventState.WAITING, EventState.DECIDED)
                for row in await self._door.rows(OLDEST_UNFINISHED, buckets[0], int(state), before, limit)
            ]
        else:
            found = await self._door.rows(UNFINISHED, encode(buckets).decode(), before, limit)
        return await self._door.now(), [event_of(row) for row in found]

    async def done_before(self, bucket: int, at: int, limit: int) -> list[OrderEventRow]:
        """See the port."""
        return [event_of(row) for row in await self._door.rows(DONE_BEFORE, bucket, at, limit)]

    async def remove(self, rows: Sequence[OrderEventRow]) -> None:
        """See the port."""
        await self._door.change(REMOVE, [_key(row) for row in rows])


def _key(row: OrderEventRow) -> tuple[Any, ...]:
    return (*row.store, row.order_id, row.order_seq)


def _values(row: OrderEventRow) -> tuple[Any, ...]:
    said = (row.event_id, row.type, row.digest, row.body, int(row.state), row.answer, row.received_at)
    return (*_key(row), *said)
