"""The outbox on MySQL and MariaDB, behind the proxy too: every statement names buckets of one physical table as
literals. Doing any of it twice does no harm, so the pool may.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from eightysix.core.bucket import BUCKETS
from eightysix.core.change import Alert, Incident, OutboxRow
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.outbox import ParkedPlace, ParkedRow, Pending, Waiting
from eightysix.storage.port import StorageFault, StoreStocks

from . import literal, load
from .pool import Pool
from .session import Row, Session
from .statement import key_conditions
from .table import ALERT, CHANNEL, INCIDENT, OUTBOX, STOCK, STORE, Shape

T = TypeVar("T")

_ROWS_AT_ONCE = 5_000
"""Where the stores asked for have more rows than this, each is asked for by itself."""

_ROW_KEY = (*STORE, "seq")
_PARKED = "poi_stock_parked"
_PARKED_COLUMNS = (
    *STORE, "seq", "prev_seq", "object_type", "object_id", "committed_at", "parked_at", "tries", "reason",
)  # fmt: skip


class MysqlOutbox:
    """See `storage.outbox.Outbox`."""

    def __init__(self, pool: Pool, physical_shards: int) -> None:
        self._pool = pool
        self._shards = physical_shards

    async def pending(self, stores: Sequence[StoreKey], most: int) -> Pending:
        found: dict[StoreKey, list[OutboxRow]] = {}
        now = 0

        async def read(session: Session, some: list[StoreKey]) -> None:
            nonlocal now
            now = await _clock(session, some[0].bucket)
            for condition, count in key_conditions(STORE, [load.store_tuple(store) for store in some]):
                limit = most if count == 1 else _ROWS_AT_ONCE
                rows = await session.rows(
                    f"SELECT {OUTBOX.selected} FROM {OUTBOX.table} WHERE {condition} "
                    f"ORDER BY {','.join(_ROW_KEY)} LIMIT {limit}"
                )
                if count > 1 and len(rows) == limit:
                    break
                _sort_in(rows, found, most)
            else:
                return
            for store in some:
                found.pop(store, None)
                _sort_in(await session.rows(_first_rows(store, most)), found, most)

        for some in self._by_shard(stores, lambda store: store.bucket):
            await self._pool.run(lambda session, part=some: read(session, part))  # type: ignore[misc] # bound at once
        return Pending(now, found)

    async def waiting(self, buckets: Sequence[int], after: StoreKey | None, limit: int) -> list[Waiting]:
        store = ",".join(STORE)

        async def read(session: Session) -> list[Waiting]:
            firsts: list[Row] = []
            for where in _behind(buckets, after):
                sql = f"SELECT {store},MIN(seq) AS seq FROM {OUTBOX.table} WHERE {where} GROUP BY {store} "
                firsts += await session.rows(f"{sql}ORDER BY {store} LIMIT {int(limit) - len(firsts)}")
                if len(firsts) >= limit:
                    break
            keys = [(*load.store_tuple(StoreKey(*row[:3])), str(int(row[3]))) for row in firsts]
            found: dict[StoreKey, int] = {}
            for condition, _ in key_conditions(_ROW_KEY, keys):
                rows = await session.rows(f"SELECT {store},committed_at FROM {OUTBOX.table} WHERE {condition}")
                found.update((StoreKey(*row[:3]), int(row[3])) for row in rows)
            stores = [StoreKey(*row[:3]) for row in firsts]
            # a row that was published meanwhile takes no store out of the page: a short page is the last one
            now = await _clock(session, stores[0].bucket) if len(found) < len(stores) else 0
            return [Waiting(each, found.get(each, now)) for each in sorted(stores)]

        return await self._pool.run(read)

    async def remove(self, rows: Mapping[StoreKey, Collection[int]]) -> int:
        named = sorted((store, seq) for store, seqs in rows.items() for seq in seqs)
        removed = 0
        for some in self._by_shard(named, lambda row: row[0].bucket):
            keys = [(*load.store_tuple(store), str(int(seq))) for store, seq in some]
            for condition, _ in key_conditions(_ROW_KEY, keys):
                sql = f"DELETE FROM {OUTBOX.table} WHERE {condition}"
                removed += await self._pool.run(lambda session, sent=sql: session.change(sent))  # type: ignore[misc] # bound at once
        return removed

    async def park(self, store: StoreKey, row: OutboxRow, tries: int, reason: str) -> None:
        columns = ",".join(_PARKED_COLUMNS)
        key = f"{literal.store_key(store)},{int(row.seq)},{int(row.prev_seq)},{int(row.key[0])},{int(row.key[1])}"

        async def work(session: Session) -> None:
            at = await _clock(session, store.bucket)  # the proxy takes no expression among an INSERT's values
            values = f"({key},{int(row.committed_at)},{at},{int(tries)},{literal.text(reason)})"
            again = "tries = VALUES(tries), reason = VALUES(reason)"
            await session.change(f"INSERT INTO {_PARKED} ({columns}) VALUES {values} ON DUPLICATE KEY UPDATE {again}")
            await session.change(f"DELETE FROM {OUTBOX.table} WHERE {_of(store)} AND seq = {int(row.seq)}")

        await self._pool.run(lambda session: _in_transaction(session, lambda: work(session)))

    async def parked(self, after: ParkedPlace | None, limit: int, store: StoreKey | None = None) -> list[ParkedRow]:
        if store is not None:
            least = -1 if after is None else after.seq
            return await self._parked(f"{_of(store)} AND seq > {int(least)}", limit)
        found: list[ParkedRow] = []
        for shard in range(self._shards):
            buckets = range(shard, BUCKETS, self._shards)
            own = after is not None and after.store.bucket % self._shards == shard
            start = None if after is None else after.store if own else StoreKey(after.store.bucket, "", "")
            seq = after.seq if own and after is not None else None
            for where in _behind(buckets, start, seq):
                found += await self._parked(where, limit)
        return sorted(found, key=lambda row: (row.store, row.row.seq))[:limit]

    async def put_back(self, store: StoreKey, seqs: Collection[int]) -> int:
        if not seqs:
            return 0
        which = f"{_of(store)} AND seq IN ({','.join(str(int(seq)) for seq in seqs)})"

        async def work(session: Session) -> int:
            sql = f"SELECT {','.join(_PARKED_COLUMNS)} FROM {_PARKED} WHERE {which} ORDER BY seq FOR UPDATE"
            rows = [_parked(row) for row in await session.rows(sql)]
            if not rows:
                return 0
            values = ",".join(
                f"({literal.store_key(store)},{int(row.seq)},{-1 - int(row.prev_seq)},{int(row.key[0])},"
                f"{int(row.key[1])},{int(row.committed_at)})"
                for row in (parked.row for parked in rows)
            )
            insert = f"INSERT INTO {OUTBOX.table} ({','.join(OUTBOX.columns)}) VALUES {values}"
            await session.change(f"{insert} ON DUPLICATE KEY UPDATE committed_at = VALUES(committed_at)")
            await session.change(f"DELETE FROM {_PARKED} WHERE {which}")
            return len(rows)

        return await self._pool.run(lambda session: _in_transaction(session, lambda: work(session)))

    async def states(self, wanted: Mapping[StoreKey, Collection[StockKey]]) -> dict[StoreKey, StoreStocks]:
        found = {store: StoreStocks([], []) for store in wanted}
        for some in self._by_shard(wanted, lambda store: store.bucket):
            keys = [load.stock_tuple(store, key) for store in some for key in wanted[store]]
            stocks = await self._pool.run(
                lambda session, named=keys: load.select(session, STOCK, load.STOCK_KEY, named)  # type: ignore[misc] # bound at once
            )
            channels = await self._pool.run(
                lambda session, named=keys: load.select(session, CHANNEL, load.STOCK_KEY, named)  # type: ignore[misc] # as above
            )
            for store in some:
                found[store] = StoreStocks(stocks.get(store, []), channels.get(store, []))
        return found

    async def incidents(self, wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[Incident]]:
        return await self._by_seq(INCIDENT, wanted)

    async def alerts(self, wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[Alert]]:
        return await self._by_seq(ALERT, wanted)

    async def _by_seq(self, shape: Shape[T], wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[T]]:
        found: dict[StoreKey, list[T]] = {}
        for some in self._by_shard(wanted, lambda store: store.bucket):
            keys = [(*load.store_tuple(store), str(int(seq))) for store in some for seq in wanted[store]]
            found |= await self._pool.run(lambda session, named=keys: load.select(session, shape, _ROW_KEY, named))  # type: ignore[misc] # bound at once
        return found

    def _by_shard(self, things: Iterable[T], bucket_of: Callable[[T], int]) -> Iterator[list[T]]:
        """The things in runs whose rows lie in one physical table."""
        runs: dict[int, list[T]] = defaultdict(list)
        for thing in things:
            runs[bucket_of(thing) % self._shards].append(thing)
        yield from runs.values()

    async def _parked(self, where: str, limit: int) -> list[ParkedRow]:
        sql = f"SELECT {','.join(_PARKED_COLUMNS)} FROM {_PARKED} WHERE {where} ORDER BY {','.join(_ROW_KEY)} "
        rows = await self._pool.rows(f"{sql}LIMIT {int(limit)}")
        return [_parked(row) for row in rows]


async def _clock(session: Session, bucket: int) -> int:
    """The clock of the database that the bucket lies in."""
    of = f"FROM poi_stock_marker WHERE {literal.buckets([bucket])} AND owner = '' AND lane = 0"
    ((now, _),) = await session.rows(f"SELECT {load.CLOCK} AS clock, COUNT(*) AS markers {of}")
    return int(now)


async def _in_transaction(session: Session, work: Callable[[], Awaitable[T]]) -> T:
    await session.change("START TRANSACTION")
    try:
        answer = await work()
        await session.change("COMMIT")
    except BaseException as fault:
        if isinstance(fault, StorageFault) and session.is_open:
            await session.change("ROLLBACK")
        else:
            session.drop()  # the server rolls back
        raise
    return answer


def _sort_in(rows: Sequence[Row], found: dict[StoreKey, list[OutboxRow]], most: int) -> None:
    for row in rows:
        of_store = found.setdefault(StoreKey(*row[:3]), [])
        if len(of_store) < most:
            of_store.append(_outbox(row[3:]))


def _first_rows(store: StoreKey, most: int) -> str:
    return f"SELECT {OUTBOX.selected} FROM {OUTBOX.table} WHERE {_of(store)} ORDER BY seq LIMIT {int(most)}"


def _of(store: StoreKey) -> str:
    return " AND ".join(f"{name} = {value}" for name, value in zip(STORE, load.store_tuple(store), strict=True))


def _behind(buckets: Collection[int], after: StoreKey | None, seq: int | None = None) -> Iterator[str]:
    """Where the rows of these buckets behind a store (or, with `seq`, behind one of its rows) are. The proxy takes no
    comparison of buckets, so the bucket of that store has a statement of its own."""
    ahead = [bucket for bucket in buckets if after is None or bucket > after.bucket]
    if after is not None and after.bucket in buckets and after.brand_id:
        brand, poi = literal.text(after.brand_id), literal.text(after.poi_id)
        rows = f" OR (brand_id = {brand} AND poi_id = {poi} AND seq > {int(seq)})" if seq is not None else ""
        behind = f"(brand_id > {brand} OR (brand_id = {brand} AND poi_id > {poi}){rows})"
        yield f"{literal.buckets([after.bucket])} AND {behind}"
    if ahead:
        yield literal.buckets(ahead)


def _outbox(row: Row) -> OutboxRow:
    """A row that was put back stands outside the chain, which its complement says."""
    seq, prev_seq, object_type, object_id, committed_at = row[:5]
    return OutboxRow(seq, max(prev_seq, -1 - prev_seq), StockKey(object_type, object_id), committed_at)


def _parked(row: Row) -> ParkedRow:
    return ParkedRow(StoreKey(*row[:3]), _outbox(row[3:8]), *row[8:])
