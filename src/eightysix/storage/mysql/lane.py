"""A lane's own connection and its marker row.

InnoDB's lock timeout has whole seconds, so heads are locked with SKIP LOCKED and short retries until 500 ms are
over. A try that didn't get all its heads gives back those it got: two lanes that wait for each other's can't happen.
"""

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence

from eightysix.core.change import Head, Incident, Journal, JournalKey, StoreChanges, Timer
from eightysix.core.hub import Hub, HubBooks
from eightysix.core.invariant import invariant
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation, State
from eightysix.storage.port import (
    DAY_MS,
    MARKER_DAYS,
    NO_BOOKS,
    Conflict,
    LockTimeout,
    LostConnection,
    Opened,
    OrdersWanted,
    Rejected,
    StorageFault,
    StoreOrders,
    StoreStocks,
    WholeStore,
)

from . import literal, load
from .save import save_changes
from .session import Session
from .statement import inserts
from .table import CHANNEL, HEAD, HUB, INCIDENT, JOURNAL, ORDER, REQUEST, RESERVATION, STOCK, STORE, TIMER

LOCK_SECONDS = 0.5
PAUSE_SECONDS_MAX = 0.008
"""Pauses between tries are random, so that lanes of several processes don't keep step."""

MARKER_SECONDS = 20.0
"""How long `committed` waits for a transaction that a lost connection left behind; the server ends idle ones sooner."""

_SKIP = "FOR UPDATE SKIP LOCKED"


class MysqlLane:
    """See `port.Lane`."""

    def __init__(self, session: Session, owner: str, lane_no: int, marker_bucket: int, physical_shards: int) -> None:
        self._session = session
        self._bucket = marker_bucket
        self._shards = physical_shards
        self._mine = (
            f"product_shard_id = {int(marker_bucket)} AND owner = {literal.text(owner)} AND lane = {int(lane_no)}"
        )
        self._marker = f"({int(marker_bucket)},{literal.text(owner)},{int(lane_no)},0,0)"

    async def open(self) -> None:
        """Connect, make the marker row if need be, and remove those of the long gone."""
        await self._session.open()
        await self._make_marker()
        await self._remove_old_markers()

    async def _make_marker(self) -> None:
        """Its clock starts with the first batch, by the server's."""
        columns = "product_shard_id,owner,lane,batch_no,started_at"
        sql = f"INSERT INTO poi_stock_marker ({columns}) VALUES {self._marker}"
        await self._session.change(f"{sql} ON DUPLICATE KEY UPDATE batch_no = batch_no")

    async def _remove_old_markers(self) -> None:
        """One by one, by the whole key: a DELETE over the bucket would wait for the rows of lanes at work."""
        bucket = f"product_shard_id = {int(self._bucket)}"
        old = f"started_at < {load.CLOCK} - {MARKER_DAYS * DAY_MS}"
        sql = f"SELECT owner, lane FROM poi_stock_marker WHERE {bucket} AND {old} AND NOT ({self._mine})"
        for owner, lane in await self._session.rows(sql):
            key = f"{bucket} AND owner = {literal.text(owner)} AND lane = {int(lane)}"
            try:
                await self._session.change(f"DELETE FROM poi_stock_marker WHERE {key} AND {old}")
            except Conflict:
                continue  # it lives, or another process is at it

    async def begin(self, stores: Sequence[StoreKey], batch_no: int, *, skip_locked: bool = False) -> Opened:
        wanted = sorted(set(stores))
        self._check(wanted)
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + LOCK_SECONDS
        while True:
            heads, busy = await self._try(wanted, batch_no)
            if heads is not None and (skip_locked or not busy):
                return Opened(await self._clock(), heads)
            if skip_locked:
                # their first rows are being made by another transaction; an INSERT would have to wait for it
                wanted = [store for store in wanted if store not in busy]
                continue
            if heads is not None:
                await self._session.change("ROLLBACK")
            if loop.time() >= give_up_at:
                raise LockTimeout(f"{len(busy)} of {len(wanted)} head rows are held by another transaction")
            await asyncio.sleep(random.uniform(0.001, PAUSE_SECONDS_MAX))  # noqa: S311 - nothing secret

    async def _try(self, wanted: list[StoreKey], batch_no: int) -> tuple[dict[StoreKey, Head] | None, set[StoreKey]]:
        """(the heads that could be locked, the stores whose head is busy). No heads: the transaction is rolled back."""
        if not await self._mark(batch_no):
            await self._session.change("ROLLBACK")
            await self._make_marker()
            if not await self._mark(batch_no):
                raise LostConnection("the lane's marker row is gone")
        heads = await load.heads(self._session, wanted, _SKIP)
        missing = [store for store in wanted if store not in heads]
        if not missing:
            return heads, set()
        there = await load.heads(self._session, missing)
        absent = [store for store in missing if store not in there]
        if absent:
            try:
                await self._make_heads(absent)
            except LockTimeout:
                await self._session.change("ROLLBACK")
                return None, set(absent)
            heads |= await load.heads(self._session, absent, _SKIP)
        return heads, {store for store in wanted if store not in heads}

    async def _mark(self, batch_no: int) -> bool:
        """Begin and write the number; False where the marker row is gone."""
        await self._session.change("START TRANSACTION")
        sql = f"UPDATE poi_stock_marker SET batch_no = {int(batch_no)}, started_at = {load.CLOCK} WHERE {self._mine}"
        return await self._session.change(sql) == 1

    async def _make_heads(self, stores: Sequence[StoreKey]) -> None:
        rows = [HEAD.row(literal.store_key(store), Head()) for store in stores]
        for sql, _ in inserts(HEAD.table, HEAD.columns, rows):
            await self._session.change(f"{sql} ON DUPLICATE KEY UPDATE seq = seq")

    async def _clock(self) -> int:
        """The clock of the database that the lane's stores lie in: a SELECT without a table could go anywhere."""
        ((now,),) = await self._session.rows(f"SELECT {load.CLOCK} AS clock FROM poi_stock_marker WHERE {self._mine}")
        return int(now)

    async def load_orders(
        self, wanted: Mapping[StoreKey, OrdersWanted], now: Mapping[StoreKey, int]
    ) -> dict[StoreKey, StoreOrders]:
        self._check(wanted)
        session = self._session
        due = await load.due_locks(session, now)
        orders = {
            store: wants.order_ids | {lock.order_id for lock in due.get(store, ())} for store, wants in wanted.items()
        }
        reservations = await load.by_text(session, RESERVATION, "order_id", orders)
        facts = await load.by_text(session, ORDER, "order_id", orders)
        requests = await load.by_text(
            session, REQUEST, "request_id", {store: wants.request_ids for store, wants in wanted.items()}
        )
        return {
            store: StoreOrders(
                reservations.get(store, []), facts.get(store, []), requests.get(store, []), due.get(store, [])
            )
            for store in wanted
        }

    async def load_stocks(self, wanted: Mapping[StoreKey, set[StockKey]]) -> dict[StoreKey, StoreStocks]:
        self._check(wanted)
        keys = [load.stock_tuple(store, key) for store, stocks in wanted.items() for key in stocks]
        stocks = await load.select(self._session, STOCK, load.STOCK_KEY, keys)
        channels = await load.select(self._session, CHANNEL, load.STOCK_KEY, keys)
        return {store: StoreStocks(stocks.get(store, []), channels.get(store, [])) for store in wanted}

    async def load_whole(self, stores: Sequence[StoreKey]) -> dict[StoreKey, WholeStore]:
        timers = await self.load_timers(stores)
        stocks = await load.by_store(self._session, STOCK, stores)
        channels = await load.by_store(self._session, CHANNEL, stores)
        return {store: WholeStore(stocks.get(store, []), channels.get(store, []), timers[store]) for store in stores}

    async def load_timers(self, stores: Sequence[StoreKey]) -> dict[StoreKey, Timer | None]:
        self._check(stores)
        timers = await load.by_store(self._session, TIMER, stores)
        return {store: next(iter(timers.get(store, ())), None) for store in stores}

    async def load_journals(self, wanted: Mapping[StoreKey, set[JournalKey]]) -> dict[StoreKey, list[Journal]]:
        self._check(wanted)
        keys = [
            (*load.store_tuple(store), *map(literal.text, key))
            for store, journals in wanted.items()
            for key in journals
        ]
        found = await load.select(self._session, JOURNAL, (*STORE, "device_id", "journal_id"), keys)
        return {store: found.get(store, []) for store in wanted}

    async def load_hubs(self, wanted: Mapping[StoreKey, set[str]]) -> dict[StoreKey, list[Hub]]:
        self._check(wanted)
        found = await load.by_text(self._session, HUB, "hub_id", wanted)
        return {store: found.get(store, []) for store in wanted}

    async def load_incidents(self, wanted: Mapping[StoreKey, set[int]]) -> dict[StoreKey, list[Incident]]:
        self._check(wanted)
        keys = [(*load.store_tuple(store), str(int(seq))) for store, seqs in wanted.items() for seq in seqs]
        found = await load.select(self._session, INCIDENT, (*STORE, "seq"), keys)
        return {store: found.get(store, []) for store in wanted}

    async def load_books(self, store: StoreKey, keys: Collection[StockKey] | None) -> HubBooks:  # noqa: ARG002 - the port's
        raise Rejected(NO_BOOKS)

    async def load_taken_since(self, store: StoreKey, since: int) -> list[Reservation]:
        self._check([store])
        key = " AND ".join(f"{name} = {value}" for name, value in zip(STORE, load.store_tuple(store), strict=True))
        later = f"state IN ({int(State.DEDUCTED)},{int(State.RETURNED)}) AND locked_at >= {int(since)}"
        rows = await self._session.rows(
            f"SELECT {RESERVATION.selected} FROM {RESERVATION.table} "
            f"WHERE {key} AND (state = {int(State.LOCKED)} OR {later})"
        )
        return [RESERVATION.read(row[3:]) for row in rows]

    async def save(self, changes: Mapping[StoreKey, StoreChanges]) -> None:
        self._check(changes)
        await save_changes(self._session, changes)

    async def commit(self) -> None:
        try:
            await self._session.change("COMMIT")
        except LostConnection:
            raise
        except StorageFault as fault:
            # whatever the server says here, only the marker row tells whether it is done
            self._session.drop()
            raise LostConnection(f"during COMMIT: {fault}") from fault

    async def rollback(self) -> None:
        await self._session.idle()
        if self._session.is_open:
            try:
                await self._session.change("ROLLBACK")
            except StorageFault:
                self._session.drop()  # the server rolls back what a closed connection leaves

    async def reconnect(self) -> None:
        await self._session.reopen()

    async def committed(self, batch_no: int) -> bool:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + MARKER_SECONDS
        while True:
            await self._session.change("START TRANSACTION")
            try:
                rows = await self._session.rows(f"SELECT batch_no FROM poi_stock_marker WHERE {self._mine} FOR UPDATE")
            except Conflict:
                await self._session.change("ROLLBACK")
                if loop.time() >= give_up_at:
                    raise
                continue
            await self._session.change("COMMIT")
            return [int(row[0]) for row in rows] == [batch_no]

    async def close(self) -> None:
        await self._session.close()

    def _check(self, stores: Mapping[StoreKey, object] | Sequence[StoreKey]) -> None:
        shard = self._bucket % self._shards
        invariant(
            all(store.bucket % self._shards == shard for store in stores), "a batch stays within one physical shard"
        )
