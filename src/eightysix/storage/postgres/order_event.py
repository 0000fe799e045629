"""The order service's events: found by the whole key, or by the index of (bucket, state, when received).

Every write is a single statement; where one is given rows with a lost connection in between, see the port.
"""

from collections.abc import Collection, Sequence
from typing import Any

from eightysix.core.key import StoreKey
from eightysix.storage.order_event import UNDONE, EventState, OrderEventRow, event_of
from eightysix.storage.port import GuardFailed

from .change_log import Fetch
from .rows import CLOCK

_KEY = ("product_shard_id", "brand_id", "poi_id", "order_id", "order_seq")
_COLUMNS = (*_KEY, "event_id", "type", "digest", "body", "state", "answer", "received_at")
_TYPES = ("smallint", "text", "text", "text", "bigint", "text", "text", "bytea", "text", "smallint", "text", "bigint")
_STORE = "e.product_shard_id = $1 AND e.brand_id = $2 AND e.poi_id = $3"
_SELECTED = ", ".join(f"e.{column}" for column in _COLUMNS)
_CLOCKED = f"SELECT {CLOCK}, NULL::smallint"
_UNDONE = ", ".join(str(int(state)) for state in UNDONE)


def _given(columns: Sequence[str]) -> str:
    """The rows of as many arrays."""
    types = dict(zip(_COLUMNS, _TYPES, strict=True))
    arrays = ", ".join(f"${at}::{types[column]}[]" for at, column in enumerate(columns, 1))
    return f"unnest({arrays}) AS v ({', '.join(columns)})"


def _by_key(change: str, columns: Sequence[str], more: str, *, returning: bool) -> str:
    """`more` asks for the state as no index can: the planner would take the index of states for it."""
    key = " AND ".join(f"e.{column} = v.{column}" for column in _KEY)
    end = " RETURNING 1" if returning else ""
    return f"{change.format(given=_given(columns))} {key} AND {more}{end}"


LOAD_STATEMENT = (
    f"{_CLOCKED}, {', '.join(['NULL'] * (len(_COLUMNS) - 1))} UNION ALL SELECT NULL, {_SELECTED} "
    "FROM unnest($4::text[]) AS o (order_id) CROSS JOIN LATERAL (SELECT * FROM poi_order_event AS e "
    f"WHERE {_STORE} AND e.order_id = o.order_id OFFSET 0) AS e"
)
ADD_STATEMENT = f"INSERT INTO poi_order_event ({', '.join(_COLUMNS)}) SELECT * FROM {_given(_COLUMNS)}"
SETTLE_STATEMENT = _by_key(
    "UPDATE poi_order_event AS e SET state = v.state, answer = v.answer, body = '' FROM {given} WHERE",
    (*_KEY, "state", "answer"),
    f"e.state + 0 IN ({_UNDONE})",
    returning=True,
)
MOVE_STATEMENT = _by_key(
    "UPDATE poi_order_event AS e SET state = $7 FROM {given} WHERE",
    (*_KEY, "state"),
    "e.state + 0 = v.state",
    returning=False,
)
UNFINISHED_STATEMENT = (
    f"WITH clock AS MATERIALIZED (SELECT {CLOCK} AS now) SELECT (SELECT now FROM clock), NULL::smallint, "
    f"{', '.join(['NULL'] * (len(_COLUMNS) - 1))} UNION ALL (SELECT NULL, {_SELECTED} "
    "FROM unnest($1::smallint[]) AS b (product_shard_id) CROSS JOIN (VALUES (1::smallint), (2::smallint)) AS s (state) "
    "CROSS JOIN LATERAL (SELECT * FROM poi_order_event AS e WHERE e.product_shard_id = b.product_shard_id "
    "AND e.state = s.state AND e.received_at <= (SELECT now FROM clock) - $2::bigint "
    "ORDER BY e.received_at LIMIT $3) AS e LIMIT $3)"
)
DONE_BEFORE_STATEMENT = (
    f"SELECT {', '.join(f'e.{column}' for column in _KEY)}, e.event_id, e.type, e.digest, '', e.state, NULL, "
    "e.received_at FROM poi_order_event AS e WHERE e.product_shard_id = $1 AND e.state = 3 AND e.received_at < $2 "
    "ORDER BY e.received_at LIMIT $3"
)
REMOVE_STATEMENT = _by_key(
    "DELETE FROM poi_order_event AS e USING {given} WHERE", _KEY, "e.state + 0 = 3", returning=False
)


class PostgresOrderEventTable:
    """See `eightysix.storage.order_event.OrderEventTable`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def load(self, store: StoreKey, order_ids: Collection[str]) -> tuple[int, list[OrderEventRow]]:
        return _clocked(await self._fetch(LOAD_STATEMENT, *store, list(order_ids)))

    async def add(self, rows: Sequence[OrderEventRow]) -> None:
        await self._fetch(ADD_STATEMENT, *_arrays(rows, len(_COLUMNS)))

    async def settle(self, rows: Sequence[OrderEventRow]) -> None:
        states, answers = [int(row.state) for row in rows], [row.answer for row in rows]
        found = await self._fetch(SETTLE_STATEMENT, *_arrays(rows, len(_KEY)), states, answers)
        if len(found) != len(rows):
            raise GuardFailed("an order's event doesn't wait any more")

    async def move(self, rows: Sequence[OrderEventRow], state: EventState) -> None:
        states = [int(row.state) for row in rows]
        await self._fetch(MOVE_STATEMENT, *_arrays(rows, len(_KEY)), states, int(state))

    async def unfinished(self, buckets: Sequence[int], before: int, limit: int) -> tuple[int, list[OrderEventRow]]:
        return _clocked(await self._fetch(UNFINISHED_STATEMENT, list(buckets), before, limit))

    async def done_before(self, bucket: int, at: int, limit: int) -> list[OrderEventRow]:
        return [event_of(row) for row in await self._fetch(DONE_BEFORE_STATEMENT, bucket, at, limit)]

    async def remove(self, rows: Sequence[OrderEventRow]) -> None:
        await self._fetch(REMOVE_STATEMENT, *_arrays(rows, len(_KEY)))


def _arrays(rows: Sequence[OrderEventRow], width: int) -> list[list[Any]]:
    """The first columns of the rows, by column."""
    every = [
        (*row.store, row.order_id, row.order_seq, row.event_id, row.type, row.digest, row.body, int(row.state),
         row.answer, row.received_at)[:width]
        for row in rows
    ]  # fmt: skip
    return [list(column) for column in zip(*every, strict=True)]


def _clocked(found: Sequence[Any]) -> tuple[int, list[OrderEventRow]]:
    now = next(row[0] for row in found if row[0] is not None)
    return now, [event_of(row[1:]) for row in found if row[0] is None]
