"""Reads outside of batches.

Under READ COMMITTED, which the proxy sets for everybody, each statement sees its own moment. So an answer of several
statements is checked: what guards it is read first and last, and if it moved, everything is read again. After a few
tries the head row is held (shared) while the store is read; every batch locks it first.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from eightysix.core.change import Alert, Head, OrderFact
from eightysix.core.invariant import invariant
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.reservation import Reservation, State
from eightysix.storage.port import NOT_PLANNED, HubRows, Planned, StoreRows

from . import literal, load
from .pool import Pool
from .session import Session
from .table import ALERT, CHANNEL, DUE, HEAD, HUB, JOURNAL, ORDER, RESERVATION, STOCK, STORE, TIMER

T = TypeVar("T")

TRIES = 4


class MysqlReader:
    """See `port.Reader`."""

    def __init__(self, pool: Pool, physical_shards: int) -> None:
        self._pool = pool
        self._shards = physical_shards

    async def head(self, store: StoreKey) -> tuple[int, Head]:
        now, head = await self._pool.run(lambda session: load.clock_and_head(session, store))
        return now, head or Head()

    async def store_rows(self, store: StoreKey, keys: Sequence[StockKey] | None) -> StoreRows:
        async def read(session: Session) -> StoreRows:
            for _ in range(TRIES):
                now, head = await load.clock_and_head(session, store)
                rows = await _store_rows(session, store, keys, now, head or Head())
                if (await load.clock_and_head(session, store))[1] == head:
                    return rows
            return await held(session, [store], lambda: self._held_rows(session, store, keys))

        return await self._pool.run(read)

    async def _held_rows(self, session: Session, store: StoreKey, keys: Sequence[StockKey] | None) -> StoreRows:
        now, head = await load.clock_and_head(session, store)
        return await _store_rows(session, store, keys, now, head or Head())

    async def order(self, store: StoreKey, order_id: str) -> tuple[int, list[Reservation], OrderFact | None]:
        async def read(session: Session) -> tuple[int, list[Reservation], OrderFact | None]:
            before = await _lines(session, store, order_id)
            while True:
                now, _ = await load.clock_and_head(session, store)
                facts = await load.by_text(session, ORDER, "order_id", {store: [order_id]})
                lines = await _lines(session, store, order_id)
                if lines == before:  # revisions only rise, so nothing moved while the fact was read
                    return now, lines, next(iter(facts.get(store, ())), None)
                before = lines

        return await self._pool.run(read)

    async def live_lines(self, store: StoreKey, after: str, limit: int) -> tuple[int, list[Reservation]]:
        async def read(session: Session) -> tuple[int, list[Reservation]]:
            now, _ = await load.clock_and_head(session, store)
            live = await _live_orders(session, store, now, after)
            found = await load.by_text(session, RESERVATION, "order_id", {store: live})
            lines = [line for line in found.get(store, ()) if line.is_live(now) and line.hub_id is None]
            return now, sorted(lines, key=lambda line: (line.order_id, line.line))[:limit]

        return await self._pool.run(read)

    async def hub_rows(self, store: StoreKey) -> HubRows:
        async def read(session: Session) -> HubRows:
            hubs = await load.by_store(session, HUB, [store])
            journals = await load.by_store(session, JOURNAL, [store])
            told = (journal for journal in journals.get(store, ()) if journal.chain is not None)
            return HubRows(tuple(hubs.get(store, ())), tuple(told))

        return await self._pool.run(read)

    async def due_stores(self, buckets: Sequence[int], limit: int) -> list[StoreKey]:
        if not buckets:
            return []
        self._check(buckets)
        sql = (
            f"SELECT DISTINCT {','.join(STORE)} FROM {DUE.table} "
            f"WHERE {literal.buckets(buckets)} AND due_at <= {load.CLOCK} LIMIT {int(limit)}"
        )
        return [StoreKey(*row) for row in await self._pool.rows(sql)]

    async def next_timers(self, buckets: Sequence[int], limit: int) -> tuple[int, list[tuple[int, StoreKey]]]:
        self._check(buckets)
        where = literal.buckets(buckets)
        # a clock of the same database, whether a timer is set or not
        clock = (
            f"SELECT {load.CLOCK} AS clock, COUNT(*) AS timers FROM {TIMER.table} WHERE {literal.buckets(buckets[:1])}"
        )
        first = (
            f"SELECT due_at, {','.join(STORE)} FROM {TIMER.table} WHERE {where} AND due_at IS NOT NULL "
            f"ORDER BY due_at LIMIT {int(limit)}"
        )

        async def read(session: Session) -> tuple[int, list[tuple[int, StoreKey]]]:
            found = [(int(row[0]), StoreKey(*row[1:])) for row in await session.rows(first)]
            ((now, _),) = await session.rows(clock)
            return int(now), found

        return await self._pool.run(read)

    async def planned_versions(self, buckets: Sequence[int]) -> dict[StoreKey, Planned]:
        self._check(buckets)
        where, store = literal.buckets(buckets), ",".join(STORE)

        async def read(session: Session) -> dict[StoreKey, Planned]:
            heads = await session.rows(f"SELECT {store} FROM {HEAD.table} WHERE {where}")
            timers = await session.rows(f"SELECT {store},planned_version,told FROM {TIMER.table} WHERE {where}")
            planned = {StoreKey(*row[:3]): Planned(int(row[3]), int(row[4])) for row in timers}
            return {StoreKey(*row): NOT_PLANNED for row in heads} | planned

        return await self._pool.run(read)

    async def alerts(self, store: StoreKey, before: tuple[int, str] | None, limit: int) -> list[Alert]:
        where = " AND ".join(f"{name} = {value}" for name, value in zip(STORE, load.store_tuple(store), strict=True))
        if before is not None:
            seq, code = int(before[0]), literal.text(before[1])
            where += f" AND seq <= {seq} AND (seq < {seq} OR channel_code < {code})"
        sql = (
            f"SELECT {ALERT.selected} FROM {ALERT.table} WHERE {where} "
            f"ORDER BY seq DESC, channel_code DESC LIMIT {int(limit)}"
        )
        return [ALERT.read(row[3:]) for row in await self._pool.rows(sql)]

    def _check(self, buckets: Sequence[int]) -> None:
        invariant(len({bucket % self._shards for bucket in buckets}) == 1, "these buckets lie in one physical shard")


async def held(session: Session, stores: Sequence[StoreKey], read: Callable[[], Awaitable[T]]) -> T:
    """`read()` while no batch can touch `stores`, which are sorted. Raises LockTimeout when a batch keeps one."""
    await session.change("START TRANSACTION")
    try:
        await load.heads(session, stores, "LOCK IN SHARE MODE")
        answer = await read()
        await session.change("COMMIT")
    except BaseException:
        session.drop()  # the server rolls back; a connection in doubt must not return to the pool
        raise
    return answer


async def _lines(session: Session, store: StoreKey, order_id: str) -> list[Reservation]:
    found = await load.by_text(session, RESERVATION, "order_id", {store: [order_id]})
    return sorted(found.get(store, ()), key=lambda row: (row.sku_id, row.line_no))


async def _live_orders(session: Session, store: StoreKey, now: int, after: str) -> set[str]:
    key = " AND ".join(f"{name} = {value}" for name, value in zip(STORE, load.store_tuple(store), strict=True))
    key += f" AND due_at > {now} AND order_id > {literal.text(after)}"
    return {row[0] for row in await session.rows(f"SELECT DISTINCT order_id FROM {DUE.table} WHERE {key}")}


async def _store_rows(
    session: Session, store: StoreKey, keys: Sequence[StockKey] | None, now: int, head: Head
) -> StoreRows:
    columns, wanted = (
        (STORE, [load.store_tuple(store)])
        if keys is None
        else (load.STOCK_KEY, [load.stock_tuple(store, key) for key in dict.fromkeys(keys)])
    )
    stocks = await load.select(session, STOCK, columns, wanted)
    channels = await load.select(session, CHANNEL, columns, wanted)
    due = await load.due_locks(session, {store: now})
    late = await load.by_text(session, RESERVATION, "order_id", {store: {lock.order_id for lock in due.get(store, ())}})
    expired = (row for row in late.get(store, ()) if row.state is State.LOCKED and row.expires_at <= now)
    return StoreRows(
        now,
        head,
        tuple(stocks.get(store, ())),
        tuple(channels.get(store, ())),
        tuple(expired),
        await _next_due_at(session, store, now),
    )


async def _next_due_at(session: Session, store: StoreKey, now: int) -> int | None:
    key = " AND ".join(f"{name} = {value}" for name, value in zip(STORE, load.store_tuple(store), strict=True))
    sql = f"SELECT due_at FROM {DUE.table} WHERE {key} AND due_at > {now} ORDER BY due_at LIMIT 1"
    rows = await session.rows(sql)
    return int(rows[0][0]) if rows else None
