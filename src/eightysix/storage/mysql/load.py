"""Set-based reads that lanes, the reader and the audit share. All stores of a call lie in one physical shard."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from eightysix.core.change import DueLock, Head
from eightysix.core.key import StockKey, StoreKey
from eightysix.storage.port import DUE_MOST

from . import literal
from .session import Row, Session
from .statement import key_conditions
from .table import DUE, HEAD, STORE, Shape

T = TypeVar("T")

CLOCK = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000"
"""The server's clock in milliseconds, when the statement began; the same in every time zone."""

_DUE_AT_ONCE = 4 * DUE_MOST

STOCK_KEY = (*STORE, "object_type", "object_id")


def store_tuple(store: StoreKey) -> tuple[str, str, str]:
    """The literals of a store's key."""
    return str(int(store.bucket)), literal.text(store.brand_id), literal.text(store.poi_id)


def stock_tuple(store: StoreKey, key: StockKey) -> tuple[str, ...]:
    """The literals of a stock's key."""
    return (*store_tuple(store), str(int(key.object_type)), str(int(key.object_id)))


async def select(
    session: Session, shape: Shape[T], columns: Sequence[str], keys: Sequence[Sequence[str]]
) -> dict[StoreKey, list[T]]:
    """The rows whose `columns` (the whole key or its front) are one of `keys`, by store."""
    found: dict[StoreKey, list[T]] = defaultdict(list)
    for condition, _ in key_conditions(columns, keys):
        for row in await session.rows(f"SELECT {shape.selected} FROM {shape.table} WHERE {condition}"):
            found[_store(row)].append(shape.read(row[3:]))
    return found


async def heads(session: Session, stores: Sequence[StoreKey], lock: str = "") -> dict[StoreKey, Head]:
    """The head rows of `stores`, which are sorted, locked in that order; `lock` ends the statement."""
    found: dict[StoreKey, Head] = {}
    for condition, _ in key_conditions(STORE, [store_tuple(store) for store in stores]):
        sql = f"SELECT {HEAD.selected} FROM {HEAD.table} WHERE {condition} ORDER BY {','.join(STORE)} {lock}"
        for row in await session.rows(sql):
            found[_store(row)] = HEAD.read(row[3:])
    return found


async def clock_and_head(session: Session, store: StoreKey) -> tuple[int, Head | None]:
    """(the clock of the database that the store lies in, its head row if there is one)."""
    where = " AND ".join(f"{column} = {value}" for column, value in zip(STORE, store_tuple(store), strict=True))
    sql = f"SELECT {CLOCK} AS clock, MAX(seq) AS seq, MAX(outbox_seq) AS outbox_seq, MAX(last_at) AS last_at"
    ((now, *head),) = await session.rows(f"{sql} FROM {HEAD.table} WHERE {where}")
    return int(now), None if head[0] is None else Head(*head)


async def due_locks(session: Session, until: Mapping[StoreKey, int]) -> dict[StoreKey, list[DueLock]]:
    """Each store's locks that die at its instant or before, DUE_MOST of them at least. The key has the time before the
    store: a bucket's due locks are few, for every batch and the sweep release them. Where they are many, as after
    hours without service, each store is asked for by itself."""
    found: dict[StoreKey, list[DueLock]] = defaultdict(list)
    if not until:
        return found
    buckets = literal.buckets(store.bucket for store in until)
    sql = f"SELECT {DUE.selected} FROM {DUE.table} WHERE {buckets} AND due_at <= {max(until.values())}"
    rows = await session.rows(f"{sql} LIMIT {_DUE_AT_ONCE}")
    if len(rows) == _DUE_AT_ONCE:
        return {store: await _due_locks_of(session, store, now) for store, now in until.items()}
    for row in rows:
        store, due = _store(row), DUE.read(row[3:])
        if store in until and due.due_at <= until[store]:
            found[store].append(due)
    return found


async def _due_locks_of(session: Session, store: StoreKey, now: int) -> list[DueLock]:
    key = " AND ".join(f"{name} = {value}" for name, value in zip(STORE, store_tuple(store), strict=True))
    sql = f"SELECT {DUE.selected} FROM {DUE.table} WHERE {key} AND due_at <= {now} ORDER BY due_at LIMIT {DUE_MOST}"
    return [DUE.read(row[3:]) for row in await session.rows(sql)]


async def by_text(
    session: Session, shape: Shape[T], column: str, wanted: Mapping[StoreKey, Collection[str]]
) -> dict[StoreKey, list[T]]:
    """The rows whose first own key column is one of the named ids (orders, requests)."""
    keys = [(*store_tuple(store), literal.text(name)) for store, names in wanted.items() for name in names]
    return await select(session, shape, (*STORE, column), keys)


async def by_store(session: Session, shape: Shape[T], stores: Iterable[StoreKey]) -> dict[StoreKey, list[T]]:
    """All rows of these stores."""
    return await select(session, shape, STORE, [store_tuple(store) for store in stores])


def _store(row: Row) -> StoreKey:
    return StoreKey(row[0], row[1], row[2])
