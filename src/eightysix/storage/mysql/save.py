"""Writes of a batch: each changed row once, each guarded by what was loaded, a few statements a table."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from eightysix.core.change import Incident, StoreChanges
from eightysix.core.key import StoreKey
from eightysix.storage.port import NO_BOOKS, GuardFailed, Rejected

from .load import store_tuple
from .session import Session
from .statement import inserts, key_condition, key_conditions, updates
from .table import (
    ALERT,
    CHANNEL,
    DUE,
    HEAD,
    HUB,
    INCIDENT,
    JOURNAL,
    LOG,
    ORDER,
    OUTBOX,
    REQUEST,
    RESERVATION,
    RESOLVED,
    STOCK,
    STORE,
    TIMER,
    Field,
    Shape,
)

T = TypeVar("T")

_GUARDS = {
    HEAD.table: ("seq",),
    STOCK.table: ("version",),
    CHANNEL.table: ("period_at", "used_quantity"),
    RESERVATION.table: ("revision",),
    TIMER.table: ("revision",),
    JOURNAL.table: ("last_seq",),
    HUB.table: ("revision",),
}

_DUE_KEY = ("product_shard_id", "due_at", "brand_id", "poi_id", "order_id")


async def save_changes(session: Session, changes: Mapping[StoreKey, StoreChanges]) -> None:
    """Write everything, stores in key order. Raises GuardFailed or Rejected; nothing is rolled back here."""
    if any(made.books is not None for made in changes.values()):
        raise Rejected(NO_BOOKS)
    ordered = [(store, changes[store]) for store in sorted(changes)]
    moved = [(store, made.head_before, made.head) for store, made in ordered if made.head != made.head_before]
    await _update(session, HEAD, moved)
    await _write(session, STOCK, [(store, *pair) for store, made in ordered for pair in made.stocks])
    await _write(session, CHANNEL, [(store, *pair) for store, made in ordered for pair in made.channels])
    await _write(session, RESERVATION, [(store, *pair) for store, made in ordered for pair in made.reservations])
    await _delete_due(session, ordered)
    await _insert(session, DUE, [(store, row) for store, made in ordered for row in made.due_added])
    await _insert(session, ORDER, [(store, row) for store, made in ordered for row in made.facts])
    await _insert(session, REQUEST, [(store, row) for store, made in ordered for row in made.requests])
    await _insert(session, LOG, [(store, row) for store, made in ordered for row in made.logs])
    await _insert(session, OUTBOX, [(store, row) for store, made in ordered for row in made.outbox])
    await _insert(session, INCIDENT, [(store, row) for store, made in ordered for row in made.incidents])
    await _resolve(session, [(store, row) for store, made in ordered for row in made.resolved])
    await _insert(session, ALERT, [(store, row) for store, made in ordered for row in made.alerts])
    await _write(session, TIMER, [(store, *made.timer) for store, made in ordered if made.timer is not None])
    await _write(session, JOURNAL, [(store, *pair) for store, made in ordered for pair in made.journals])
    await _write(session, HUB, [(store, *pair) for store, made in ordered for pair in made.hubs])


async def _write(session: Session, shape: Shape[T], pairs: Sequence[tuple[StoreKey, T | None, T]]) -> None:
    await _insert(session, shape, [(store, after) for store, before, after in pairs if before is None])
    await _update(session, shape, [(store, before, after) for store, before, after in pairs if before is not None])


async def _insert(session: Session, shape: Shape[T], rows: Sequence[tuple[StoreKey, T]]) -> None:
    if rows:
        literals = [shape.row(",".join(store_tuple(store)), row) for store, row in rows]
        for sql, count in inserts(shape.table, shape.columns, literals):
            _guard(await session.change(sql), count, shape.table)


async def _update(session: Session, shape: Shape[T], triples: Sequence[tuple[StoreKey, T, T]]) -> None:
    """Only columns that differ somewhere in the batch are sent: an order moves few of a stock's."""
    changed = [
        field for field in shape.values if any(field.get(before) != field.get(after) for _, before, after in triples)
    ]
    guards = [field for field in shape.values if field.column in _GUARDS[shape.table]]
    rows: list[tuple[int, list[str]]] = []
    for store, before, after in triples:
        key_literals = [*store_tuple(store), *(field.literal(after) for field in shape.key)]
        guard_literals = [field.literal(before) for field in guards]
        rows.append((store.bucket, [*key_literals, *guard_literals, *(field.literal(after) for field in changed)]))
    if changed:
        key = (*STORE, *(field.column for field in shape.key))
        names = [field.column for field in guards], [field.column for field in changed]
        for sql, count in updates(shape.table, key, *names, rows):
            _guard(await session.change(sql), count, shape.table)


async def _resolve(session: Session, rows: Sequence[tuple[StoreKey, Incident]]) -> None:
    """One by one: people resolve incidents, and not many at once."""
    for store, row in rows:
        met = key_condition((*STORE, "seq"), [(*store_tuple(store), str(int(row.seq)))])
        setting = ", ".join(f"{field.column} = {field.literal(row)}" for field in RESOLVED)
        sql = f"UPDATE {INCIDENT.table} SET {setting} WHERE {met} AND resolved_at IS NULL"
        _guard(await session.change(sql), 1, INCIDENT.table)


async def _delete_due(session: Session, ordered: Sequence[tuple[StoreKey, StoreChanges]]) -> None:
    keys = [_due_key(store, DUE.key, row) for store, made in ordered for row in made.due_removed]
    for condition, count in key_conditions(_DUE_KEY, keys):
        _guard(await session.change(f"DELETE FROM {DUE.table} WHERE {condition}"), count, DUE.table)


def _due_key(store: StoreKey, fields: Sequence[Field], row: Any) -> tuple[str, ...]:
    bucket, brand_id, poi_id = store_tuple(store)
    due_at, order_id = (field.literal(row) for field in fields)
    return bucket, due_at, brand_id, poi_id, order_id


def _guard(found: int, expected: int, table: str) -> None:
    if found != expected:
        raise GuardFailed(f"{table}: {found} of {expected} rows were as they had been loaded")
