"""The change log: each statement walks the primary key of one store; filters are optional parameters, so that there is
one plan and not one for each mixture of filters."""

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
    *("stock_prev", "order_prev"),
)
"""As `log_of` reads them, from `poi_item_stock_log AS t`."""

_STORE = "product_shard_id = $1 AND brand_id = $2 AND poi_id = $3"
_SPAN = f"{_STORE} AND seq >= $4 AND seq < $5"
_WANTED = (
    ("actor", "text"), ("source", "text"), ("channel_code", "text"), ("order_id", "text"), ("object_type", "smallint"),
    ("object_id", "bigint"),
)  # fmt: skip


def _rows_statement() -> str:
    wanted = " ".join(
        f"AND (${at}::{kind} IS NULL OR {column} = ${at})" for at, (column, kind) in enumerate(_WANTED, 6)
    )
    return (
        f"SELECT {', '.join(LOG_COLUMNS)} FROM poi_item_stock_log AS t WHERE {_SPAN} {wanted} "
        "AND ($12::smallint[] IS NULL OR kind = ANY ($12)) ORDER BY seq DESC LIMIT $13"
    )


def _chain_statement(previous: str) -> str:
    """Each row by itself, in an order that the primary key alone has."""
    step = f"SELECT t.* FROM poi_item_stock_log AS t WHERE {_STORE} AND t.seq = c.{previous} ORDER BY t.seq LIMIT 1"
    return (
        "WITH RECURSIVE chain AS ("
        f"SELECT 1 AS hop, t.* FROM poi_item_stock_log AS t WHERE {_STORE} AND t.seq = $4 UNION ALL "
        f"SELECT c.hop + 1, s.* FROM chain AS c CROSS JOIN LATERAL ({step}) AS s "
        f"WHERE c.hop < $6 AND c.{previous} >= $5) "
        f"SELECT {', '.join(LOG_COLUMNS)} FROM chain AS t ORDER BY t.hop"
    )


NEWEST_STATEMENT = f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} ORDER BY seq DESC LIMIT 1"
MARK_STATEMENT = f"SELECT seq, recorded_at FROM poi_item_stock_log WHERE {_STORE} AND seq >= $4 ORDER BY seq LIMIT 1"
MARKS_STATEMENT = (
    "SELECT m.seq, m.recorded_at FROM unnest($4::bigint[]) AS p (seq) CROSS JOIN LATERAL ("
    f"SELECT t.seq, t.recorded_at FROM poi_item_stock_log AS t WHERE {_STORE} AND t.seq >= p.seq ORDER BY t.seq LIMIT 1"
    ") AS m WHERE m.seq = p.seq ORDER BY m.seq"
)
"""Each row by itself, in an order that the primary key alone has."""

NTH_STATEMENT = f"SELECT seq FROM poi_item_stock_log WHERE {_SPAN} ORDER BY seq DESC LIMIT 1 OFFSET $6"
ROWS_STATEMENT = _rows_statement()
STOCK_START_STATEMENT = f"SELECT version FROM poi_item_stock WHERE {_STORE} AND object_type = $4 AND object_id = $5"
ORDER_START_STATEMENT = (
    "SELECT max(log_seq), count(*) FILTER (WHERE log_seq IS NULL) FROM poi_stock_reservation "
    f"WHERE {_STORE} AND order_id = $4"
)
STOCK_CHAIN_STATEMENT = _chain_statement("stock_prev")
ORDER_CHAIN_STATEMENT = _chain_statement("order_prev")
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

    has_chains = True

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def newest(self, store: StoreKey) -> Mark | None:
        return _mark(await self._fetch(NEWEST_STATEMENT, *store))

    async def mark(self, store: StoreKey, seq: int) -> Mark | None:
        return _mark(await self._fetch(MARK_STATEMENT, *store, seq))

    async def marks(self, store: StoreKey, seqs: Sequence[int]) -> list[Mark]:
        return [Mark(*row) for row in await self._fetch(MARKS_STATEMENT, *store, list(seqs))]

    async def nth(self, store: StoreKey, span: LogSpan, number: int) -> int | None:
        found = await self._fetch(NTH_STATEMENT, *store, span.least, span.below, number - 1)
        return found[0][0] if found else None

    async def rows(self, store: StoreKey, query: LogQuery, span: LogSpan, most: int) -> list[LogRow]:
        wanted = (query.actor, query.source, query.channel_code, query.order_id, *(query.key or (None, None)))
        values = (span.least, span.below, *wanted, list(query.kinds) or None, most)
        return [log_of(row) for row in await self._fetch(ROWS_STATEMENT, *store, *values)]

    async def chain_start(self, store: StoreKey, query: LogQuery) -> int | None:
        if query.order_id is None:
            found = await self._fetch(STOCK_START_STATEMENT, *store, *(query.key or (0, 0)))
            return found[0][0] if found else 0
        newest, unknown = (await self._fetch(ORDER_START_STATEMENT, *store, query.order_id))[0]
        return newest or (None if unknown else 0)

    async def chain(self, store: StoreKey, query: LogQuery, span: LogSpan, hops: int) -> list[LogRow]:
        statement = STOCK_CHAIN_STATEMENT if query.order_id is None else ORDER_CHAIN_STATEMENT
        return [log_of(row) for row in await self._fetch(statement, *store, span.at, max(span.least, 1), hops)]

    async def stores(self, bucket: int) -> list[StoreKey]:
        return [StoreKey(*row) for row in await self._fetch(STORES_STATEMENT, bucket)]

    async def remove(self, store: StoreKey, span: LogSpan, before: int) -> int:
        return int((await self._fetch(REMOVE_STATEMENT, *store, span.least, span.below, before))[0][0])


def log_of(row: Any) -> LogRow:
    """A log row from `LOG_COLUMNS`."""
    seq, object_type, object_id, kind, *rest = row
    return LogRow(seq, StockKey(object_type, object_id), Kind(kind), *rest)


def _mark(found: list[Any]) -> Mark | None:
    return Mark(*found[0]) if found else None
