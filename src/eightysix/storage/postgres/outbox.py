"""The outbox on PostgreSQL.

Published rows are deleted on a connection that doesn't wait for its commits to be flushed: what a crash of the server
brings back is published again. Parking and putting back are done on the readers' connections, whose commits are
durable.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Any, TypeVar

from eightysix.core.change import Alert, Incident, OutboxRow
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.outbox import ParkedPlace, ParkedRow, Pending, Waiting
from eightysix.storage.port import StoreStocks

from .fault import CLIENT_ERRORS, statement_fault
from .loading import INCIDENTS_STATEMENT, load_stocks, looked_up
from .packing import STORE, Field, Kind, pack, row_source
from .rows import CLOCK, alert_of, incident_of, thousandths
from .steady import Steady

T = TypeVar("T")

_AT = Field("at", Kind.BIG)
_STORES = (_AT, *STORE)
_ROWS = (_AT, *STORE, Field("seq", Kind.BIG))
_KEY = ("product_shard_id", "brand_id", "poi_id")
_ROW_KEY = (*_KEY, "seq")
_ROW = "seq, prev_seq, object_type, object_id, committed_at"
_STORE_IS = "product_shard_id = $1 AND brand_id = $2 AND poi_id = $3"


def _same(alias: str) -> str:
    return " AND ".join(f"{alias}.{column} = v.{column}" for column in _KEY)


_START = "(o.brand_id, o.poi_id) > (CASE WHEN b.at = 1 THEN $2 ELSE '' END, CASE WHEN b.at = 1 THEN $3 ELSE '' END)"
"""The first bucket goes on behind a store, the others begin; no id is empty."""


def _first(condition: str) -> str:
    return (
        "SELECT o.product_shard_id, o.brand_id, o.poi_id, o.committed_at FROM poi_stock_outbox AS o "
        f"WHERE o.product_shard_id = b.bucket AND {condition} ORDER BY o.brand_id, o.poi_id, o.seq LIMIT 1"
    )


PENDING_STATEMENT = (
    f"WITH v AS MATERIALIZED (SELECT * FROM {row_source(_STORES, count(1))} AS v) "
    f"SELECT -1::int, {CLOCK}, NULL, NULL, NULL, NULL UNION ALL "
    "SELECT v.at::int, o.seq, o.prev_seq, o.object_type, o.object_id, o.committed_at FROM v "
    f"CROSS JOIN LATERAL (SELECT * FROM poi_stock_outbox AS o WHERE {_same('o')} ORDER BY o.seq LIMIT $9) AS o"
)
WAITING_STATEMENT = (
    "SELECT s.product_shard_id, s.brand_id, s.poi_id, s.committed_at "
    "FROM unnest($1::smallint[]) WITH ORDINALITY AS b (bucket, at) CROSS JOIN LATERAL ("
    f"WITH RECURSIVE s AS (({_first(_START)}) UNION ALL "
    f"SELECT n.* FROM s CROSS JOIN LATERAL ({_first('(o.brand_id, o.poi_id) > (s.brand_id, s.poi_id)')}) AS n) "
    "SELECT * FROM s LIMIT $4) AS s LIMIT $4"
)
"""From store to store, each found behind the one before it: a store's other rows are not looked at."""

REMOVE_STATEMENT = (
    "WITH removed AS (DELETE FROM poi_stock_outbox AS o "
    f"USING (SELECT * FROM {row_source(_ROWS, count(1))} AS v ORDER BY at) AS v "
    f"WHERE {_same('o')} AND o.seq = v.seq RETURNING 1) SELECT count(*) FROM removed"
)
PARK_STATEMENT = (
    f"WITH gone AS (DELETE FROM poi_stock_outbox WHERE {_STORE_IS} AND seq = $4 RETURNING 1) "
    f"INSERT INTO poi_stock_parked ({', '.join(_KEY)}, {_ROW}, parked_at, tries, reason) "
    f"SELECT $1, $2, $3, $4, $5, $6, $7, $8, {CLOCK}, $9, $10 FROM gone ON CONFLICT DO NOTHING"
)
PARKED_STATEMENT = (
    f"SELECT {', '.join(_KEY)}, {_ROW}, parked_at, tries, reason FROM poi_stock_parked "
    f"WHERE ({', '.join(_ROW_KEY)}) > ($1, $2, $3, $4) ORDER BY {', '.join(_ROW_KEY)} LIMIT $5"
)
PARKED_OF_STATEMENT = (
    f"SELECT {', '.join(_KEY)}, {_ROW}, parked_at, tries, reason FROM poi_stock_parked "
    f"WHERE {_STORE_IS} AND seq > $4 ORDER BY seq LIMIT $5"
)
PUT_BACK_STATEMENT = (
    f"WITH back AS (DELETE FROM poi_stock_parked WHERE {_STORE_IS} AND seq = ANY ($4::bigint[]) "
    f"RETURNING {', '.join(_KEY)}, {_ROW}), "
    f"put AS (INSERT INTO poi_stock_outbox ({', '.join(_KEY)}, {_ROW}) "
    f"SELECT {', '.join(_KEY)}, seq, -1 - prev_seq, object_type, object_id, committed_at FROM back "
    "ON CONFLICT DO NOTHING) SELECT count(*) FROM back"
)
ALERTS_STATEMENT = (
    "SELECT v.at::int, a.seq, a.channel_code, a.kind, a.object_type, a.object_id, "
    f"{thousandths('a.quantity')}, {thousandths('a.threshold')}, a.raised_at "
    f"FROM {row_source(_ROWS, count(1))} AS v {looked_up('poi_stock_alert', 'a', 'v', _ROW_KEY)}"
)


class PostgresOutbox:
    """See `eightysix.storage.outbox.Outbox`. `fetch` is the readers'; rows are read and removed on connections of
    their own, side by side."""

    def __init__(self, fetch: Callable[..., Awaitable[list[Any]]], reading: Steady, removing: Steady) -> None:
        self._fetch = fetch
        self._steady = reading
        self._removing = removing

    async def pending(self, stores: Sequence[StoreKey], most: int) -> Pending:
        found: dict[StoreKey, list[OutboxRow]] = {}
        now = 0
        for at, *row in await self._run(PENDING_STATEMENT, *_packed(stores), most):
            if at < 0:
                now = row[0]
            else:
                found.setdefault(stores[at], []).append(_outbox(row))
        return Pending(now, found)

    async def waiting(self, buckets: Sequence[int], after: StoreKey | None, limit: int) -> list[Waiting]:
        start = StoreKey(-1, "", "") if after is None else after
        ahead = [start[0], *(bucket for bucket in sorted(buckets) if bucket > start[0])]
        rows = await self._run(WAITING_STATEMENT, ahead, start[1], start[2], limit)
        return [Waiting(StoreKey(*row[:3]), row[3]) for row in rows]

    async def remove(self, rows: Mapping[StoreKey, Collection[int]]) -> int:
        arguments = _packed_rows(sorted((store, seq) for store, seqs in rows.items() for seq in seqs))
        if not arguments:
            return 0
        found = await self._removing.run(lambda connection: told(connection.fetch(REMOVE_STATEMENT, *arguments)))
        return int(found[0][0])

    async def park(self, store: StoreKey, row: OutboxRow, tries: int, reason: str) -> None:
        values = (row.seq, row.prev_seq, *row.key, row.committed_at)
        await self._fetch(PARK_STATEMENT, *store, *values, tries, reason)

    async def parked(self, after: ParkedPlace | None, limit: int, store: StoreKey | None = None) -> list[ParkedRow]:
        if store is None:
            start = (-1, "", "", 0) if after is None else (*after.store, after.seq)
            rows = await self._fetch(PARKED_STATEMENT, *start, limit)
        else:
            rows = await self._fetch(PARKED_OF_STATEMENT, *store, -1 if after is None else after.seq, limit)
        return [ParkedRow(StoreKey(*row[:3]), _outbox(row[3:8]), *row[8:]) for row in rows]

    async def put_back(self, store: StoreKey, seqs: Collection[int]) -> int:
        return int((await self._fetch(PUT_BACK_STATEMENT, *store, list(seqs)))[0][0])

    async def states(self, wanted: Mapping[StoreKey, Collection[StockKey]]) -> dict[StoreKey, StoreStocks]:
        named = {store: set(keys) for store, keys in wanted.items()}
        return await self._steady.run(lambda connection: told(load_stocks(connection, named)))

    async def incidents(self, wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[Incident]]:
        return await self._by_seq(INCIDENTS_STATEMENT, incident_of, wanted)

    async def alerts(self, wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[Alert]]:
        return await self._by_seq(ALERTS_STATEMENT, alert_of, wanted)

    async def _by_seq(
        self, statement: str, read: Callable[[Sequence[Any]], T], wanted: Mapping[StoreKey, Collection[int]]
    ) -> dict[StoreKey, list[T]]:
        named = [(store, seq) for store, seqs in wanted.items() for seq in seqs]
        found: dict[StoreKey, list[T]] = {}
        if named:
            for at, *row in await self._run(statement, *_packed_rows(named)):
                found.setdefault(named[at][0], []).append(read(row))
        return found

    async def _run(self, statement: str, *arguments: Any) -> list[Any]:
        return await self._steady.run(lambda connection: told(connection.fetch(statement, *arguments)))


async def told(work: Awaitable[T]) -> T:
    """What `work` gives; asyncpg's errors come as the port's faults."""
    try:
        return await work
    except CLIENT_ERRORS as error:
        raise statement_fault(error) from error


def _packed(stores: Sequence[StoreKey]) -> list[Any]:
    return pack(_STORES, [range(len(stores)), *zip(*stores, strict=True)])


def _packed_rows(rows: Sequence[tuple[StoreKey, int]]) -> list[Any]:
    if not rows:
        return []
    keys, seqs = [store for store, _ in rows], [seq for _, seq in rows]
    return pack(_ROWS, [range(len(rows)), *zip(*keys, strict=True), seqs])


def _outbox(row: Sequence[Any]) -> OutboxRow:
    """A row that was put back stands outside the chain, which its complement says."""
    seq, prev_seq, object_type, object_id, committed_at = row
    return OutboxRow(seq, max(prev_seq, -1 - prev_seq), StockKey(object_type, object_id), committed_at)
