"""The change log: each statement walks one index of one store; filters that no index knows are optional parameters, so
that there is one plan for each index and not one for each mixture of filters."""

from collections.abc import Sequence
from typing import Any, Protocol

from eightysix.core.change import Kind, LogRow
from eightysix.core.key import StockKey, StoreKey
from eightysix.core.log_query import LogQuery, LogSpan
from eightysix.storage.change_log import Mark

from .rows import thousandths

LOG_COLUMNS = (
    "seq",
    "t.object_type",
    "t.object_id",
    "kind",
    thousandths("quantity"),
    thousandths("real_before"),
    thousandths("real_after"),
    thousandths("locked_before"),
    thousandths("locked_after"),
    *("order_id", "channel_code", "actor", "source", "event_id", "happened_at", "recorded_at", "reason", "content"),
)
"""As `log_of` reads them, from `poi_item_stock_log AS t`."""

_STORE = "product_shard_id = $1 AND brand_id = $2 AND poi_id = $3"
_SPAN = f"{_STORE} AND seq >= $4 AND seq < $5"
_BY = {
    "": ("", 0),
    "stock": (" AND object_type = $6 AND object_id = $7", 2),
    "order": (" AND order_id = $6", 1),
}
"""What makes each of the three indexes usable, and how many parameters that takes."""

_WANTED = (
    ("actor", "text"), ("source", "text"), ("channel_code", "text"), ("object_type", "smallint"),
    ("object_id", "bigint"),
)  # fmt: skip


def _rows_statement(index: str) -> str:
    by, taken = _BY[index]
    first = 6 + taken
    wanted = " ".join(
        f"AND (${at}::{kind} IS NULL OR {column} = ${at})" for at, (column, kind) in enumerate(_WANTED, first)
    )
    kinds, most = first + len(_WANTED), first + len(_WANTED) + 1
    return (
        f"SELECT {', '.join(LOG_COLUMNS)} FROM poi_item_stock_log AS t WHERE {_SPAN}{by} {wanted} "
        f"AND (${kinds}::smallint[] IS NULL OR kind = ANY (${kinds})) ORDER BY seq DESC LIMIT ${most}"
    )


def _nth_statement(index: str) -> str:
    by, taken = _BY[index]
    return f"SELECT seq FROM poi_item_stock_log WHERE {_SPAN}{by} ORDER BY seq DESC LIMIT 1 OFFSET ${6 + taken}"


NEWEST_STATEMENT = f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} ORDER BY seq DESC LIMIT 1"
MARK_STATEMENT = f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} AND seq >= $4 ORDER BY seq LIMIT 1"
MARKS_STATEMENT = (
    "SELECT m.seq, m.recorded_at FROM unnest($4::bigint[]) AS p (seq) CROSS JOIN LATERAL ("
    f"SELECT t.seq, t.recorded_at FROM poi_item_stock_log AS t WHERE {_STORE} AND t.seq >= p.seq ORDER BY t.seq LIMIT 1"
    ") AS m WHERE m.seq = p.seq ORDER BY m.seq"
)
"""Each row by itself, in an order that the primary key alone has."""

ROWS_STATEMENTS = {index: _rows_statement(index) for index in _BY}
NTH_STATEMENTS = {index: _nth_statement(index) for index in _BY}
STORES_STATEMENT = (
    "SELECT product_shard_id, brand_id, poi_id FROM poi_stock_head "
    "WHERE product_shard_id = $1 ORDER BY brand_id, poi_id"
)
REMOVE_STATEMENT = (
    "WITH removed AS (DELETE FROM poi_item_stock_log WHERE ctid = ANY (ARRAY("
    f"SELECT ctid FROM poi_item_stock_log WHERE {_SPAN} AND recorded_at < $6 ORDER BY seq)) RETURNING 1) "
    "SELECT count(*) FROM removed"
)
"""The order makes it the primary key that is walked, also before there are statistics, and two processes that delete
the same rows wait for each other in the same order. Rows of the log are never updated, so their place stays theirs."""


class Fetch(Protocol):
    """Runs one statement on a connection of the readers' pool."""

    async def __call__(self, statement: str, *arguments: Any) -> list[Any]: ...


class PostgresLogTable:
    """See `eightysix.storage.change_log.LogTable`. Removing is a statement of its own like any other: it locks the rows
    that it deletes, which nobody updates."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def newest(self, store: StoreKey) -> Mark | None:
        return _mark(await self._fetch(NEWEST_STATEMENT, *store))

    async def mark(self, store: StoreKey, seq: int) -> Mark | None:
        return _mark(await self._fetch(MARK_STATEMENT, *store, seq))

    async def marks(self, store: StoreKey, seqs: Sequence[int]) -> list[Mark]:
        return [Mark(*row) for row in await self._fetch(MARKS_STATEMENT, *store, list(seqs))]

    async def nth(self, store: StoreKey, query: LogQuery, span: LogSpan, number: int) -> int | None:
        index, by = _indexed(query)
        found = await self._fetch(NTH_STATEMENTS[index], *store, *span, *by, number - 1)
        return found[0][0] if found else None

    async def rows(self, store: StoreKey, query: LogQuery, span: LogSpan, most: int) -> list[LogRow]:
        index, by = _indexed(query)
        key = query.key or (None, None)
        wanted = (query.actor, query.source, query.channel_code, *key, list(query.kinds) or None)
        return [log_of(row) for row in await self._fetch(ROWS_STATEMENTS[index], *store, *span, *by, *wanted, most)]

    async def stores(self, bucket: int) -> list[StoreKey]:
        return [StoreKey(*row) for row in await self._fetch(STORES_STATEMENT, bucket)]

    async def remove(self, store: StoreKey, span: LogSpan, before: int) -> int:
        return int((await self._fetch(REMOVE_STATEMENT, *store, *span, before))[0][0])


def log_of(row: Any) -> LogRow:
    """A log row from `LOG_COLUMNS`."""
    seq, object_type, object_id, kind, *rest = row
    return LogRow(seq, StockKey(object_type, object_id), Kind(kind), *rest)


def _mark(found: list[Any]) -> Mark | None:
    return Mark(*found[0]) if found else None


def _indexed(query: LogQuery) -> tuple[str, tuple[Any, ...]]:
    """Which index finds the rows, and what for. An order has few rows, so it comes first."""
    if query.order_id is not None:
        return "order", (query.order_id,)
    if query.key is not None:
        return "stock", tuple(query.key)
    return "", ()
