"""A lane on PostgreSQL: one connection, one transaction after the other (the port's `Lane`)."""

from collections.abc import Collection, Coroutine, Mapping, Sequence
from time import monotonic
from typing import Any, TypeVar

import asyncpg

from eightysix.core.change import Incident, Journal, JournalKey, StoreChanges, Timer
from eightysix.core.hub import Hub, HubBooks
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation
from eightysix.storage.port import (
    DAY_MS,
    MARKER_DAYS,
    NO_BOOKS,
    Conflict,
    Opened,
    OrdersWanted,
    Rejected,
    StoreOrders,
    StoreStocks,
    WholeStore,
)
from eightysix.storage.url import DatabaseUrl

from . import loading, saving
from .fault import CLIENT_ERRORS, LOCK_NOT_AVAILABLE, begin_fault, statement_fault
from .plan_age import PlanAge
from .rows import CLOCK
from .session import open_session
from .unbroken import unbroken

T = TypeVar("T")

_MAKE_MARKER = f"""
INSERT INTO poi_stock_marker (product_shard_id, owner, lane, batch_no, started_at) VALUES ($1, $2, $3, 0, {CLOCK})
ON CONFLICT (product_shard_id, owner, lane) DO NOTHING
"""
_REMOVE_OLD_MARKERS = f"""
DELETE FROM poi_stock_marker AS m USING (
    SELECT owner, lane FROM poi_stock_marker WHERE product_shard_id = $1 AND started_at < {CLOCK} - $2::bigint
    FOR UPDATE SKIP LOCKED
) AS old
WHERE m.product_shard_id = $1 AND m.owner = old.owner AND m.lane = old.lane
"""
MARKER_SECONDS = 20.0
"""How long `committed` waits for a transaction that a lost connection left behind. One that hangs in its COMMIT, as it
does while a synchronous standby is away, isn't idle and may hold the row for ever."""

_BEGIN_ROUNDS = 4
"""How often a begin starts again because head rows appeared or were missing."""

_NOW = f"SELECT {CLOCK}"
_READ_MARKER = """
SELECT batch_no FROM poi_stock_marker WHERE product_shard_id = $1 AND owner = $2 AND lane = $3 FOR UPDATE
"""
_MISSING_HEADS = """
SELECT v.bucket, v.brand_id, v.poi_id
FROM unnest($1::smallint[], $2::text[], $3::text[]) AS v (bucket, brand_id, poi_id)
WHERE NOT EXISTS (SELECT 1 FROM poi_stock_head AS h WHERE h.product_shard_id = v.bucket AND h.brand_id = v.brand_id
                  AND h.poi_id = v.poi_id)
"""
_MAKE_HEADS = """
INSERT INTO poi_stock_head (product_shard_id, brand_id, poi_id)
SELECT v.bucket, v.brand_id, v.poi_id FROM unnest($1::smallint[], $2::text[], $3::text[])
WITH ORDINALITY AS v (bucket, brand_id, poi_id, at) ORDER BY v.at
ON CONFLICT (product_shard_id, brand_id, poi_id) DO NOTHING
"""


class PostgresLane:
    """See `eightysix.storage.port.Lane`. Statements are never cancelled: a cancelled caller waits for their end."""

    def __init__(
        self, target: DatabaseUrl, owner: str, lane_no: int, marker_bucket: int, connection: asyncpg.Connection
    ) -> None:
        self._target = target
        self._name = _session_name(owner, lane_no)
        self._marker = (marker_bucket, owner, lane_no)
        self._connection = connection
        self._plans = PlanAge()

    @classmethod
    async def open(cls, target: DatabaseUrl, owner: str, lane_no: int, marker_bucket: int) -> "PostgresLane":
        """Connect, make the marker row if need be, and remove those of the long gone."""
        lane = cls(target, owner, lane_no, marker_bucket, await open_session(target, _session_name(owner, lane_no)))
        try:
            await lane._statement(lane._make_marker())
            await lane._statement(lane._remove_old_markers())
        except BaseException:
            lane._connection.terminate()
            raise
        return lane

    async def begin(self, stores: Sequence[StoreKey], batch_no: int, *, skip_locked: bool = False) -> Opened:
        try:
            return await unbroken(self._begin(sorted(stores), batch_no, skip_locked=skip_locked))
        except CLIENT_ERRORS as error:
            raise begin_fault(error) from error

    async def load_orders(
        self, wanted: Mapping[StoreKey, OrdersWanted], now: Mapping[StoreKey, int]
    ) -> dict[StoreKey, StoreOrders]:
        return await self._statement(loading.load_orders(self._connection, wanted, now))

    async def load_stocks(self, wanted: Mapping[StoreKey, set[StockKey]]) -> dict[StoreKey, StoreStocks]:
        return await self._statement(loading.load_stocks(self._connection, wanted))

    async def load_whole(self, stores: Sequence[StoreKey]) -> dict[StoreKey, WholeStore]:
        return await self._statement(loading.load_whole(self._connection, stores))

    async def load_timers(self, stores: Sequence[StoreKey]) -> dict[StoreKey, Timer | None]:
        return await self._statement(loading.load_timers(self._connection, stores))

    async def load_journals(self, wanted: Mapping[StoreKey, set[JournalKey]]) -> dict[StoreKey, list[Journal]]:
        return await self._statement(loading.load_journals(self._connection, wanted))

    async def load_hubs(self, wanted: Mapping[StoreKey, set[str]]) -> dict[StoreKey, list[Hub]]:
        return await self._statement(loading.load_hubs(self._connection, wanted))

    async def load_incidents(self, wanted: Mapping[StoreKey, set[int]]) -> dict[StoreKey, list[Incident]]:
        return await self._statement(loading.load_incidents(self._connection, wanted))

    async def load_books(self, store: StoreKey, keys: Collection[StockKey] | None) -> HubBooks:  # noqa: ARG002 - the port's
        raise Rejected(NO_BOOKS)

    async def load_taken_since(self, store: StoreKey, since: int) -> list[Reservation]:
        return await self._statement(loading.load_taken(self._connection, store, since))

    async def save(self, changes: Mapping[StoreKey, StoreChanges]) -> None:
        await self._statement(saving.save(self._connection, changes))

    async def commit(self) -> None:
        status = await self._statement(self._connection.execute("COMMIT"))
        if status != "COMMIT":  # the server answers ROLLBACK when a statement of the transaction has failed
            raise Conflict("the transaction had failed before its commit")

    async def rollback(self) -> None:
        await unbroken(self._rollback())

    async def reconnect(self) -> None:
        self._connection.terminate()
        self._connection = await unbroken(open_session(self._target, self._name))
        self._plans = PlanAge()

    async def committed(self, batch_no: int) -> bool:
        give_up_at = monotonic() + MARKER_SECONDS
        while True:
            try:
                found = await unbroken(self._connection.fetchval(_READ_MARKER, *self._marker))
            except CLIENT_ERRORS as error:
                waited = isinstance(error, asyncpg.PostgresError) and error.sqlstate == LOCK_NOT_AVAILABLE
                if waited and monotonic() < give_up_at:
                    continue  # the old transaction still lives; the server ends an idle one after 5 s
                raise statement_fault(error) from error
            return bool(found == batch_no)

    async def close(self) -> None:
        await unbroken(self._close())

    async def _begin(self, stores: list[StoreKey], batch_no: int, *, skip_locked: bool) -> Opened:
        await self._mark(batch_no)
        for _ in range(_BEGIN_ROUNDS):
            opened = await self._lock(stores, skip_locked=skip_locked)
            absent = [store for store in stores if store not in opened.heads]
            missing = await self._missing_heads(absent) if absent else []
            if not absent or (skip_locked and not missing):
                return opened
            # Also where another batch has just made them: locked now, they would be locked out of key order.
            await self._begin_with_new_heads(missing, batch_no, skip_locked=skip_locked)
        if skip_locked:
            return await self._lock(stores, skip_locked=True)
        raise Conflict("head rows come and go while they are being locked")

    async def _lock(self, stores: list[StoreKey], *, skip_locked: bool) -> Opened:
        opened = await loading.lock_heads(self._connection, stores, skip_locked=skip_locked)
        return opened if opened.heads else Opened(await self._connection.fetchval(_NOW), {})

    async def _missing_heads(self, stores: list[StoreKey]) -> list[Sequence[Any]]:
        """The columns of those of `stores` that have no head row; empty if all have one."""
        return list(zip(*await self._connection.fetch(_MISSING_HEADS, *zip(*stores, strict=True)), strict=True))

    async def _begin_with_new_heads(self, missing: list[Sequence[Any]], batch_no: int, *, skip_locked: bool) -> None:
        """Begin again, and make the missing heads before any other is locked.

        Made after others were locked, a new row would be waited for out of key order, and two batches could wait for
        each other. Making one waits for a batch that is just making it too.
        """
        await self._connection.execute("ROLLBACK")
        await self._mark(batch_no)
        if not missing:
            return
        try:
            await self._connection.execute(_MAKE_HEADS, *missing)
        except asyncpg.LockNotAvailableError:
            if not skip_locked:
                raise
            await self._connection.execute("ROLLBACK")
            await self._mark(batch_no)

    async def _mark(self, batch_no: int) -> None:
        """Begin, and take the marker's row lock; a row that is gone is made anew, for all to see."""
        if await self._found_marker(batch_no):
            return
        await self._connection.execute("ROLLBACK")
        await self._make_marker()
        if not await self._found_marker(batch_no):
            raise Conflict("this lane's marker row is gone")

    async def _found_marker(self, batch_no: int) -> bool:
        """Begin and write the number: one round trip, its reply awaited before anything else is sent."""
        bucket, owner, lane_no = self._marker
        quoted = owner.replace("'", "''")
        fresh_plans = "DISCARD PLANS; " if self._plans.too_old() else ""
        status = await self._connection.execute(
            f"{fresh_plans}BEGIN; UPDATE poi_stock_marker SET batch_no = {batch_no:d}, started_at = {CLOCK} "
            f"WHERE product_shard_id = {bucket:d} AND owner = '{quoted}' AND lane = {lane_no:d}"
        )
        return bool(status == "UPDATE 1")

    async def _make_marker(self) -> None:
        await self._connection.execute(_MAKE_MARKER, *self._marker)

    async def _remove_old_markers(self) -> None:
        await self._connection.execute(_REMOVE_OLD_MARKERS, self._marker[0], MARKER_DAYS * DAY_MS)

    async def _rollback(self) -> None:
        if self._connection.is_closed():
            return
        try:
            await self._connection.execute("ROLLBACK")
        except CLIENT_ERRORS:
            self._connection.terminate()  # whatever it was, the server rolls back a session that is gone

    async def _close(self) -> None:
        try:
            await self._connection.close(timeout=5)
        except CLIENT_ERRORS:
            self._connection.terminate()

    async def _statement(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await unbroken(work)
        except CLIENT_ERRORS as error:
            raise statement_fault(error) from error


def _session_name(owner: str, lane_no: int) -> str:
    return f"eightysix {owner} lane {lane_no}"
