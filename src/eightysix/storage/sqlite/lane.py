"""A lane's own connection: begin, load, save, commit, each in one trip to its thread."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from eightysix.core.change import Head, Incident, Journal, JournalKey, StoreChanges, Timer
from eightysix.core.hub import Hub, HubBooks
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation
from eightysix.storage.port import (
    DAY_MS,
    MARKER_DAYS,
    LostConnection,
    Opened,
    OrdersWanted,
    Rejected,
    StoreOrders,
    StoreStocks,
    WholeStore,
)

from . import hub_rows, rows, statements
from .connection import ConnectionThread
from .save import run, writes

T = TypeVar("T")

_REMOVE_OLD_MARKERS = f"DELETE FROM poi_stock_marker WHERE product_shard_id = ? AND started_at < {statements.NOW} - ?"  # noqa: S608 - no value


class SqliteLane:
    """`storage.port.Lane`. The write lock that begin takes is the lock of every head row."""

    def __init__(self, path: Path, marker: tuple[int, str, int], on_close: Callable[["SqliteLane"], object]) -> None:
        self._thread = ConnectionThread(path)
        self._marker = marker
        self._on_close = on_close

    async def open(self) -> None:
        """Connect, make the marker row if need be, and remove those of the long gone."""
        await self._thread.open()
        await self._thread.run(self._make_marker)
        await self._thread.run(self._remove_old_markers)

    async def begin(self, stores: Sequence[StoreKey], batch_no: int, *, skip_locked: bool = False) -> Opened:  # noqa: ARG002 - the port's
        """See the port. Nothing is ever skipped: whoever has the write lock has every store."""
        wanted = rows.encode(stores).decode()

        def work(connection: sqlite3.Connection) -> tuple[int, list[list[int]]]:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute(statements.MARK, (batch_no, *self._marker)).rowcount != 1:
                self._make_marker(connection)  # nobody else looks at it before this transaction has ended
                connection.execute(statements.MARK, (batch_no, *self._marker))
            now, text = connection.execute(statements.HEADS, (wanted,)).fetchone()
            found = rows.decode(text)
            if len(found) < len(stores):
                connection.execute(statements.MAKE_HEADS, (wanted,))
            return now, found

        now, found = await self._thread.run(work)
        heads = dict.fromkeys(stores, Head())
        for row in found:
            at = row.pop()
            heads[stores[at]] = rows.head(row)
        return Opened(now, heads)

    async def load_orders(
        self, wanted: Mapping[StoreKey, OrdersWanted], now: Mapping[StoreKey, int]
    ) -> dict[StoreKey, StoreOrders]:
        """See the port."""
        stores = list(wanted)
        clocks = rows.encode([(at, *store, now[store]) for at, store in enumerate(stores)]).decode()
        named = {(at, order_id) for at, want in enumerate(wanted.values()) for order_id in want.order_ids}
        requests = [
            (at, *store, request_id)
            for at, (store, want) in enumerate(wanted.items())
            for request_id in want.request_ids
        ]

        def work(connection: sqlite3.Connection) -> tuple[list[list[Any]], str, str, str]:
            due = rows.decode(connection.execute(statements.DUE_NOW, (clocks,)).fetchone()[0])
            named.update((at, order_id) for _, order_id, at in due)
            keys = rows.encode([(at, *stores[at], order_id) for at, order_id in named]).decode()
            lines, facts = connection.execute(statements.ORDERS, (keys,)).fetchone()
            records = "[]"
            if requests:
                (records,) = connection.execute(statements.REQUESTS, (rows.encode(requests).decode(),)).fetchone()
            return due, lines, facts, records

        due, lines, facts, records = await self._thread.run(work)
        loaded = [StoreOrders([], [], [], []) for _ in stores]
        for row in due:
            at = row.pop()
            loaded[at].due.append(rows.due(row))
        _hand_out(lines, rows.reservation, [each.reservations for each in loaded])
        _hand_out(facts, rows.fact, [each.facts for each in loaded])
        _hand_out(records, rows.request, [each.requests for each in loaded])
        return dict(zip(stores, loaded, strict=True))

    async def load_stocks(self, wanted: Mapping[StoreKey, set[StockKey]]) -> dict[StoreKey, StoreStocks]:
        """See the port."""
        keys = rows.encode(
            [(at, *store, *key) for at, (store, named) in enumerate(wanted.items()) for key in named]
        ).decode()

        def work(connection: sqlite3.Connection) -> tuple[str, str]:
            found: tuple[str, str] = connection.execute(statements.STOCKS, (keys,)).fetchone()
            return found

        stocks, channels = await self._thread.run(work)
        loaded = [StoreStocks([], []) for _ in wanted]
        _hand_out(stocks, rows.stock, [each.stocks for each in loaded])
        _hand_out(channels, rows.channel, [each.channels for each in loaded])
        return dict(zip(wanted, loaded, strict=True))

    async def load_whole(self, stores: Sequence[StoreKey]) -> dict[StoreKey, WholeStore]:
        """See the port."""
        keys = rows.encode([(at, *store) for at, store in enumerate(stores)]).decode()

        def work(connection: sqlite3.Connection) -> tuple[str, str, str]:
            found: tuple[str, str, str] = connection.execute(statements.WHOLE, (keys,)).fetchone()
            return found

        stocks, channels, timers = await self._thread.run(work)
        loaded = [WholeStore([], [], None) for _ in stores]
        _hand_out(stocks, rows.stock, [each.stocks for each in loaded])
        _hand_out(channels, rows.channel, [each.channels for each in loaded])
        for row in rows.decode(timers):
            at = row.pop()
            loaded[at].timer = rows.timer(row)
        return dict(zip(stores, loaded, strict=True))

    async def load_timers(self, stores: Sequence[StoreKey]) -> dict[StoreKey, Timer | None]:
        """See the port."""
        keys = rows.encode([(at, *store) for at, store in enumerate(stores)]).decode()

        def work(connection: sqlite3.Connection) -> str:
            found: str = connection.execute(statements.TIMERS, (keys,)).fetchone()[0]
            return found

        loaded: dict[StoreKey, Timer | None] = dict.fromkeys(stores)
        for row in rows.decode(await self._thread.run(work)):
            at = row.pop()
            loaded[stores[at]] = rows.timer(row)
        return loaded

    async def load_journals(self, wanted: Mapping[StoreKey, set[JournalKey]]) -> dict[StoreKey, list[Journal]]:
        """See the port."""
        named = [(at, *store, *key) for at, (store, keys) in enumerate(wanted.items()) for key in keys]
        loaded: list[list[Journal]] = [[] for _ in wanted]
        _hand_out(await self._found(statements.JOURNALS, named), rows.journal, loaded)
        return dict(zip(wanted, loaded, strict=True))

    async def load_hubs(self, wanted: Mapping[StoreKey, set[str]]) -> dict[StoreKey, list[Hub]]:
        """See the port."""
        named = [(at, *store, hub_id) for at, (store, ids) in enumerate(wanted.items()) for hub_id in ids]
        loaded: list[list[Hub]] = [[] for _ in wanted]
        _hand_out(await self._found(statements.HUBS, named), rows.hub, loaded)
        return dict(zip(wanted, loaded, strict=True))

    async def load_incidents(self, wanted: Mapping[StoreKey, set[int]]) -> dict[StoreKey, list[Incident]]:
        """See the port."""
        named = [(at, *store, seq) for at, (store, seqs) in enumerate(wanted.items()) for seq in seqs]
        loaded: list[list[Incident]] = [[] for _ in wanted]
        _hand_out(await self._found(statements.INCIDENTS, named), rows.incident, loaded)
        return dict(zip(wanted, loaded, strict=True))

    async def load_books(self, store: StoreKey, keys: Collection[StockKey] | None) -> HubBooks:
        """See the port."""
        books = await self._thread.run(lambda connection: hub_rows.load(connection, store, keys))
        if books is None:
            raise Rejected(f"no hub's books of {store.poi_id!r} were begun in this file")
        return books

    async def load_taken_since(self, store: StoreKey, since: int) -> list[Reservation]:
        """See the port."""

        def work(connection: sqlite3.Connection) -> str:
            found: str = connection.execute(statements.TAKEN_SINCE, (*store, since)).fetchone()[0]
            return found

        return [rows.reservation(row) for row in rows.decode(await self._thread.run(work))]

    async def save(self, changes: Mapping[StoreKey, StoreChanges]) -> None:
        """See the port."""
        prepared = writes(changes)

        def work(connection: sqlite3.Connection) -> None:
            for write in prepared:
                run(connection, write)

        await self._thread.run(work)

    async def commit(self) -> None:
        """See the port."""
        await self._thread.run(lambda connection: _discard(connection.execute("COMMIT")))

    async def rollback(self) -> None:
        """See the port."""
        try:
            await self._thread.run(_roll_back)
        except LostConnection:
            return

    async def reconnect(self) -> None:
        """See the port."""
        await self._thread.open()

    async def committed(self, batch_no: int) -> bool:
        """See the port."""

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute("BEGIN IMMEDIATE")
            try:
                row = connection.execute(statements.MARKED, self._marker).fetchone()
            finally:
                connection.execute("ROLLBACK")
            return row is not None and row[0] == batch_no

        return await self._thread.run(work)

    async def between(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` on the lane's connection between two batches, where the write lock is nobody else's."""
        return await self._thread.run_between(work)

    async def close(self) -> None:
        """End the connection and its thread; an open transaction is rolled back."""
        self._on_close(self)
        await self._thread.close()

    async def _found(self, statement: str, wanted: Sequence[rows.Row]) -> str:
        """What a statement of one text finds of the wanted keys."""
        keys = rows.encode(wanted).decode()

        def work(connection: sqlite3.Connection) -> str:
            found: str = connection.execute(statement, (keys,)).fetchone()[0]
            return found

        return await self._thread.run(work)

    def _make_marker(self, connection: sqlite3.Connection) -> None:
        connection.execute(statements.MAKE_MARKER, self._marker)

    def _remove_old_markers(self, connection: sqlite3.Connection) -> None:
        connection.execute(_REMOVE_OLD_MARKERS, (self._marker[0], MARKER_DAYS * DAY_MS))


def _hand_out(found: str, read: Callable[[rows.Found], T], lists: Sequence[list[T]]) -> None:
    """Each row to the list of the store whose number it ends with."""
    for row in rows.decode(found):
        at = row.pop()
        lists[at].append(read(row))


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _discard(_: object) -> None:
    return None
