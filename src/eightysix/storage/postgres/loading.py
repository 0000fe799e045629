"""What a batch reads, each in one round trip: the heads under lock, the orders, the stocks.

Rows come back with the number (`at`) of what they were asked for, so that keys are neither sent back nor made again.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any

import asyncpg

from eightysix.core.change import DueLock, Head, Incident, Journal, JournalKey, OrderFact, RequestRecord, Timer
from eightysix.core.hub import Hub
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation
from eightysix.storage.port import DUE_MOST, Opened, OrdersWanted, StoreOrders, StoreStocks, WholeStore

from .packing import STOCK, STORE, Field, Kind, pack, row_source
from .rows import (
    CHANNEL_NUMBERS,
    CHANNEL_TEXTS,
    CLOCK,
    HUB,
    INCIDENT,
    JOURNAL,
    RESERVATION_FLAG,
    RESERVATION_NUMBERS,
    RESERVATION_TEXTS,
    STOCK_FLAG,
    STOCK_NUMBERS,
    channel_of,
    hub_of,
    incident_of,
    reservation_of,
    slots,
    stock_of,
)

_AT = Field("at", Kind.BIG)
_STORES = (_AT, *STORE)
_ORDERS = (_AT, *STORE, Field("order_id", Kind.IDENT))
_REQUESTS = (_AT, *STORE, Field("request_id", Kind.IDENT))
_CLOCKED = (_AT, *STORE, Field("now", Kind.BIG))
_STOCKS = (_AT, *STOCK)
_HUBS = (_AT, *STORE, Field("hub_id", Kind.IDENT))
_INCIDENTS = (_AT, *STORE, Field("seq", Kind.BIG))
_JOURNALS = (_AT, *STORE, Field("device_id", Kind.IDENT), Field("journal_id", Kind.IDENT))


def same(table: str, source: str, columns: Sequence[str]) -> str:
    """The join condition over the leading columns of a key."""
    return " AND ".join(f"{table}.{column} = {source}.{column}" for column in columns)


def looked_up(table: str, alias: str, source: str, columns: Sequence[str], more: str = "TRUE") -> str:
    """A join that finds the rows of `table` by key for each row of `source`.

    `OFFSET 0` keeps the planner from turning it round: it would read all of a table that it believes to be empty.
    """
    found = f"{same(alias, source, columns)} AND {more}"
    return f"CROSS JOIN LATERAL (SELECT * FROM {table} AS {alias} WHERE {found} OFFSET 0) AS {alias}"


_STORE_KEY = ("product_shard_id", "brand_id", "poi_id")
_ORDER_KEY = (*_STORE_KEY, "order_id")
_STOCK_KEY = (*_STORE_KEY, "object_type", "object_id")
_TIMER = ("due_at", "planned_version", "timed_at", "revision", "told", "told_seq")
_WHOLE = 2 + len(STOCK_NUMBERS)
_LINE = len(RESERVATION_NUMBERS)
_TEXTS = len(RESERVATION_TEXTS)
_NUMBER = 3 + _TEXTS
"""Where the integers of a row of an order begin."""


@cache
def lock_heads_statement(*, skip_locked: bool) -> str:
    """Locks in the order of `at`: the sort stands below the lock in the plan. The clock stands above it: a row leaves
    the CTE only when it is locked, so the latest of the answered instants is later than every lock."""
    source = row_source(_STORES, count(1))
    wait = " SKIP LOCKED" if skip_locked else ""
    return (
        "WITH held AS MATERIALIZED (SELECT v.at, h.seq, h.outbox_seq, h.last_at "
        f"FROM {source} AS v JOIN poi_stock_head AS h ON {same('h', 'v', _STORE_KEY)} "
        f"ORDER BY v.at FOR UPDATE OF h{wait}) "
        f"SELECT at, seq, outbox_seq, last_at, {CLOCK} FROM held"
    )


def _orders_statement() -> str:
    numbers = count(1)
    orders, stores = row_source(_ORDERS, numbers), row_source(_CLOCKED, numbers)
    held = slots(1, "o.at", RESERVATION_FLAG, RESERVATION_TEXTS, RESERVATION_NUMBERS, width=_LINE, texts_width=_TEXTS)
    held_due = slots(
        4, "o.at", RESERVATION_FLAG, RESERVATION_TEXTS, RESERVATION_NUMBERS, width=_LINE, texts_width=_TEXTS
    )
    fact = slots(2, "o.at", texts=("f.order_id",), numbers=("f.closed_at",), width=_LINE, texts_width=_TEXTS)
    fact_due = slots(5, "o.at", texts=("f.order_id",), numbers=("f.closed_at",), width=_LINE, texts_width=_TEXTS)
    due = slots(3, "o.at", texts=("o.order_id",), numbers=("o.due_at",), width=_LINE, texts_width=_TEXTS)
    reservations = looked_up("poi_stock_reservation", "r", "o", _ORDER_KEY)
    facts = looked_up("poi_stock_order", "f", "o", _ORDER_KEY)
    dues = (  # in the order of the key, so the limit ends the look
        f"CROSS JOIN LATERAL (SELECT * FROM poi_stock_due AS d WHERE {same('d', 'v', _STORE_KEY)} "
        f"AND d.due_at <= v.now ORDER BY d.due_at LIMIT {DUE_MOST}) AS d"
    )
    return (
        f"WITH wanted AS MATERIALIZED (SELECT * FROM {orders} AS v), "
        "due AS MATERIALIZED (SELECT v.at, v.product_shard_id, v.brand_id, v.poi_id, d.order_id, d.due_at "
        f"FROM {stores} AS v {dues}) "
        f"SELECT {held} FROM wanted AS o {reservations} UNION ALL SELECT {fact} FROM wanted AS o {facts} "
        f"UNION ALL SELECT {due} FROM due AS o UNION ALL SELECT {held_due} FROM due AS o {reservations} "
        f"UNION ALL SELECT {fact_due} FROM due AS o {facts}"
    )


def _requests_statement() -> str:
    return (
        "SELECT v.at::int, q.request_id, q.digest, q.outcome, q.recorded_at "
        f"FROM {row_source(_REQUESTS, count(1))} AS v "
        f"{looked_up('poi_stock_request', 'q', 'v', (*_STORE_KEY, 'request_id'))}"
    )


def _stocks_statement() -> str:
    width = len(STOCK_NUMBERS)
    stock = slots(1, "w.at", STOCK_FLAG, numbers=STOCK_NUMBERS, width=width, texts_width=1)
    channel = slots(2, "w.at", texts=CHANNEL_TEXTS, numbers=CHANNEL_NUMBERS, width=width, texts_width=1)
    return (
        f"WITH wanted AS MATERIALIZED (SELECT * FROM {row_source(_STOCKS, count(1))} AS v) "
        f"SELECT {stock} FROM wanted AS w {looked_up('poi_item_stock', 't', 'w', _STOCK_KEY)} UNION ALL "
        f"SELECT {channel} FROM wanted AS w {looked_up('poi_item_channel_stock', 'c', 'w', _STOCK_KEY)}"
    )


def _whole_statement() -> str:
    """Whole stores: the keys of their stocks come with them."""
    key = ("object_type", "object_id")
    stock = slots(
        1, "w.at", STOCK_FLAG, numbers=(*(f"t.{name}" for name in key), *STOCK_NUMBERS), width=_WHOLE, texts_width=1
    )
    channel = slots(
        2,
        "w.at",
        texts=CHANNEL_TEXTS,
        numbers=(*(f"c.{name}" for name in key), *CHANNEL_NUMBERS),
        width=_WHOLE,
        texts_width=1,
    )
    timer = slots(3, "w.at", numbers=[f"m.{name}" for name in _TIMER], width=_WHOLE, texts_width=1)
    return (
        f"WITH wanted AS MATERIALIZED (SELECT * FROM {row_source(_STORES, count(1))} AS v) "
        f"SELECT {stock} FROM wanted AS w {looked_up('poi_item_stock', 't', 'w', _STORE_KEY)} UNION ALL "
        f"SELECT {channel} FROM wanted AS w {looked_up('poi_item_channel_stock', 'c', 'w', _STORE_KEY)} UNION ALL "
        f"SELECT {timer} FROM wanted AS w {looked_up('poi_stock_timer', 'm', 'w', _STORE_KEY)}"
    )


def _timers_statement() -> str:
    return (
        f"SELECT v.at::int, {', '.join(f'm.{name}' for name in _TIMER)} FROM {row_source(_STORES, count(1))} AS v "
        f"{looked_up('poi_stock_timer', 'm', 'v', _STORE_KEY)}"
    )


def _journals_statement() -> str:
    key = (*_STORE_KEY, "device_id", "journal_id")
    return (
        f"SELECT v.at::int, {', '.join(f'j.{name}' for name in JOURNAL)} FROM {row_source(_JOURNALS, count(1))} AS v "
        f"{looked_up('poi_stock_journal', 'j', 'v', key)}"
    )


def _hubs_statement() -> str:
    return (
        f"SELECT v.at::int, {', '.join(f'h.{name}' for name in HUB)} FROM {row_source(_HUBS, count(1))} AS v "
        f"{looked_up('poi_stock_hub', 'h', 'v', (*_STORE_KEY, 'hub_id'))}"
    )


def _incidents_statement() -> str:
    return (
        f"SELECT v.at::int, {', '.join(INCIDENT)} FROM {row_source(_INCIDENTS, count(1))} AS v "
        f"{looked_up('poi_stock_incident', 'i', 'v', (*_STORE_KEY, 'seq'))}"
    )


def _taken_statement() -> str:
    row = slots(1, "0", RESERVATION_FLAG, RESERVATION_TEXTS, RESERVATION_NUMBERS, width=_LINE, texts_width=_TEXTS)
    return (
        f"SELECT {row} FROM poi_stock_reservation AS r WHERE r.product_shard_id = $1 AND r.brand_id = $2 "
        "AND r.poi_id = $3 AND (r.state = 1 OR r.state IN (2, 4) AND r.locked_at >= $4) "
        "ORDER BY r.order_id, r.sku_id, r.line_no"
    )


ORDERS_STATEMENT = _orders_statement()
REQUESTS_STATEMENT = _requests_statement()
STOCKS_STATEMENT = _stocks_statement()
WHOLE_STATEMENT = _whole_statement()
TIMERS_STATEMENT = _timers_statement()
JOURNALS_STATEMENT = _journals_statement()
HUBS_STATEMENT = _hubs_statement()
INCIDENTS_STATEMENT = _incidents_statement()
TAKEN_STATEMENT = _taken_statement()


async def lock_heads(connection: asyncpg.Connection, stores: Sequence[StoreKey], *, skip_locked: bool) -> Opened:
    """Lock the head rows of `stores`, which are sorted; rows that don't exist are missing from the answer."""
    rows = await connection.fetch(lock_heads_statement(skip_locked=skip_locked), *_packed_stores(stores))
    heads = {stores[at]: Head(seq, outbox_seq, last_at) for at, seq, outbox_seq, last_at, _ in rows}
    return Opened(max((row[4] for row in rows), default=0), heads)


async def load_orders(
    connection: asyncpg.Connection, wanted: Mapping[StoreKey, OrdersWanted], now: Mapping[StoreKey, int]
) -> dict[StoreKey, StoreOrders]:
    """See `Lane.load_orders`."""
    stores = list(wanted)
    found = {store: StoreOrders([], [], [], []) for store in stores}
    if not stores:
        return found
    order_ids = [order_id for orders in wanted.values() for order_id in orders.order_ids]
    owners = [store for store, orders in wanted.items() for _ in orders.order_ids]
    arguments = pack(_ORDERS, [range(len(owners)), *_spread(owners), order_ids])
    arguments += pack(_CLOCKED, [range(len(stores)), *_spread(stores), [now[store] for store in stores]])
    for row in await connection.fetch(ORDERS_STATEMENT, *arguments):
        part, at = row[0], row[1]
        if part == 1:
            found[owners[at]].reservations.append(_reservation(row))
        elif part == 2:
            found[owners[at]].facts.append(OrderFact(row[3], row[_NUMBER]))
        elif part == 3:
            found[stores[at]].due.append(DueLock(row[_NUMBER], row[3]))
        elif row[3] not in wanted[stores[at]].order_ids:  # a due order that was asked for too came with the others
            if part == 4:
                found[stores[at]].reservations.append(_reservation(row))
            else:
                found[stores[at]].facts.append(OrderFact(row[3], row[_NUMBER]))
    await _load_requests(connection, wanted, found)
    return found


async def _load_requests(
    connection: asyncpg.Connection, wanted: Mapping[StoreKey, OrdersWanted], found: dict[StoreKey, StoreOrders]
) -> None:
    owners = [store for store, orders in wanted.items() for _ in orders.request_ids]
    if not owners:
        return
    request_ids = [request_id for orders in wanted.values() for request_id in orders.request_ids]
    arguments = pack(_REQUESTS, [range(len(owners)), *_spread(owners), request_ids])
    for at, request_id, digest, outcome, recorded_at in await connection.fetch(REQUESTS_STATEMENT, *arguments):
        found[owners[at]].requests.append(RequestRecord(request_id, digest, outcome.encode(), recorded_at))


async def load_stocks(
    connection: asyncpg.Connection, wanted: Mapping[StoreKey, set[StockKey]]
) -> dict[StoreKey, StoreStocks]:
    """See `Lane.load_stocks`."""
    found = {store: StoreStocks([], []) for store in wanted}
    owners = [store for store, keys in wanted.items() for _ in keys]
    if not owners:
        return found
    keys = [key for of_store in wanted.values() for key in of_store]
    arguments = pack(_STOCKS, [range(len(owners)), *_spread(owners), *zip(*keys, strict=True)])
    for row in await connection.fetch(STOCKS_STATEMENT, *arguments):
        at = row[1]
        if row[0] == 1:
            found[owners[at]].stocks.append(stock_of(keys[at], row[2], row[4:]))
        else:
            found[owners[at]].channels.append(channel_of(keys[at], row[3], row[4 : 4 + len(CHANNEL_NUMBERS)]))
    return found


async def load_whole(connection: asyncpg.Connection, stores: Sequence[StoreKey]) -> dict[StoreKey, WholeStore]:
    """See `Lane.load_whole`."""
    found = [WholeStore([], [], None) for _ in stores]
    for part, at, flag, text, *numbers in await connection.fetch(WHOLE_STATEMENT, *_packed_stores(stores)):
        if part == 1:
            found[at].stocks.append(stock_of(StockKey(*numbers[:2]), flag, numbers[2:]))
        elif part == 2:
            numbers_of_channel = numbers[2 : 2 + len(CHANNEL_NUMBERS)]
            found[at].channels.append(channel_of(StockKey(*numbers[:2]), text, numbers_of_channel))
        else:
            found[at].timer = Timer(*numbers[: len(_TIMER)])
    return dict(zip(stores, found, strict=True))


async def load_timers(connection: asyncpg.Connection, stores: Sequence[StoreKey]) -> dict[StoreKey, Timer | None]:
    """See `Lane.load_timers`."""
    found: dict[StoreKey, Timer | None] = dict.fromkeys(stores)
    for at, *timer in await connection.fetch(TIMERS_STATEMENT, *_packed_stores(stores)):
        found[stores[at]] = Timer(*timer)
    return found


async def load_journals(
    connection: asyncpg.Connection, wanted: Mapping[StoreKey, set[JournalKey]]
) -> dict[StoreKey, list[Journal]]:
    """See `Lane.load_journals`."""
    found: dict[StoreKey, list[Journal]] = {store: [] for store in wanted}
    owners = [store for store, keys in wanted.items() for _ in keys]
    if not owners:
        return found
    keys = [key for of_store in wanted.values() for key in of_store]
    arguments = pack(_JOURNALS, [range(len(owners)), *_spread(owners), *zip(*keys, strict=True)])
    for at, *journal in await connection.fetch(JOURNALS_STATEMENT, *arguments):
        found[owners[at]].append(Journal(*journal))
    return found


async def load_hubs(connection: asyncpg.Connection, wanted: Mapping[StoreKey, set[str]]) -> dict[StoreKey, list[Hub]]:
    """See `Lane.load_hubs`."""
    found: dict[StoreKey, list[Hub]] = {store: [] for store in wanted}
    owners = [store for store, hub_ids in wanted.items() for _ in hub_ids]
    if not owners:
        return found
    hub_ids = [hub_id for of_store in wanted.values() for hub_id in of_store]
    arguments = pack(_HUBS, [range(len(owners)), *_spread(owners), hub_ids])
    for at, *hub in await connection.fetch(HUBS_STATEMENT, *arguments):
        found[owners[at]].append(hub_of(hub))
    return found


async def load_incidents(
    connection: asyncpg.Connection, wanted: Mapping[StoreKey, set[int]]
) -> dict[StoreKey, list[Incident]]:
    """See `Lane.load_incidents`."""
    found: dict[StoreKey, list[Incident]] = {store: [] for store in wanted}
    owners = [store for store, seqs in wanted.items() for _ in seqs]
    if not owners:
        return found
    seqs = [seq for of_store in wanted.values() for seq in of_store]
    arguments = pack(_INCIDENTS, [range(len(owners)), *_spread(owners), seqs])
    for at, *incident in await connection.fetch(INCIDENTS_STATEMENT, *arguments):
        found[owners[at]].append(incident_of(incident))
    return found


async def load_taken(connection: asyncpg.Connection, store: StoreKey, since: int) -> list[Reservation]:
    """See `Lane.load_taken_since`."""
    return [_reservation(row) for row in await connection.fetch(TAKEN_STATEMENT, *store, since)]


def _reservation(row: Any) -> Reservation:
    return reservation_of(row[2], row[3:_NUMBER], row[_NUMBER:])


def _packed_stores(stores: Sequence[StoreKey]) -> list[Any]:
    return pack(_STORES, [range(len(stores)), *_spread(stores)])


def _spread(stores: Sequence[StoreKey]) -> list[Sequence[Any]]:
    """The three columns of the stores."""
    return list(zip(*stores, strict=True)) or [(), (), ()]
