"""Reads outside of batches, on a connection of their own. Each is one statement, which sees one state."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eightysix.breathing import breathing
from eightysix.core.change import Alert, Head, OrderFact
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation
from eightysix.storage.port import MAX_SEQ, HubRows, Planned, StoreRows

from . import rows, statements
from .connection import ConnectionThread

_BREATH = 500
"""Rows made before others get a turn on the event loop."""


class SqliteReader:
    """`storage.port.Reader`."""

    def __init__(self, path: Path) -> None:
        self._thread = ConnectionThread(path, read_only=True)

    async def open(self) -> None:
        await self._thread.open()

    async def close(self) -> None:
        await self._thread.close()

    async def head(self, store: StoreKey) -> tuple[int, Head]:
        """See the port."""
        now, found = await self.one(statements.READ_HEAD, *store)
        return now, _head(found)

    async def store_rows(self, store: StoreKey, keys: Sequence[StockKey] | None) -> StoreRows:
        """See the port."""
        if keys is None:
            answer = await self.one(statements.READ_STORE, *store)
        else:
            named = rows.encode(list(dict.fromkeys(keys))).decode()
            answer = await self.one(statements.READ_NAMED, *store, named)
        now, found, stocks, channels, due, next_due_at = answer
        return StoreRows(
            now=now,
            head=_head(found),
            stocks=tuple([rows.stock(row) async for row in breathing(rows.decode(stocks), _BREATH)]),
            channels=tuple([rows.channel(row) async for row in breathing(rows.decode(channels), _BREATH)]),
            due=tuple(rows.reservation(row) for row in rows.decode(due)),
            next_due_at=next_due_at,
        )

    async def order(self, store: StoreKey, order_id: str) -> tuple[int, list[Reservation], OrderFact | None]:
        """See the port."""
        now, lines, facts = await self.one(statements.READ_ORDER, *store, order_id)
        found = [rows.reservation(row) for row in rows.decode(lines)]
        found.sort(key=lambda line: (line.sku_id, line.line_no))
        fact = next((rows.fact(row) for row in rows.decode(facts)), None)
        return now, found, fact

    async def live_lines(self, store: StoreKey, after: str, limit: int) -> tuple[int, list[Reservation]]:
        """See the port."""
        now, lines = await self.one(statements.LIVE_LINES, *store, after, limit)
        return now, [rows.reservation(row) for row in rows.decode(lines)]

    async def hub_rows(self, store: StoreKey) -> HubRows:
        """See the port."""
        hubs, journals = await self.one(statements.HUB_ROWS, *store)
        return HubRows(
            tuple(rows.hub(row) for row in rows.decode(hubs)),
            tuple(rows.journal(row) for row in rows.decode(journals)),
        )

    async def due_stores(self, buckets: Sequence[int], limit: int) -> list[StoreKey]:
        """See the port."""
        (found,) = await self.one(statements.DUE_STORES, rows.encode(buckets).decode(), limit)
        return [StoreKey(*row) for row in rows.decode(found)]

    async def next_timers(self, buckets: Sequence[int], limit: int) -> tuple[int, list[tuple[int, StoreKey]]]:
        """See the port."""
        now, found = await self.one(statements.NEXT_TIMERS, rows.encode(buckets).decode(), limit)
        return now, [(due_at, StoreKey(*store)) for due_at, *store in rows.decode(found)]

    async def planned_versions(self, buckets: Sequence[int]) -> dict[StoreKey, Planned]:
        """See the port."""
        (found,) = await self.one(statements.PLANNED_VERSIONS, rows.encode(buckets).decode())
        return {StoreKey(*store): Planned(version, told) for *store, version, told in rows.decode(found)}

    async def alerts(self, store: StoreKey, before: tuple[int, str] | None, limit: int) -> list[Alert]:
        """See the port."""
        (found,) = await self.one(statements.ALERTS, *store, *(before or (MAX_SEQ, "")), limit)
        return [rows.alert(row) for row in rows.decode(found)]

    async def ping(self) -> None:
        """One statement that reads the file."""
        await self.one("SELECT count(*) FROM sqlite_schema")

    async def one(self, statement: str, *values: object) -> tuple[Any, ...]:
        """The one row of a reading statement."""

        def work(connection: sqlite3.Connection) -> tuple[Any, ...]:
            row: tuple[Any, ...] = connection.execute(statement, values).fetchone()
            return row

        return await self._thread.run(work)


def _head(found: str) -> Head:
    return next((rows.head(row) for row in rows.decode(found)), Head())
