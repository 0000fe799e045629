"""Everything in the database, store by store, for `eightysix check`.

One snapshot covers all stores of a bucket and is closed before the first of them is handed out, so a slow reader keeps
no transaction open.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg

from eightysix.core.change import DueLock, Head, Journal, OrderFact, OutboxRow, Timer
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.port import AuditStore
from eightysix.storage.url import DatabaseUrl

from .change_log import LOG_COLUMNS, log_of
from .fault import CLIENT_ERRORS, statement_fault
from .rows import (
    CHANNEL_NUMBERS,
    CLOCK,
    HUB,
    INCIDENT,
    JOURNAL,
    RESERVATION_FLAG,
    RESERVATION_NUMBERS,
    RESERVATION_TEXTS,
    STOCK_FLAG,
    STOCK_NUMBERS,
    alert_of,
    channel_of,
    hub_of,
    incident_of,
    reservation_of,
    stock_of,
    thousandths,
)
from .session import open_session

_BUCKETS = "SELECT DISTINCT product_shard_id FROM poi_stock_head ORDER BY product_shard_id"
_NOW = f"SELECT {CLOCK}"
_HEADS = """
SELECT brand_id, poi_id, seq, outbox_seq, last_at FROM poi_stock_head WHERE product_shard_id = $1
ORDER BY brand_id, poi_id
"""


_NUMBER = 3 + len(RESERVATION_TEXTS)
"""Where the integers of a reservation's row begin."""


def _stock(row: Any) -> Any:
    return stock_of(StockKey(row[2], row[3]), row[4], row[5:])


def _channel(row: Any) -> Any:
    return channel_of(StockKey(row[2], row[3]), row[4], row[5:])


def _reservation(row: Any) -> Any:
    return reservation_of(row[2], row[3:_NUMBER], row[_NUMBER:])


def _fact(row: Any) -> Any:
    return OrderFact(row[2], row[3])


def _log(row: Any) -> Any:
    return log_of(row[2:])


def _outbox(row: Any) -> Any:
    return OutboxRow(row[2], row[3], StockKey(row[4], row[5]), row[6])


def _due(row: Any) -> Any:
    return DueLock(row[2], row[3])


_KEY = ("t.object_type", "t.object_id")
_PARTS: tuple[tuple[str, str, str, tuple[str, ...], Callable[[Any], Any]], ...] = (
    ("stocks", "poi_item_stock AS t", "object_type, object_id", (*_KEY, STOCK_FLAG, *STOCK_NUMBERS), _stock),
    (
        "channels",
        "poi_item_channel_stock AS c",
        "object_type, object_id, channel_code",
        ("c.object_type", "c.object_id", "c.channel_code", *CHANNEL_NUMBERS),
        _channel,
    ),
    (
        "reservations",
        "poi_stock_reservation AS r",
        "order_id, sku_id, line_no",
        (RESERVATION_FLAG, *RESERVATION_TEXTS, *RESERVATION_NUMBERS),
        _reservation,
    ),
    ("facts", "poi_stock_order AS t", "order_id", ("order_id", "closed_at"), _fact),
    (
        "logs",
        "poi_item_stock_log AS t",
        "seq",
        LOG_COLUMNS,
        _log,
    ),
    ("outbox", "poi_stock_outbox AS t", "seq", ("seq", "prev_seq", *_KEY, "committed_at"), _outbox),
    (
        "incidents",
        "poi_stock_incident AS i",
        "seq",
        INCIDENT,
        lambda row: incident_of(row[2:]),
    ),
    ("due", "poi_stock_due AS t", "due_at, order_id", ("due_at", "order_id"), _due),
    (
        "alerts",
        "poi_stock_alert AS t",
        "seq, channel_code",
        ("seq", "channel_code", "kind", *_KEY, thousandths("quantity"), thousandths("threshold"), "raised_at"),
        lambda row: alert_of(row[2:]),
    ),
    (
        "timer",
        "poi_stock_timer AS t",
        "poi_id",
        ("due_at", "planned_version", "timed_at", "revision", "told", "told_seq"),
        lambda row: Timer(*row[2:]),
    ),
    (
        "journals",
        "poi_stock_journal AS t",
        "device_id, journal_id",
        JOURNAL,
        lambda row: Journal(*row[2:]),
    ),
    ("hubs", "poi_stock_hub AS t", "hub_id", HUB, lambda row: hub_of(row[2:])),
)


async def audit(target: DatabaseUrl, owner: str, bucket: int | None) -> AsyncIterator[AuditStore]:
    """Every store that has a head row, in key order."""
    connection = await open_session(target, f"eightysix {owner} audit")
    try:
        for (each,) in [(bucket,)] if bucket is not None else await _fetch(connection, _BUCKETS):
            for store in await _audit_bucket(connection, each):
                yield store
    finally:
        connection.terminate()


async def _audit_bucket(connection: asyncpg.Connection, bucket: int) -> list[AuditStore]:
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            now = await connection.fetchval(_NOW)
            heads = {
                StoreKey(bucket, brand_id, poi_id): Head(*rest)
                for brand_id, poi_id, *rest in await connection.fetch(_HEADS, bucket)
            }
            rows: dict[StoreKey, dict[str, list[Any]]] = {store: {part[0]: [] for part in _PARTS} for store in heads}
            for name, table, order, columns, value in _PARTS:
                statement = (
                    f"SELECT brand_id, poi_id, {', '.join(columns)} FROM {table} "
                    f"WHERE product_shard_id = $1 ORDER BY brand_id, poi_id, {order}"
                )
                for row in await connection.fetch(statement, bucket):
                    of_store = rows.get(StoreKey(bucket, row[0], row[1]))
                    if of_store is not None:
                        of_store[name].append(value(row))
    except CLIENT_ERRORS as error:
        raise statement_fault(error) from error
    return [_store(store, now, head, rows[store]) for store, head in heads.items()]


def _store(store: StoreKey, now: int, head: Head, rows: dict[str, list[Any]]) -> AuditStore:
    timer = next(iter(rows.pop("timer")), None)
    parts: dict[str, Any] = {name: tuple(values) for name, values in rows.items()}
    return AuditStore(store, now, head, timer=timer, **parts)


async def _fetch(connection: asyncpg.Connection, statement: str) -> list[Any]:
    try:
        return list(await connection.fetch(statement))
    except CLIENT_ERRORS as error:
        raise statement_fault(error) from error
