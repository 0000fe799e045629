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
from .table import HEAD, LOG, STORE


class MysqlLogTable:
    """See `storage.change_log.LogTable`. What a lost connection may have removed is removed for good or not at all, and
    removing again does no harm, so the pool may try twice."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def newest(self, store: StoreKey) -> Mark | None:
        return await self._mark(f"{_of(store)} ORDER BY seq DESC LIMIT 1")

    async def mark(self, store: StoreKey, seq: int) -> Mark | None:
        return await self._mark(f"{_of(store)} AND seq >= {int(seq)} ORDER BY seq LIMIT 1")

    async def marks(self, store: StoreKey, seqs: Sequence[int]) -> list[Mark]:
        where = f"{_of(store)} AND seq IN ({','.join(str(int(seq)) for seq in seqs)})"
        found = await self._rows(f"SELECT seq, recorded_at FROM {LOG.table} WHERE {where} ORDER BY seq")
        return [Mark(int(row[0]), int(row[1])) for row in found]

    async def nth(self, store: StoreKey, query: LogQuery, span: LogSpan, number: int) -> int | None:
        where = f"{_of(store)} AND {_spanned(span)}{_indexed(query)}"
        found = await self._rows(
            f"SELECT seq FROM {LOG.table} WHERE {where} ORDER BY seq DESC LIMIT 1 OFFSET {int(number) - 1}"
        )
        return int(found[0][0]) if found else None

    async def rows(self, store: StoreKey, query: LogQuery, span: LogSpan, most: int) -> list[LogRow]:
        where = f"{_of(store)} AND {_spanned(span)}{_indexed(query)}{_wanted(query)}"
        sql = f"SELECT {LOG.selected} FROM {LOG.table} WHERE {where} ORDER BY seq DESC LIMIT {int(most)}"
        return [LOG.read(row[3:]) for row in await self._rows(sql)]

    async def stores(self, bucket: int) -> list[StoreKey]:
        sql = f"SELECT {','.join(STORE)} FROM {HEAD.table} WHERE {literal.buckets([bucket])} ORDER BY {','.join(STORE)}"
        return [StoreKey(*row) for row in await self._rows(sql)]

    async def remove(self, store: StoreKey, span: LogSpan, before: int) -> int:
        where = f"{_of(store)} AND {_spanned(span)} AND recorded_at < {int(before)}"
        return await self._pool.run(lambda session: session.change(f"DELETE FROM {LOG.table} WHERE {where}"))

    async def _mark(self, where: str) -> Mark | None:
        found = await self._rows(f"SELECT seq, recorded_at FROM {LOG.table} WHERE {where}")
        return Mark(int(found[0][0]), int(found[0][1])) if found else None

    async def _rows(self, sql: str) -> list[Row]:
        return list(await self._pool.run(lambda session: session.rows(sql)))


def _of(store: StoreKey) -> str:
    return " AND ".join(f"{name} = {value}" for name, value in zip(STORE, store_tuple(store), strict=True))


def _spanned(span: LogSpan) -> str:
    return f"seq >= {int(span.least)} AND seq < {int(span.below)}"


def _indexed(query: LogQuery) -> str:
    """What one of the two other indexes finds. An order has few rows, so it comes first."""
    if query.order_id is not None:
        return f" AND order_id = {literal.text(query.order_id)}"
    return _of_stock(query)


def _of_stock(query: LogQuery) -> str:
    if query.key is None:
        return ""
    return f" AND object_type = {int(query.key.object_type)} AND object_id = {int(query.key.object_id)}"


def _wanted(query: LogQuery) -> str:
    """What no index knows."""
    named = (("actor", query.actor), ("source", query.source), ("channel_code", query.channel_code))
    wanted = "".join(f" AND {column} = {literal.text(value)}" for column, value in named if value is not None)
    if query.kinds:
        wanted += f" AND kind IN ({','.join(str(int(kind)) for kind in query.kinds)})"
    return wanted if query.order_id is None else wanted + _of_stock(query)
