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
_TABLE = {
    "": "poi_item_stock_log",
    "stock": "poi_item_stock_log INDEXED BY ix_stock_log_object",
    "order": "poi_item_stock_log INDEXED BY ix_stock_log_order",
}
"""Named, or SQLite takes the primary key for all of them."""

_BY = {"": "", "stock": " AND object_type = ?6 AND object_id = ?7", "order": " AND order_id = ?6"}

_WANTED = (
    " AND (?8 IS NULL OR actor = ?8) AND (?9 IS NULL OR source = ?9) AND (?10 IS NULL OR channel_code = ?10)"
    " AND (?11 IS NULL OR kind IN (SELECT value FROM json_each(?11)))"
    " AND (?12 IS NULL OR (object_type = ?12 AND object_id = ?13))"
)

_SPAN = f"WHERE {_STORE} AND seq >= ?4 AND seq < ?5"

NEWEST = f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} ORDER BY seq DESC LIMIT 1"  # noqa: S608 - names, no values
MARK = f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} AND seq >= ?4 ORDER BY seq LIMIT 1"  # noqa: S608 - as above
MARKS = (
    f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} "  # noqa: S608 - as above
    "AND seq IN (SELECT value FROM json_each(?4)) ORDER BY seq"
)
NTH = {
    index: f"SELECT seq FROM {_TABLE[index]} {_SPAN}{by} ORDER BY seq DESC LIMIT 1 OFFSET ?8"  # noqa: S608 - as above
    for index, by in _BY.items()
}
ROWS = {
    index: (
        f"SELECT {', '.join(statements.LOG)} FROM {_TABLE[index]} "  # noqa: S608 - as above
        f"{_SPAN}{by}{_WANTED} ORDER BY seq DESC LIMIT ?14"
    )
    for index, by in _BY.items()
}
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
    **{f"NTH {index}": text for index, text in NTH.items()},
    **{f"ROWS {index}": text for index, text in ROWS.items()},
}
"""Every statement of this page, for the test that looks at their plans."""


class SqliteLogTable:
    """`storage.change_log.LogTable`."""

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

    async def nth(self, store: StoreKey, query: LogQuery, span: LogSpan, number: int) -> int | None:
        """See the port."""
        index, by = _indexed(query)
        found = await self._read(NTH[index], *store, *span, *by, number - 1)
        return found[0][0] if found else None

    async def rows(self, store: StoreKey, query: LogQuery, span: LogSpan, most: int) -> list[LogRow]:
        """See the port."""
        index, by = _indexed(query)
        kinds = rows.encode(query.kinds).decode() if query.kinds else None
        key = query.key or (None, None)
        wanted = (query.actor, query.source, query.channel_code, kinds, *key)
        return [rows.log(row) for row in await self._read(ROWS[index], *store, *span, *by, *wanted, most)]

    async def stores(self, bucket: int) -> list[StoreKey]:
        """See the port."""
        return [StoreKey(*row) for row in await self._read(STORES, bucket)]

    async def remove(self, store: StoreKey, span: LogSpan, before: int) -> int:
        """See the port."""
        values = (*store, *span, before)
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


def _indexed(query: LogQuery) -> tuple[str, tuple[Any, ...]]:
    """Which index finds the rows, and what for. An order has few rows, so it comes first."""
    if query.order_id is not None:
        return "order", (query.order_id, None)
    if query.key is not None:
        return "stock", tuple(query.key)
    return "", (None, None)
