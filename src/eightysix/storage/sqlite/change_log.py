"""The change log, on connections of its own: a long export must not keep the other readers waiting.

A write here holds up every lane, so `remove` is asked for few rows at a time; it waits for the write lock no longer
than a batch does.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from eightysix.core.change import LogRow
from eightysix.core.key import StoreKey
from eightysix.core.log_query import LogQuery, LogSpan
from eightysix.storage.change_log import Mark

from . import rows, statements
from .connection import ConnectionThread

T = TypeVar("T")

_STORE = "product_shard_id = ?1 AND brand_id = ?2 AND poi_id = ?3"
_SPAN = f"WHERE {_STORE} AND seq >= ?4 AND seq < ?5"
_WANTED = (
    " AND (?6 IS NULL OR actor = ?6) AND (?7 IS NULL OR source = ?7) AND (?8 IS NULL OR channel_code = ?8)"
    " AND (?9 IS NULL OR order_id = ?9) AND (?10 IS NULL OR (object_type = ?10 AND object_id = ?11))"
    " AND (?12 IS NULL OR kind IN (SELECT value FROM json_each(?12)))"
)


def _chain(previous: str) -> str:
    """No joins: with statistics SQLite would read the whole table for a Bloom filter before it joins."""
    return (
        "WITH RECURSIVE chain (hop, seq) AS (SELECT 1, ?4 UNION ALL "  # noqa: S608 - names, no values
        f"SELECT c.hop + 1, (SELECT t.{previous} FROM poi_item_stock_log t WHERE {_STORE} AND t.seq = c.seq) "
        "FROM chain c WHERE c.hop < ?6 AND c.seq >= ?5) "
        f"SELECT {', '.join(statements.LOG)} FROM poi_item_stock_log WHERE {_STORE} "
        "AND seq IN (SELECT seq FROM chain WHERE seq >= ?5) ORDER BY seq DESC"
    )


NEWEST = f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} ORDER BY seq DESC LIMIT 1"  # noqa: S608 - names, no values
MARK = f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} AND seq >= ?4 ORDER BY seq LIMIT 1"  # noqa: S608 - as above
MARKS = (
    f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} "  # noqa: S608 - as above
    "AND seq IN (SELECT value FROM json_each(?4)) ORDER BY seq"
)
NTH = f"SELECT seq FROM poi_item_stock_log {_SPAN} ORDER BY seq DESC LIMIT 1 OFFSET ?6"  # noqa: S608 - as above
ROWS = f"SELECT {', '.join(statements.LOG)} FROM poi_item_stock_log {_SPAN}{_WANTED} ORDER BY seq DESC LIMIT ?13"  # noqa: S608 - as above
STOCK_START = f"SELECT version FROM poi_item_stock WHERE {_STORE} AND object_type = ?4 AND object_id = ?5"  # noqa: S608 - as above
ORDER_START = (
    "SELECT max(log_seq), count(*) - count(log_seq) FROM poi_stock_reservation "  # noqa: S608 - as above
    f"WHERE {_STORE} AND order_id = ?4"
)
STOCK_CHAIN = _chain("stock_prev")
ORDER_CHAIN = _chain("order_prev")
STORES = (
    "SELECT product_shard_id, brand_id, poi_id FROM poi_stock_head "
    "WHERE product_shard_id = ?1 ORDER BY brand_id, poi_id"
)
REMOVE = f"DELETE FROM poi_item_stock_log {_SPAN} AND recorded_at < ?6"  # noqa: S608 - as above

HOT_STATEMENTS = {
    "NEWEST": NEWEST,
    "MARK": MARK,
    "MARKS": MARKS,
    "REMOVE": REMOVE,
    "STORES": STORES,
    "NTH": NTH,
    "ROWS": ROWS,
    "STOCK_START": STOCK_START,
    "ORDER_START": ORDER_START,
    "STOCK_CHAIN": STOCK_CHAIN,
    "ORDER_CHAIN": ORDER_CHAIN,
}
"""Every statement of this page, for the test that looks at their plans."""


class SqliteLogTable:
    """`storage.change_log.LogTable`."""

    has_chains = True

    def __init__(self, path: Path) -> None:
        self._reading = ConnectionThread(path, read_only=True)
        self._writing = ConnectionThread(path)
        self._open: set[ConnectionThread] = set()

    async def newest(self, store: StoreKey) -> Mark | None:
        """See the port."""
        return await self._mark(NEWEST, *store)

    async def mark(self, store: StoreKey, seq: int) -> Mark | None:
        """See the port."""
        return await self._mark(MARK, *store, seq)

    async def marks(self, store: StoreKey, seqs: Sequence[int]) -> list[Mark]:
        """See the port."""
        return [Mark(*row) for row in await self._read(MARKS, *store, rows.encode(seqs).decode())]

    async def nth(self, store: StoreKey, span: LogSpan, number: int) -> int | None:
        """See the port."""
        found = await self._read(NTH, *store, span.least, span.below, number - 1)
        return found[0][0] if found else None

    async def rows(self, store: StoreKey, query: LogQuery, span: LogSpan, most: int) -> list[LogRow]:
        """See the port."""
        kinds = rows.encode(query.kinds).decode() if query.kinds else None
        wanted = (query.actor, query.source, query.channel_code, query.order_id, *(query.key or (None, None)), kinds)
        return [rows.log(row) for row in await self._read(ROWS, *store, span.least, span.below, *wanted, most)]

    async def chain_start(self, store: StoreKey, query: LogQuery) -> int | None:
        """See the port."""
        if query.order_id is None:
            found = await self._read(STOCK_START, *store, *(query.key or (0, 0)))
            return found[0][0] if found else 0
        newest, unknown = (await self._read(ORDER_START, *store, query.order_id))[0]
        return newest or (None if unknown else 0)

    async def chain(self, store: StoreKey, query: LogQuery, span: LogSpan, hops: int) -> list[LogRow]:
        """See the port."""
        statement = STOCK_CHAIN if query.order_id is None else ORDER_CHAIN
        found = await self._read(statement, *store, span.at, max(span.least, 1), hops)
        return [rows.log(row) for row in found]

    async def stores(self, bucket: int) -> list[StoreKey]:
        """See the port."""
        return [StoreKey(*row) for row in await self._read(STORES, bucket)]

    async def remove(self, store: StoreKey, span: LogSpan, before: int) -> int:
        """See the port."""
        values = (*store, span.least, span.below, before)
        return await self._run(self._writing, lambda connection: connection.execute(REMOVE, values).rowcount)

    async def close(self) -> None:
        await self._reading.close()
        await self._writing.close()

    async def _mark(self, statement: str, *values: object) -> Mark | None:
        found = await self._read(statement, *values)
        return Mark(*found[0]) if found else None

    async def _read(self, statement: str, *values: object) -> list[Any]:
        return await self._run(self._reading, lambda connection: connection.execute(statement, values).fetchall())

    async def _run(self, thread: ConnectionThread, work: Callable[[sqlite3.Connection], T]) -> T:
        """Connections are opened when they are first wanted: most processes never remove anything."""
        if thread not in self._open:
            await thread.open()
            self._open.add(thread)
        return await thread.run(work)
