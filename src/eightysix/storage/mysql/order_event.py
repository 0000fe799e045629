"""The order service's events. Each statement names its buckets and the rows' keys as literals; every write is one
statement of one bucket, and so of one physical table."""

from collections.abc import Collection, Iterable, Sequence

from eightysix.core.key import StoreKey
from eightysix.storage.order_event import UNDONE, EventState, OrderEventRow, event_of
from eightysix.storage.port import GuardFailed

from . import literal
from .load import CLOCK
from .pool import Pool
from .session import Row, Session
from .statement import inserts, key_conditions, updates
from .table import STORE

_TABLE = "poi_order_event"
_KEY = (*STORE, "order_id", "order_seq")
_COLUMNS = (*_KEY, "event_id", "type", "digest", "body", "state", "answer", "received_at")
_SELECTED = ",".join("HEX(digest)" if column == "digest" else column for column in _COLUMNS)
_UNDONE = ",".join(str(int(state)) for state in UNDONE)


class MysqlOrderEventTable:
    """See `storage.order_event.OrderEventTable`. The pool may send a write twice, after a lost connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def load(self, store: StoreKey, order_ids: Collection[str]) -> tuple[int, list[OrderEventRow]]:
        keys = [(*_store(store), literal.text(order_id)) for order_id in order_ids]
        wheres = [where for where, _ in key_conditions((*STORE, "order_id"), keys)]
        return await self._pool.run(lambda session: _found(session, store.bucket, wheres))

    async def add(self, rows: Sequence[OrderEventRow]) -> None:
        statements = [sql for sql, _ in inserts(_TABLE, _COLUMNS, [f"({','.join(_values(row))})" for row in rows])]
        await self._together(statements)

    async def settle(self, rows: Sequence[OrderEventRow]) -> None:
        said = [
            (row.store.bucket, (*_key(row), literal.integer(row.state), literal.optional_text(row.answer), "''"))
            for row in rows
        ]
        # state is changed, so it can't be a guard of `updates`, which wants the old value
        statements = [
            f"{sql} AND s.state IN ({_UNDONE})"
            for sql, _ in updates(_TABLE, _KEY, (), ("state", "answer", "body"), said)
        ]
        if await self._together(statements) != len(rows):
            raise GuardFailed("an order's event doesn't wait any more")

    async def move(self, rows: Sequence[OrderEventRow], state: EventState) -> None:
        for before in {row.state for row in rows}:
            keys = [_key(row) for row in rows if row.state is before]
            more = f"AND state = {literal.integer(before)}"
            sql = f"UPDATE {_TABLE} SET state = {literal.integer(state)} WHERE"
            await self._together([f"{sql} {where} {more}" for where, _ in key_conditions(_KEY, keys)])

    async def unfinished(self, buckets: Sequence[int], before: int, limit: int) -> tuple[int, list[OrderEventRow]]:
        states = (int(EventState.WAITING), int(EventState.DECIDED))
        old = f"received_at <= {CLOCK} - {int(before)}"
        if len(buckets) > 1:
            wheres = [f"{literal.buckets(buckets)} AND state IN (1,2) AND {old} LIMIT {int(limit)}"]
        else:
            end = f"{old} ORDER BY received_at LIMIT {int(limit)}"
            wheres = [f"{literal.buckets(buckets)} AND state = {state} AND {end}" for state in states]
        return await self._pool.run(lambda session: _found(session, buckets[0], wheres))

    async def done_before(self, bucket: int, at: int, limit: int) -> list[OrderEventRow]:
        where = f"{literal.buckets([bucket])} AND state = 3 AND received_at < {int(at)}"
        sql = f"SELECT {_SELECTED} FROM {_TABLE} WHERE {where} ORDER BY received_at LIMIT {int(limit)}"
        return [_row(row) for row in await self._pool.rows(sql)]

    async def remove(self, rows: Sequence[OrderEventRow]) -> None:
        keys = [_key(row) for row in rows]
        await self._together(
            [f"DELETE FROM {_TABLE} WHERE {where} AND state = 3" for where, _ in key_conditions(_KEY, keys)]
        )

    async def _together(self, statements: Sequence[str]) -> int:
        """Run the statements, all or none; how many rows they found. A single one needs no transaction."""

        async def work(session: Session) -> int:
            if len(statements) == 1:
                return await session.change(statements[0])
            await session.change("START TRANSACTION")
            try:
                found = sum([await session.change(sql) for sql in statements])
                await session.change("COMMIT")
            except BaseException:
                session.drop()  # the server rolls back; a connection in doubt must not return to the pool
                raise
            return found

        return await self._pool.run(work) if statements else 0


async def _found(session: Session, bucket: int, wheres: Iterable[str]) -> tuple[int, list[OrderEventRow]]:
    """The rows, and then the clock of the database that they lie in."""
    rows: list[OrderEventRow] = []
    for where in wheres:
        rows += [_row(row) for row in await session.rows(f"SELECT {_SELECTED} FROM {_TABLE} WHERE {where}")]
    # of a single key: an aggregate over no row still has the clock
    one = " AND ".join(f"{column} = {value}" for column, value in zip(_KEY, (str(int(bucket)), *_NOBODY), strict=True))
    ((now, _),) = await session.rows(f"SELECT {CLOCK} AS clock, COUNT(*) AS events FROM {_TABLE} WHERE {one}")
    return int(now), rows


_NOBODY = ("''", "''", "''", "0")


def _store(store: StoreKey) -> tuple[str, str, str]:
    return str(int(store.bucket)), literal.text(store.brand_id), literal.text(store.poi_id)


def _key(row: OrderEventRow) -> tuple[str, ...]:
    return (*_store(row.store), literal.text(row.order_id), literal.integer(row.order_seq))


def _values(row: OrderEventRow) -> tuple[str, ...]:
    return (
        *_key(row),
        literal.text(row.event_id),
        literal.text(row.type),
        literal.binary(row.digest),
        literal.text(row.body),
        literal.integer(row.state),
        literal.optional_text(row.answer),
        literal.integer(row.received_at),
    )


def _row(row: Row) -> OrderEventRow:
    """The digest comes in hexadecimal."""
    return event_of((*row[:7], bytes.fromhex(row[7]), *row[8:]))
