"""Reads outside of batches: every answer is one statement, and so one snapshot."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from eightysix.core.change import Alert, Head, Journal, OrderFact
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation
from eightysix.core.stock import ChannelStock, Stock
from eightysix.storage.port import MAX_SEQ, HubRows, LostConnection, Planned, StoreRows, Unavailable

from .fault import CLIENT_ERRORS, connect_fault, statement_fault
from .loading import looked_up
from .rows import (
    CHANNEL_NUMBERS,
    CHANNEL_TEXTS,
    CLOCK,
    HUB,
    JOURNAL,
    RESERVATION_FLAG,
    RESERVATION_NUMBERS,
    RESERVATION_TEXTS,
    STOCK_FLAG,
    STOCK_NUMBERS,
    alert_of,
    channel_of,
    hub_of,
    reservation_of,
    slots,
    stock_of,
    thousandths,
)

_STORE_IS = "{0}.product_shard_id = $1 AND {0}.brand_id = $2 AND {0}.poi_id = $3"
_TEXTS, _NUMBERS, _LINE = len(RESERVATION_TEXTS), 2 + len(STOCK_NUMBERS), len(RESERVATION_NUMBERS)
_NUMBER = 3 + _TEXTS
"""Where a row's integers begin."""
_HEAD, _STOCK, _CHANNEL, _RESERVATION, _NEXT_DUE, _FACT = range(6)

_HEAD_NUMBERS = ("(SELECT now FROM clock)", "h.seq", "h.outbox_seq", "h.last_at")
_ORDER_KEY = ("product_shard_id", "brand_id", "poi_id", "order_id")
_KEY_NUMBERS = ("object_type", "object_id")


def _row(part: int, flag: str = "NULL", texts: Sequence[str] = (), numbers: Sequence[str] = ()) -> str:
    return slots(part, "NULL", flag, texts, numbers, width=_NUMBERS, texts_width=_TEXTS)


def _store_rows_statement(*, named: bool) -> str:
    """`named`: only the stocks given by $4 (types) and $5 (ids), each found by its whole key."""
    stock = _row(_STOCK, STOCK_FLAG, numbers=(*(f"t.{name}" for name in _KEY_NUMBERS), *STOCK_NUMBERS))
    channel = _row(_CHANNEL, texts=CHANNEL_TEXTS, numbers=(*(f"c.{name}" for name in _KEY_NUMBERS), *CHANNEL_NUMBERS))
    reservations = looked_up("poi_stock_reservation", "r", "d", _ORDER_KEY)
    due = (
        f"(SELECT * FROM poi_stock_due AS d WHERE {_STORE_IS.format('d')} "
        f"AND d.due_at <= (SELECT now FROM clock) OFFSET 0) AS d {reservations} "
        "WHERE r.state = 1 AND r.expires_at <= (SELECT now FROM clock)"
    )
    next_due = (
        f"(SELECT d.due_at FROM poi_stock_due AS d WHERE {_STORE_IS.format('d')} "
        "AND d.due_at > (SELECT now FROM clock) ORDER BY d.due_at LIMIT 1)"
    )
    return (
        f"WITH clock AS MATERIALIZED (SELECT {CLOCK} AS now) "
        f"SELECT {_row(_HEAD, numbers=_HEAD_NUMBERS)} FROM (SELECT 1) AS always "
        f"LEFT JOIN poi_stock_head AS h ON {_STORE_IS.format('h')} "
        f"UNION ALL SELECT {stock} FROM {_of_store('poi_item_stock', 't', named=named)} "
        f"UNION ALL SELECT {channel} FROM {_of_store('poi_item_channel_stock', 'c', named=named)} "
        f"UNION ALL SELECT {_row(_RESERVATION, RESERVATION_FLAG, RESERVATION_TEXTS, RESERVATION_NUMBERS)} FROM {due} "
        f"UNION ALL SELECT {_row(_NEXT_DUE, numbers=(next_due,))}"
    )


def _of_store(table: str, alias: str, *, named: bool) -> str:
    if not named:
        return f"{table} AS {alias} WHERE {_STORE_IS.format(alias)}"
    return (
        "unnest($4::smallint[], $5::bigint[]) AS k (object_type, object_id) "
        f"{looked_up(table, alias, 'k', _KEY_NUMBERS, _STORE_IS.format(alias))}"
    )


def _order_statement() -> str:
    order_is = _STORE_IS + " AND {0}.order_id = $4"
    return (
        f"WITH clock AS MATERIALIZED (SELECT {CLOCK} AS now) "
        f"SELECT {_row(_HEAD, numbers=_HEAD_NUMBERS[:1])} UNION ALL "
        f"SELECT {_row(_RESERVATION, RESERVATION_FLAG, RESERVATION_TEXTS, RESERVATION_NUMBERS)} "
        f"FROM poi_stock_reservation AS r WHERE {order_is.format('r')} UNION ALL "
        f"SELECT {_row(_FACT, texts=('f.order_id',), numbers=('f.closed_at',))} "
        f"FROM poi_stock_order AS f WHERE {order_is.format('f')}"
    )


def _live_statement() -> str:
    found = looked_up("poi_stock_reservation", "r", "d", ("order_id",), _STORE_IS.format("r"))
    return (
        f"WITH clock AS MATERIALIZED (SELECT {CLOCK} AS now) "
        f"SELECT {_row(_HEAD, numbers=_HEAD_NUMBERS[:1])} UNION ALL "
        f"(SELECT {_row(_RESERVATION, RESERVATION_FLAG, RESERVATION_TEXTS, RESERVATION_NUMBERS)} "
        f"FROM (SELECT DISTINCT d.order_id FROM poi_stock_due AS d WHERE {_STORE_IS.format('d')} "
        f"AND d.due_at > (SELECT now FROM clock) AND d.order_id > $4 OFFSET 0) AS d {found} "
        "WHERE r.state = 1 AND r.expires_at > (SELECT now FROM clock) AND r.hub_id IS NULL "
        "ORDER BY r.order_id, r.sku_id, r.line_no LIMIT $5)"
    )


ALL_ROWS_STATEMENT = _store_rows_statement(named=False)
NAMED_ROWS_STATEMENT = _store_rows_statement(named=True)
ORDER_STATEMENT = _order_statement()
LIVE_STATEMENT = _live_statement()
HUBS_STATEMENT = f"SELECT {', '.join(HUB)} FROM poi_stock_hub AS h WHERE {_STORE_IS.format('h')}"
JOURNALS_STATEMENT = (
    f"SELECT {', '.join(JOURNAL)} FROM poi_stock_journal AS j WHERE {_STORE_IS.format('j')} AND j.chain IS NOT NULL"
)
HEAD_STATEMENT = (
    f"SELECT {CLOCK}, h.seq, h.outbox_seq, h.last_at FROM (SELECT 1) AS always "
    f"LEFT JOIN poi_stock_head AS h ON {_STORE_IS.format('h')}"
)
DUE_STORES_STATEMENT = (
    f"WITH clock AS MATERIALIZED (SELECT {CLOCK} AS now) SELECT DISTINCT d.product_shard_id, d.brand_id, d.poi_id "
    "FROM unnest($1::smallint[]) AS b (product_shard_id) "
    f"{looked_up('poi_stock_due', 'd', 'b', ('product_shard_id',), 'd.due_at <= (SELECT now FROM clock)')} LIMIT $2"
)

NEXT_TIMERS_STATEMENT = (
    f"WITH clock AS MATERIALIZED (SELECT {CLOCK} AS now) "
    "SELECT (SELECT now FROM clock), NULL::bigint, NULL::smallint, NULL, NULL UNION ALL (SELECT NULL, t.due_at, "
    "t.product_shard_id, t.brand_id, t.poi_id FROM unnest($1::smallint[]) AS b (product_shard_id) "
    "CROSS JOIN LATERAL (SELECT * FROM poi_stock_timer AS t WHERE t.product_shard_id = b.product_shard_id "
    "AND t.due_at IS NOT NULL ORDER BY t.due_at LIMIT $2) AS t ORDER BY t.due_at LIMIT $2)"
)
PLANNED_VERSIONS_STATEMENT = (
    "SELECT h.product_shard_id, h.brand_id, h.poi_id, coalesce(t.planned_version, 0), coalesce(t.told, 0) "
    "FROM poi_stock_head AS h LEFT JOIN poi_stock_timer AS t USING (product_shard_id, brand_id, poi_id) "
    "WHERE h.product_shard_id = ANY ($1::smallint[])"
)
ALERTS_STATEMENT = (
    "SELECT a.seq, a.channel_code, a.kind, a.object_type, a.object_id, "
    f"{thousandths('a.quantity')}, {thousandths('a.threshold')}, a.raised_at "
    f"FROM poi_stock_alert AS a WHERE {_STORE_IS.format('a')} AND (a.seq, a.channel_code) < ($4::bigint, $5) "
    "ORDER BY a.seq DESC, a.channel_code DESC LIMIT $6"
)


class PostgresReader:
    """See `eightysix.storage.port.Reader`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def head(self, store: StoreKey) -> tuple[int, Head]:
        now, seq, outbox_seq, last_at = (await self.fetch(HEAD_STATEMENT, *store))[0]
        return now, Head() if seq is None else Head(seq, outbox_seq, last_at)

    async def store_rows(self, store: StoreKey, keys: Sequence[StockKey] | None) -> StoreRows:
        if keys is None:
            rows = await self.fetch(ALL_ROWS_STATEMENT, *store)
        else:
            unique = list(dict.fromkeys(keys))
            types, ids = [key[0] for key in unique], [key[1] for key in unique]
            rows = await self.fetch(NAMED_ROWS_STATEMENT, *store, types, ids)
        now, head, next_due_at = 0, Head(), None
        stocks: list[Stock] = []
        channels: list[ChannelStock] = []
        due: list[Reservation] = []
        for row in rows:
            part, numbers = row[0], row[_NUMBER:]
            if part == _STOCK:
                stocks.append(stock_of(StockKey(*numbers[:2]), row[2], numbers[2:]))
            elif part == _CHANNEL:
                channels.append(channel_of(StockKey(*numbers[:2]), row[3], numbers[2 : 2 + len(CHANNEL_NUMBERS)]))
            elif part == _RESERVATION:
                due.append(reservation_of(row[2], row[3:_NUMBER], numbers[:_LINE]))
            elif part == _NEXT_DUE:
                next_due_at = numbers[0]
            else:
                now = numbers[0]
                head = Head() if numbers[1] is None else Head(*numbers[1:4])
        return StoreRows(now, head, tuple(stocks), tuple(channels), tuple(due), next_due_at)

    async def order(self, store: StoreKey, order_id: str) -> tuple[int, list[Reservation], OrderFact | None]:
        now, fact = 0, None
        lines: list[Reservation] = []
        for row in await self.fetch(ORDER_STATEMENT, *store, order_id):
            if row[0] == _RESERVATION:
                lines.append(reservation_of(row[2], row[3:_NUMBER], row[_NUMBER : _NUMBER + _LINE]))
            elif row[0] == _FACT:
                fact = OrderFact(row[3], row[_NUMBER])
            else:
                now = row[_NUMBER]
        return now, sorted(lines, key=lambda line: line.line), fact

    async def live_lines(self, store: StoreKey, after: str, limit: int) -> tuple[int, list[Reservation]]:
        now, lines = 0, []
        for row in await self.fetch(LIVE_STATEMENT, *store, after, limit):
            if row[0] == _RESERVATION:
                lines.append(reservation_of(row[2], row[3:_NUMBER], row[_NUMBER : _NUMBER + _LINE]))
            else:
                now = row[_NUMBER]
        return now, sorted(lines, key=lambda line: (line.order_id, line.line))

    async def hub_rows(self, store: StoreKey) -> HubRows:
        hubs = tuple(hub_of(row) for row in await self.fetch(HUBS_STATEMENT, *store))
        return HubRows(hubs, tuple(Journal(*row) for row in await self.fetch(JOURNALS_STATEMENT, *store)))

    async def due_stores(self, buckets: Sequence[int], limit: int) -> list[StoreKey]:
        return [StoreKey(*row) for row in await self.fetch(DUE_STORES_STATEMENT, list(buckets), limit)]

    async def next_timers(self, buckets: Sequence[int], limit: int) -> tuple[int, list[tuple[int, StoreKey]]]:
        now, found = 0, []
        for clock, due_at, *store in await self.fetch(NEXT_TIMERS_STATEMENT, list(buckets), limit):
            if clock is not None:
                now = clock
            else:
                found.append((due_at, StoreKey(*store)))
        return now, found

    async def planned_versions(self, buckets: Sequence[int]) -> dict[StoreKey, Planned]:
        rows = await self.fetch(PLANNED_VERSIONS_STATEMENT, list(buckets))
        return {StoreKey(*store): Planned(version, told) for *store, version, told in rows}

    async def alerts(self, store: StoreKey, before: tuple[int, str] | None, limit: int) -> list[Alert]:
        rows = await self.fetch(ALERTS_STATEMENT, *store, *(before or (MAX_SEQ, "")), limit)
        return [alert_of(row) for row in rows]

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run one reading statement; once more on another connection if the pool's had died unnoticed."""
        try:
            return await self._fetch(statement, arguments)
        except LostConnection:
            try:
                return await self._fetch(statement, arguments)
            except LostConnection as error:
                raise Unavailable(str(error)) from error

    async def _fetch(self, statement: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        try:
            connection = await self._pool.acquire()
        except CLIENT_ERRORS as error:
            raise connect_fault(error) from error
        try:
            return list(await connection.fetch(statement, *arguments))
        except CLIENT_ERRORS as error:
            raise statement_fault(error) from error
        finally:
            await self._pool.release(connection)
