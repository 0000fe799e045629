"""Pages of the change log against a naive filter over all rows, and its old end taken away."""

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from eightysix.core.change import Head, Kind, LogRow
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.log_query import ALL, LogQuery, LogSpan
from eightysix.storage.change_log import ChangeLog, LogPage

from .scene import DISH, SOUP, Scene, a_reservation, a_stock, changes, next_changes

ROWS = 400
START = 1_000_000
TOP = ROWS * 2 + 3
RARE = StockKey(2, 77)


def a_row(seq: int, **fields: object) -> LogRow:
    """One of a mixture: stocks, orders, people, sources, kinds and channels change in steps of different length. Ten
    rows in a row are of one instant; rows without a message of their own leave gaps in the sequence."""
    usual: dict[str, object] = {
        "key": RARE if seq % 75 == 1 else (DISH, SOUP, StockKey(1, DISH.object_id))[seq % 3],
        "kind": list(Kind)[seq % 7],
        "quantity": -1_500 if seq % 7 == 5 else 1_000,
        "real_before": None if seq < 20 else 10_000,
        "real_after": -2_000 if seq % 11 == 0 else 9_000,
        "locked_before": None if seq < 20 else 1_000,
        "locked_after": 2_000,
        "order_id": None if seq % 5 == 0 else f"order-{seq // 8}",
        "channel_code": None if seq % 5 == 0 else ("POS", "KIOSK")[seq % 2],
        "actor": f"key-{seq % 4}",
        "source": ("api", "timer")[seq % 13 == 0],
        "event_id": None if seq % 9 else f"event-{seq}",
        "happened_at": None if seq % 9 else START + seq - 500,
        "at": START + seq // 10 * 1_000,
        "reason": None if seq % 6 else "菜 '; DROP TABLE x --",
        "content": None if seq % 10 else '{"real":[1000,2000]}',
    }
    return LogRow(seq=seq, **(usual | fields))  # type: ignore[arg-type]


def chained(rows: Iterable[LogRow]) -> list[LogRow]:
    """Each row names the one before it, but for those of an earlier program (which tell no `before`): an order's chain
    begins anew behind them."""
    stocks: dict[StockKey, int] = {}
    orders: dict[str | None, int | None] = {}
    found: list[LogRow] = []
    for row in rows:
        if row.real_before is None:
            found.append(row)
        else:
            order_prev = None if row.order_id is None else orders.get(row.order_id, 0)
            found.append(replace(row, stock_prev=stocks.get(row.key, 0), order_prev=order_prev))
        stocks[row.key] = row.seq
        orders[row.order_id] = None if row.real_before is None else row.seq
    return found


def with_ends(rows: list[LogRow]) -> dict[str, Any]:
    """The rows, and the stocks and orders that know the last of theirs."""
    stocks = {row.key: row.seq for row in rows}
    orders = {row.order_id: None if row.real_before is None else row.seq for row in rows if row.order_id is not None}
    lines = [
        (None, a_reservation(order_id, line_no=line, log_seq=last and last * line))
        for order_id, last in orders.items()
        for line in (0, 1)
    ]
    return {
        "logs": rows,
        "stocks": [(None, a_stock(key, version=last)) for key, last in stocks.items()],
        "reservations": lines,
    }


def all_rows() -> list[LogRow]:
    """Oldest first, every fourth sequence value missing."""
    return chained(a_row(seq) for seq in range(1, TOP) if seq % 4)


@pytest.fixture(scope="session")
async def book(database: object) -> tuple[ChangeLog, StoreKey]:
    """The log of a store of many rows, between two other stores of its bucket."""
    scene = Scene(database)  # type: ignore[arg-type]
    middle = scene.store(brand_id="m")
    others = [StoreKey.of(brand_id, middle.poi_id) for brand_id in ("a", "z")]
    await scene.write({middle: changes(head=Head(TOP, 0, START * 2), **with_ends(all_rows()))})
    few = with_ends(chained(a_row(seq) for seq in range(1, 50)))
    await scene.write({store: changes(**few) for store in others})
    await scene.close()
    return ChangeLog(scene.database.log.table, scan_most=50, chain_most=50), middle


def wanted(query: LogQuery, rows: list[LogRow]) -> list[LogRow]:
    """The naive filter."""
    return [
        row
        for row in reversed(rows)
        if (query.key is None or row.key == query.key)
        and (query.order_id is None or row.order_id == query.order_id)
        and (query.actor is None or row.actor == query.actor)
        and (query.source is None or row.source == query.source)
        and (not query.kinds or row.kind in query.kinds)
        and (query.channel_code is None or row.channel_code == query.channel_code)
        and (query.since is None or row.at >= query.since)
        and (query.until is None or row.at < query.until)
    ]


async def every_page(log: ChangeLog, store: StoreKey, query: LogQuery, most: int) -> tuple[list[LogRow], int]:
    """All rows, page by page, and how many pages that took."""
    rows, rest, pages = [], None, 0
    while True:
        page = await log.page(store, query, rest, most)
        assert len(page.rows) <= most
        rows += page.rows
        pages += 1
        if page.rest is None:
            return rows, pages
        assert _place(page.rest) < _place(rest or ALL)
        rest = page.rest


def _place(rest: LogSpan) -> tuple[int, bool]:
    """How far down it is; where a chain ends, what is left is looked for from there on."""
    return (rest.at or rest.below, rest.at is not None)


QUERIES = {
    "everything": LogQuery(),
    "a stock": LogQuery(key=SOUP),
    "an SPU with the number of a SKU": LogQuery(key=StockKey(1, DISH.object_id)),
    "a stock that never was": LogQuery(key=StockKey(2, 1)),
    "an order": LogQuery(order_id="order-7"),
    "an order of an earlier program": LogQuery(order_id="order-0"),
    "an order that an earlier program began": LogQuery(order_id="order-2"),
    "a stock that changes rarely": LogQuery(key=RARE),
    "a stock that changes rarely, to an instant": LogQuery(key=RARE, until=START + 40_000),
    "a stock that changes rarely, before its last row": LogQuery(key=RARE, until=START + 75_000),
    "a stock to an instant": LogQuery(key=SOUP, until=START + 40_000),
    "a stock from an instant": LogQuery(key=SOUP, since=START + 40_000),
    "an order that ended later": LogQuery(order_id="order-7", until=START + 6_000),
    "an order that began earlier": LogQuery(order_id="order-7", since=START + 6_000),
    "an order that never was": LogQuery(order_id="Order-7"),
    "an order's part of a stock": LogQuery(order_id="order-7", key=DISH),
    "a person": LogQuery(actor="key-3"),
    "a person who never was": LogQuery(actor="nobody"),
    "a source": LogQuery(source="timer"),
    "a kind": LogQuery(kinds=(int(Kind.AMEND),)),
    "some kinds": LogQuery(kinds=(int(Kind.LOCK), int(Kind.RETURN))),
    "a channel": LogQuery(channel_code="KIOSK"),
    "a stock on a channel": LogQuery(key=DISH, channel_code="POS"),
    "from an instant": LogQuery(since=START + 40_000),
    "from just after an instant": LogQuery(since=START + 40_001),
    "to an instant": LogQuery(until=START + 40_000),
    "to just after an instant": LogQuery(until=START + 40_001),
    "before everything": LogQuery(until=START),
    "after everything": LogQuery(since=START * 2),
    "between two instants": LogQuery(since=START + 10_500, until=START + 30_000),
    "a moment": LogQuery(since=START + 11_000, until=START + 12_000),
    "an empty stretch": LogQuery(since=START + 11_001, until=START + 11_002),
    "a stretch that ends before it starts": LogQuery(since=START + 30_000, until=START + 10_000),
    "a stock between two instants": LogQuery(key=SOUP, since=START + 10_500, until=START + 30_000),
    "all at once": LogQuery(DISH, "order-7", "key-1", "api", (1, 2, 3, 4, 5, 6, 7), "KIOSK", START, START * 2),
}


@pytest.mark.parametrize("most", [1, 7, 1_000])
@pytest.mark.parametrize("what", QUERIES)
async def test_pages_together_are_what_a_naive_filter_finds(
    book: tuple[ChangeLog, StoreKey], what: str, most: int
) -> None:
    found, _ = await every_page(*book, QUERIES[what], most)
    assert found == wanted(QUERIES[what], all_rows())


async def test_the_queries_above_find_something(book: tuple[ChangeLog, StoreKey]) -> None:
    empty = {what for what, query in QUERIES.items() if not wanted(query, all_rows())}
    assert empty == {
        "a stock that never was", "an order that never was", "a person who never was", "before everything",
        "after everything", "an empty stretch", "a stretch that ends before it starts",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "looked_at"),
    [
        (LogQuery(actor="nobody"), len(all_rows())),
        (LogQuery(key=SOUP, actor="nobody"), len([row for row in all_rows() if row.key == SOUP])),
        (LogQuery(order_id="order-7", actor="nobody"), 6),
        (LogQuery(order_id="order-7", key=StockKey(2, 1)), 6),
    ],
)
async def test_a_page_looks_at_few_rows_where_nothing_is_found(
    book: tuple[ChangeLog, StoreKey], query: LogQuery, looked_at: int
) -> None:
    found, pages = await every_page(*book, query, 100)
    assert found == []
    if not book[0].table.has_chains:
        looked_at = len(all_rows())
    assert looked_at // 50 <= pages <= looked_at // 50 + 2


@pytest.mark.parametrize("what", [what for what, query in QUERIES.items() if query.has_chain])
@pytest.mark.parametrize(("scan_most", "chain_most"), [(1, 1), (5, 3)])
async def test_a_page_that_looks_at_few_rows_says_where_to_go_on(
    book: tuple[ChangeLog, StoreKey], what: str, scan_most: int, chain_most: int
) -> None:
    log = ChangeLog(book[0].table, scan_most, chain_most)
    if not log.table.has_chains and scan_most < 5:
        return
    found, _ = await every_page(log, book[1], QUERIES[what], 2)
    assert found == wanted(QUERIES[what], all_rows())


async def test_a_chain_ends_where_its_rows_are_no_longer_kept(scene: Scene) -> None:
    store = scene.store()
    log = scene.database.log
    rows = chained(a_row(seq) for seq in range(21, 200))
    await scene.write({store: changes(head=Head(200, 0, START * 2), **with_ends(rows))})
    assert await log.table.remove(store, LogSpan(0, 101), before=START * 2) == 80
    kept = [row for row in rows if row.seq > 100]
    for query in (LogQuery(key=SOUP), LogQuery(order_id="order-12"), LogQuery(order_id="order-5")):
        assert await every_page(log, store, query, 1_000) == (wanted(query, kept), 1)
    await log.table.remove(store, ALL, before=10**15)


async def test_a_chain_is_followed_from_where_the_last_page_ended_whatever_was_written_since(scene: Scene) -> None:
    store = scene.store()
    log = scene.database.log
    first_rows = chained(a_row(seq, key=SOUP, order_id="o") for seq in range(21, 25))
    await scene.write({store: changes(head=Head(24, 0, 4), **with_ends(first_rows))})
    for query in (LogQuery(key=SOUP), LogQuery(order_id="o")):
        pages = [await log.page(store, query, None, 2)]
        last = await scene.audit(store)
        assert last is not None
        seq = last.head.seq
        row = a_row(seq + 1, key=SOUP, order_id="o", stock_prev=seq, order_prev=seq)
        stock = replace(last.stocks[0], version=seq + 1)
        lines = [(line, replace(line, log_seq=seq + 1, revision=line.revision + 1)) for line in last.reservations]
        parts = {"logs": [row], "stocks": [(last.stocks[0], stock)], "reservations": lines, "head_before": last.head}
        await scene.write({store: next_changes(seq, **parts)})
        while (rest := pages[-1].rest) is not None:
            pages.append(await log.page(store, query, rest, 2))
        assert [row.seq for page in pages for row in page.rows] == list(range(seq, 20, -1))
        assert (await log.page(store, query, None, 1)).rows == [row]


async def test_a_page_goes_on_where_the_last_one_ended_whatever_was_written_since(scene: Scene) -> None:
    store = scene.store()
    log = scene.database.log
    await scene.write({store: changes(head=Head(4, 0, 4), logs=[a_row(seq) for seq in range(1, 5)])})
    first = await log.page(store, LogQuery(), None, 2)
    await scene.write({store: next_changes(4, logs=[a_row(5)], head_before=Head(4, 0, 4))})
    second = await log.page(store, LogQuery(), first.rest, 2)
    assert [row.seq for row in first.rows + second.rows] == [4, 3, 2, 1]
    assert second.rest is None
    assert [row.seq for row in (await log.page(store, LogQuery(), None, 9)).rows] == [5, 4, 3, 2, 1]


async def test_a_store_without_a_log(scene: Scene) -> None:
    store = scene.store()
    log = scene.database.log
    for query in (LogQuery(), LogQuery(actor="a"), LogQuery(since=1), LogQuery(until=1)):
        assert await log.page(store, query, None, 10) == LogPage([], None)
    assert await log.first_since(store, 0) is None
    assert await log.table.remove(store, ALL, 10**15) == 0


async def test_instants_are_found_in_a_few_looks(book: tuple[ChangeLog, StoreKey]) -> None:
    log, store = book
    looks = itertools.count()

    class Counted:
        """The table, and how often it is asked for a mark."""

        def __getattr__(self, name: str) -> object:
            next(looks)
            return getattr(log.table, name)

    counted = ChangeLog(Counted())  # type: ignore[arg-type]
    for at in range(START - 1_000, START + 84_000, 500):
        rows = [row.seq for row in all_rows() if row.at >= at]
        assert await counted.first_since(store, at) == (rows[0] if rows else None)
    assert next(looks) < 170 * 6


async def test_only_old_rows_of_the_span_are_removed(scene: Scene) -> None:
    first, second = scene.stores(2)
    twin = StoreKey.of("twin", first.poi_id)
    rows = [a_row(seq, at=1_000 * seq) for seq in range(1, 31)]
    whole = changes(head=Head(30, 0, 30_000), logs=rows)
    await scene.write(dict.fromkeys((first, second, twin), whole))
    log = scene.database.log

    async def left(store: StoreKey) -> list[int]:
        return [row.seq for row in (await log.page(store, LogQuery(), None, 100)).rows][::-1]

    assert await log.table.remove(first, LogSpan(3, 11), before=1_000 * 8) == 5
    assert await left(first) == [1, 2, *range(8, 31)]
    assert await log.table.remove(first, LogSpan(3, 11), before=1_000 * 8) == 0
    assert await log.table.remove(first, ALL, before=0) == 0
    assert await log.table.remove(first, ALL, before=10**15) == 25
    assert await left(first) == []
    assert await left(second) == await left(twin) == list(range(1, 31))
    assert {first, twin} <= set(await log.table.stores(first.bucket))
    assert second not in await log.table.stores(first.bucket) or second.bucket == first.bucket
