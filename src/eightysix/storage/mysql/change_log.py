"""The change log. Every statement names the store's whole key as literals, the bucket first, by which the proxy finds
the one physical table; only filters that are set are sent."""

from collections.abc import Sequence

from eightysix.core.change import LogRow
from eightysix.core.key import StoreKey
from eightysix.core.log_query import LogQuery, LogSpan
from eightysix.storage.change_log import Mark

from . import literal
from .load import store_tuple
from .pool import Pool
from .session import Row
from .table import HEAD, LOG, RESERVATION, STOCK, STORE

_LOG_OF_CHAIN = ",".join(f"t.{column}" for column in LOG.columns)


class MysqlLogTable:
    """See `storage.change_log.LogTable`. What a lost connection may have removed is removed for good or not at all, and
    removing again does no harm, so the pool may try twice. The proxy lets no query walk a chain in sharded tables."""

    def __init__(self, pool: Pool, *, has_chains: bool) -> None:
        self._pool = pool
        self._has_chains = has_chains

    @property
    def has_chains(self) -> bool:
        return self._has_chains

    async def newest(self, store: StoreKey) -> Mark | None:
        return await self._mark(f"{_of(store)} ORDER BY seq DESC LIMIT 1")

    async def mark(self, store: StoreKey, seq: int) -> Mark | None:
        return await self._mark(f"{_of(store)} AND seq >= {int(seq)} ORDER BY seq LIMIT 1")

    async def marks(self, store: StoreKey, seqs: Sequence[int]) -> list[Mark]:
        where = f"{_of(store)} AND seq IN ({','.join(str(int(seq)) for seq in seqs)})"
        found = await self._rows(f"SELECT seq, recorded_at FROM {LOG.table} WHERE {where} ORDER BY seq")
        return [Mark(int(row[0]), int(row[1])) for row in found]

    async def nth(self, store: StoreKey, span: LogSpan, number: int) -> int | None:
        where = f"{_of(store)} AND {_spanned(span)}"
        found = await self._rows(
            f"SELECT seq FROM {LOG.table} WHERE {where} ORDER BY seq DESC LIMIT 1 OFFSET {int(number) - 1}"
        )
        return int(found[0][0]) if found else None

    async def rows(self, store: StoreKey, query: LogQuery, span: LogSpan, most: int) -> list[LogRow]:
        where = f"{_of(store)} AND {_spanned(span)}{_wanted(query)}"
        sql = f"SELECT {LOG.selected} FROM {LOG.table} WHERE {where} ORDER BY seq DESC LIMIT {int(most)}"
        return [LOG.read(row[3:]) for row in await self._rows(sql)]

    async def chain_start(self, store: StoreKey, query: LogQuery) -> int | None:
        if query.order_id is None:
            found = await self._rows(f"SELECT version FROM {STOCK.table} WHERE {_of(store)}{_of_stock(query)}")
            return int(found[0][0]) if found else 0
        newest, unknown = (
            await self._rows(
                f"SELECT MAX(log_seq), COUNT(*) - COUNT(log_seq) FROM {RESERVATION.table} "
                f"WHERE {_of(store)} AND order_id = {literal.text(query.order_id)}"
            )
        )[0]
        return newest or (None if unknown else 0)

    async def chain(self, store: StoreKey, query: LogQuery, span: LogSpan, hops: int) -> list[LogRow]:
        prev = "stock_prev" if query.order_id is None else "order_prev"
        of = _of(store, "t.")
        step = f"c.hop < {int(hops)} AND c.prev >= {max(int(span.least), 1)}"
        found = await self._rows(
            f"WITH RECURSIVE chain (hop, seq, prev) AS (SELECT 1, t.seq, t.{prev} FROM {LOG.table} AS t "
            f"WHERE {of} AND t.seq = {int(span.at or 0)} UNION ALL SELECT c.hop + 1, t.seq, t.{prev} FROM chain AS c "
            f"STRAIGHT_JOIN {LOG.table} AS t ON {of} AND t.seq = c.prev WHERE {step}) "
            f"SELECT {_LOG_OF_CHAIN} FROM chain AS c STRAIGHT_JOIN {LOG.table} AS t ON {of} AND t.seq = c.seq "
            "ORDER BY c.hop"
        )
        return [LOG.read(row[3:]) for row in found]

    async def stores(self, bucket: int) -> list[StoreKey]:
        sql = f"SELECT {','.join(STORE)} FROM {HEAD.table} WHERE {literal.buckets([bucket])} ORDER BY {','.join(STORE)}"
        return [StoreKey(*row) for row in await self._rows(sql)]

    async def remove(self, store: StoreKey, span: LogSpan, before: int) -> int:
        where = f"{_of(store)} AND {_spanned(span)} AND recorded_at < {int(before)}"
        return await self._pool.change(f"DELETE FROM {LOG.table} WHERE {where}")

    async def _mark(self, where: str) -> Mark | None:
        found = await self._rows(f"SELECT seq, recorded_at FROM {LOG.table} WHERE {where}")
        return Mark(int(found[0][0]), int(found[0][1])) if found else None

    async def _rows(self, sql: str) -> list[Row]:
        return await self._pool.rows(sql)


def _of(store: StoreKey, table: str = "") -> str:
    return " AND ".join(f"{table}{name} = {value}" for name, value in zip(STORE, store_tuple(store), strict=True))


def _spanned(span: LogSpan) -> str:
    return f"seq >= {int(span.least)} AND seq < {int(span.below)}"


def _of_stock(query: LogQuery) -> str:
    if query.key is None:
        return ""
    return f" AND object_type = {int(query.key.object_type)} AND object_id = {int(query.key.object_id)}"


def _wanted(query: LogQuery) -> str:
    named = (
        ("actor", query.actor), ("source", query.source), ("channel_code", query.channel_code),
        ("order_id", query.order_id),
    )  # fmt: skip
    wanted = "".join(f" AND {column} = {literal.text(value)}" for column, value in named if value is not None)
    if query.kinds:
        wanted += f" AND kind IN ({','.join(str(int(kind)) for kind in query.kinds)})"
    return wanted + _of_stock(query)
