"""Everything about every store, one snapshot a store, on a connection of its own."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from eightysix.core.bucket import BUCKETS
from eightysix.core.key import StoreKey
from eightysix.storage.port import AuditStore

from . import hub_rows, rows, statements
from .connection import ConnectionThread

T = TypeVar("T")

_PAGE = 500
_NEXT_STORES = (
    "SELECT product_shard_id, brand_id, poi_id FROM poi_stock_head "
    "WHERE (product_shard_id, brand_id, poi_id) > (?, ?, ?) AND product_shard_id < ? "
    "ORDER BY product_shard_id, brand_id, poi_id LIMIT ?"
)


async def audit(path: Path, bucket: int | None) -> AsyncIterator[AuditStore]:
    """Every store that has a head row, in key order."""
    first, end = (0, BUCKETS) if bucket is None else (bucket, bucket + 1)
    thread = ConnectionThread(path, read_only=True)
    await thread.open()
    try:
        last = StoreKey(first, "", "")
        while page := await thread.run(partial(_next_stores, last, end)):
            for store in page:
                yield await thread.run(partial(_read, store))
            last = page[-1]
    finally:
        await thread.close()


def _next_stores(after: StoreKey, end: int, connection: sqlite3.Connection) -> list[StoreKey]:
    """The next page behind a store, up to the bucket `end`."""
    return [StoreKey(*row) for row in connection.execute(_NEXT_STORES, (*after, end, _PAGE))]


def _read(store: StoreKey, connection: sqlite3.Connection) -> AuditStore:
    def every(table: str, columns: Sequence[str], value: Callable[[rows.Row], T]) -> tuple[T, ...]:
        sql = f"SELECT {', '.join(columns)} FROM {table} WHERE product_shard_id = ? AND brand_id = ? AND poi_id = ?"  # noqa: S608 - names, no values
        return tuple(value(row) for row in connection.execute(sql, store))

    connection.execute("BEGIN")
    try:
        now: Any = connection.execute(f"SELECT {statements.NOW}").fetchone()[0]
        (head,) = every("poi_stock_head", statements.HEAD, rows.head)
        return AuditStore(
            store=store,
            now=now,
            head=head,
            stocks=every("poi_item_stock", statements.STOCK, rows.stock),
            channels=every("poi_item_channel_stock", statements.CHANNEL, rows.channel),
            reservations=every("poi_stock_reservation", statements.RESERVATION, rows.reservation),
            facts=every("poi_stock_order", statements.FACT, rows.fact),
            logs=every("poi_item_stock_log", statements.LOG, rows.log),
            outbox=every("poi_stock_outbox", statements.OUTBOX, rows.outbox),
            incidents=every("poi_stock_incident", statements.INCIDENT, rows.incident),
            due=every("poi_stock_due", statements.DUE, rows.due),
            alerts=every("poi_stock_alert", statements.ALERT, rows.alert),
            timer=next(iter(every("poi_stock_timer", statements.TIMER, rows.timer)), None),
            journals=every("poi_stock_journal", statements.JOURNAL, rows.journal),
            hubs=every("poi_stock_hub", statements.HUB, rows.hub),
            books=hub_rows.load(connection, store, None),
            events=every("poi_hub_event", ("seq", "at", "body"), hub_rows.event),
        )
    finally:
        connection.execute("ROLLBACK")
