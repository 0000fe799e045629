"""The outbox of an SQLite file.

There is one writer at a time, and who waits for it sleeps in steps that grow: a relay with a connection of its own
would be starved by busy lanes, and hold them up besides. So what it writes is written on a lane's connection, between
two batches. Published rows are deleted without a sync of their own (`synchronous = NORMAL`): whoever syncs next takes
them along, and those that a crash of the machine brings back are published again.
"""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from eightysix.core.change import Alert, Incident, OutboxRow
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.outbox import ParkedPlace, ParkedRow, Pending, Waiting
from eightysix.storage.port import StoreStocks

from . import rows, statements
from .connection import ConnectionThread
from .each import STORE, delete
from .lane import SqliteLane

T = TypeVar("T")

_STORE = "product_shard_id = ?1 AND brand_id = ?2 AND poi_id = ?3"
_OUTBOX = ", ".join(f"t.{column}" for column in statements.OUTBOX)
_PLACE = "product_shard_id, brand_id, poi_id"
_PARKED = f"{_PLACE}, seq, prev_seq, object_type, object_id, committed_at, parked_at, tries, reason"


PENDING = (
    "WITH j AS MATERIALIZED (SELECT json_extract(value, '$[0]') AS at, json_extract(value, '$[1]') AS bucket, "  # noqa: S608 - names, no values
    "json_extract(value, '$[2]') AS brand_id, json_extract(value, '$[3]') AS poi_id FROM json_each(?1)) "
    f"SELECT {statements.NOW}, (SELECT json_group_array(json_array({_OUTBOX}, j.at)) "
    "FROM j CROSS JOIN poi_stock_outbox t "
    "WHERE t.product_shard_id = j.bucket AND t.brand_id = j.brand_id AND t.poi_id = j.poi_id "
    "AND t.seq <= coalesce((SELECT n.seq FROM poi_stock_outbox n WHERE n.product_shard_id = j.bucket "
    f"AND n.brand_id = j.brand_id AND n.poi_id = j.poi_id ORDER BY n.seq LIMIT 1 OFFSET ?2), {2**63 - 1}))"
)
"""Up to the row that `?2` others precede: a limit for each store."""

NEXT_OF_BRAND = (
    f"SELECT {_PLACE}, committed_at FROM poi_stock_outbox "  # noqa: S608 - as above
    "WHERE product_shard_id = ?1 AND brand_id = ?2 AND poi_id > ?3 ORDER BY poi_id, seq LIMIT 1"
)
NEXT_BRAND = (
    f"SELECT {_PLACE}, committed_at FROM poi_stock_outbox "  # noqa: S608 - as above
    "WHERE product_shard_id = ?1 AND brand_id > ?2 ORDER BY brand_id, poi_id, seq LIMIT 1"
)
"""From store to store, each found behind the one before it: a store's other rows are not looked at."""

HAS_ROWS = (
    "SELECT json_group_array(j.value) FROM json_each(?1) j "
    "WHERE EXISTS (SELECT 1 FROM poi_stock_outbox t WHERE t.product_shard_id = j.value)"
)
REMOVE = f"DELETE FROM poi_stock_outbox WHERE {_STORE} AND seq = ?4"  # noqa: S608 - as above
REMOVE_RUNS = delete("poi_stock_outbox", (), "seq BETWEEN ? AND ?")
PARK = (
    f"INSERT INTO poi_stock_parked ({_PARKED}) "  # noqa: S608 - as above
    f"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, {statements.NOW}, ?9, ?10) ON CONFLICT DO NOTHING"
)
PARKED = (
    f"SELECT {_PARKED} FROM poi_stock_parked WHERE ({_PLACE}, seq) > (?1, ?2, ?3, ?4) "  # noqa: S608 - as above
    f"ORDER BY {_PLACE}, seq LIMIT ?5"
)
PARKED_OF = f"SELECT {_PARKED} FROM poi_stock_parked WHERE {_STORE} AND seq > ?4 ORDER BY seq LIMIT ?5"  # noqa: S608 - as above
PUT_BACK = (
    f"INSERT INTO poi_stock_outbox ({_PLACE}, seq, prev_seq, object_type, object_id, committed_at) "  # noqa: S608 - as above
    f"SELECT {_PLACE}, seq, -1 - prev_seq, object_type, object_id, committed_at FROM poi_stock_parked "
    f"WHERE {_STORE} AND seq = ?4 ON CONFLICT DO NOTHING"
)
REMOVE_PARKED = f"DELETE FROM poi_stock_parked WHERE {_STORE} AND seq = ?4"  # noqa: S608 - as above
ALERTS = "SELECT " + statements.found(
    "json_extract(j.value, '$[0]')", "poi_stock_alert", statements.ALERT, (*STORE, "seq"), first=1
)

HOT_STATEMENTS = {
    "PENDING": PENDING,
    "NEXT_OF_BRAND": NEXT_OF_BRAND,
    "NEXT_BRAND": NEXT_BRAND,
    "HAS_ROWS": HAS_ROWS,
    "REMOVE": REMOVE,
    "REMOVE_RUNS": REMOVE_RUNS.text(4),
    "PARKED_OF": PARKED_OF,
    "PUT_BACK": PUT_BACK,
    "REMOVE_PARKED": REMOVE_PARKED,
    "ALERTS": ALERTS,
}
"""Every statement of this page that has a key, for the test that looks at their plans."""


class SqliteOutbox:
    """`storage.outbox.Outbox`. `lanes` are those that are open."""

    def __init__(self, path: Path, lanes: Collection[SqliteLane]) -> None:
        self._lanes = lanes
        self._reading = ConnectionThread(path, read_only=True)
        self._writing = ConnectionThread(path)
        self._open: set[ConnectionThread] = set()

    async def pending(self, stores: Sequence[StoreKey], most: int) -> Pending:
        """See the port."""
        wanted = rows.encode([(at, *store) for at, store in enumerate(stores)]).decode()
        now, text = await self._read(lambda connection: connection.execute(PENDING, (wanted, most - 1)).fetchone())
        found: list[list[OutboxRow]] = [[] for _ in stores]
        for row in rows.decode(text):
            at = row.pop()
            found[at].append(_outbox(row))
        for of_store in found:
            of_store.sort(key=lambda row: row.seq)
        return Pending(now, {store: of_store for store, of_store in zip(stores, found, strict=True) if of_store})

    async def waiting(self, buckets: Sequence[int], after: StoreKey | None, limit: int) -> list[Waiting]:
        """See the port."""
        start = (-1, "", "") if after is None else after
        wanted = rows.encode([bucket for bucket in sorted(buckets) if bucket >= start[0]]).decode()

        def work(connection: sqlite3.Connection) -> list[Any]:
            found: list[Any] = []
            (text,) = connection.execute(HAS_ROWS, (wanted,)).fetchone()
            for bucket in rows.BUCKETS.decode(text):
                place: tuple[str, str] = start[1:] if bucket == start[0] else ("", "")
                while len(found) < limit and (row := _next(connection, bucket, *place)) is not None:
                    found.append(row)
                    place = (row[1], row[2])
            return found

        return [Waiting(StoreKey(*row[:3]), row[3]) for row in await self._read(work)]

    async def remove(self, rows: Mapping[StoreKey, Collection[int]]) -> int:
        """See the port."""
        runs = [(*store, *run) for store, seqs in rows.items() for run in _runs(seqs)]

        def work(connection: sqlite3.Connection) -> int:
            connection.execute("PRAGMA synchronous = NORMAL")
            try:
                return _in_transaction(connection, lambda: REMOVE_RUNS.run(connection, runs))
            finally:
                connection.execute("PRAGMA synchronous = FULL")

        return await self._write(work)

    async def park(self, store: StoreKey, row: OutboxRow, tries: int, reason: str) -> None:
        """See the port."""
        values = (*store, row.seq, row.prev_seq, *row.key, row.committed_at, tries, reason)

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(REMOVE, (*store, row.seq)).rowcount:
                connection.execute(PARK, values)

        await self._write(lambda connection: _in_transaction(connection, lambda: work(connection)))

    async def parked(self, after: ParkedPlace | None, limit: int, store: StoreKey | None = None) -> list[ParkedRow]:
        """See the port."""
        if store is None:
            start = (-1, "", "", 0) if after is None else (*after.store, after.seq)
            statement = PARKED
        else:
            start = (*store, -1 if after is None else after.seq)
            statement = PARKED_OF
        found = await self._read(lambda connection: connection.execute(statement, (*start, limit)).fetchall())
        return [ParkedRow(StoreKey(*row[:3]), _outbox(row[3:8]), *row[8:]) for row in found]

    async def put_back(self, store: StoreKey, seqs: Collection[int]) -> int:
        """See the port."""
        values = [(*store, seq) for seq in seqs]

        def work(connection: sqlite3.Connection) -> int:
            connection.executemany(PUT_BACK, values)
            return connection.executemany(REMOVE_PARKED, values).rowcount

        return await self._write(lambda connection: _in_transaction(connection, lambda: work(connection)))

    async def states(self, wanted: Mapping[StoreKey, Collection[StockKey]]) -> dict[StoreKey, StoreStocks]:
        """See the port."""
        stores = list(wanted)
        named = [(at, *store, *key) for at, store in enumerate(stores) for key in wanted[store]]
        keys = rows.encode(named).decode()
        stocks, channels = await self._read(
            lambda connection: connection.execute(statements.STOCKS, (keys,)).fetchone()
        )
        loaded = [StoreStocks([], []) for _ in stores]
        for row in rows.decode(stocks):
            at = row.pop()
            loaded[at].stocks.append(rows.stock(row))
        for row in rows.decode(channels):
            at = row.pop()
            loaded[at].channels.append(rows.channel(row))
        return dict(zip(stores, loaded, strict=True))

    async def incidents(self, wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[Incident]]:
        """See the port."""
        return await self._by_seq(statements.INCIDENTS, rows.incident, wanted)

    async def alerts(self, wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[Alert]]:
        """See the port."""
        return await self._by_seq(ALERTS, rows.alert, wanted)

    async def _by_seq(
        self, statement: str, read: Callable[[rows.Found], T], wanted: Mapping[StoreKey, Collection[int]]
    ) -> dict[StoreKey, list[T]]:
        stores = list(wanted)
        keys = rows.encode([(at, *store, seq) for at, store in enumerate(stores) for seq in wanted[store]]).decode()
        (text,) = await self._read(lambda connection: connection.execute(statement, (keys,)).fetchone())
        found: dict[StoreKey, list[T]] = {}
        for row in rows.decode(text):
            at = row.pop()
            found.setdefault(stores[at], []).append(read(row))
        return found

    async def close(self) -> None:
        await self._reading.close()
        await self._writing.close()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        await self._opened(self._reading)
        return await self._reading.run(work)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        lane = next(iter(self._lanes), None)
        if lane is not None:
            return await lane.between(work)
        await self._opened(self._writing)
        return await self._writing.run(work)

    async def _opened(self, thread: ConnectionThread) -> None:
        if thread not in self._open:
            await thread.open()
            self._open.add(thread)


def _next(connection: sqlite3.Connection, bucket: int, brand_id: str, poi_id: str) -> Any:
    """The bucket's next store that has rows, with its first."""
    found = connection.execute(NEXT_OF_BRAND, (bucket, brand_id, poi_id)).fetchone()
    return found or connection.execute(NEXT_BRAND, (bucket, brand_id)).fetchone()


def _outbox(row: rows.Found) -> OutboxRow:
    """A row that was put back stands outside the chain, which its complement says (see `PUT_BACK`)."""
    seq, prev_seq, object_type, object_id, committed_at = row
    return OutboxRow(seq, max(prev_seq, -1 - prev_seq), StockKey(object_type, object_id), committed_at)


def _runs(seqs: Collection[int]) -> list[tuple[int, int]]:
    """`seqs` as (first, last) of numbers without a gap between them. What a batch writes of a store is a run mostly."""
    runs: list[tuple[int, int]] = []
    for seq in sorted(seqs):
        if runs and seq == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], seq)
        else:
            runs.append((seq, seq))
    return runs


def _in_transaction(connection: sqlite3.Connection, work: Callable[[], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        answer = work()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return answer
