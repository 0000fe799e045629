"""Everything about every store, for `eightysix check`: a few stores at a time, each held while it is read."""

from collections.abc import AsyncIterator, Sequence
from heapq import merge
from itertools import groupby

from eightysix.core.bucket import BUCKETS
from eightysix.core.key import StoreKey
from eightysix.storage.port import AuditStore, LockTimeout

from . import literal, load
from .pool import Pool
from .reader import held
from .session import Session
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
    RESERVATION,
    STOCK,
    STORE,
    TIMER,
)

STORES_AT_ONCE = 16
LOCK_TRIES = 30
"""A try ends with the server's lock timeout, a second."""


async def audit(pool: Pool, physical_shards: int, bucket: int | None) -> AsyncIterator[AuditStore]:
    """Every store that has a head row, bucket by bucket. Only the keys of all stores are in memory at once."""
    parts = [range(shard, BUCKETS, physical_shards) for shard in range(physical_shards)]
    shards = [await _stores(pool, buckets) for buckets in (parts if bucket is None else [[bucket]])]
    for _, run in groupby(merge(*shards), lambda store: store.bucket % physical_shards):
        stores = list(run)
        for start in range(0, len(stores), STORES_AT_ONCE):
            for entry in await _entries(pool, stores[start : start + STORES_AT_ONCE]):
                yield entry


async def _stores(pool: Pool, buckets: Sequence[int]) -> list[StoreKey]:
    sql = f"SELECT {','.join(STORE)} FROM {HEAD.table} WHERE {literal.buckets(buckets)} ORDER BY {','.join(STORE)}"
    return [StoreKey(*row) for row in await pool.rows(sql)]


async def _entries(pool: Pool, stores: Sequence[StoreKey]) -> list[AuditStore]:
    async def read(session: Session) -> list[AuditStore]:
        return await held(session, stores, lambda: _read(session, stores))

    for _ in range(LOCK_TRIES):
        try:
            return await pool.run(read)
        except LockTimeout:
            continue
    return await pool.run(read)


async def _read(session: Session, stores: Sequence[StoreKey]) -> list[AuditStore]:
    heads = await load.heads(session, stores)
    now, _ = await load.clock_and_head(session, stores[0])
    stocks = await load.by_store(session, STOCK, stores)
    channels = await load.by_store(session, CHANNEL, stores)
    reservations = await load.by_store(session, RESERVATION, stores)
    facts = await load.by_store(session, ORDER, stores)
    logs = await load.by_store(session, LOG, stores)
    outbox = await load.by_store(session, OUTBOX, stores)
    incidents = await load.by_store(session, INCIDENT, stores)
    due = await load.by_store(session, DUE, stores)
    alerts = await load.by_store(session, ALERT, stores)
    timers = await load.by_store(session, TIMER, stores)
    journals = await load.by_store(session, JOURNAL, stores)
    hubs = await load.by_store(session, HUB, stores)
    return [
        AuditStore(
            store,
            now,
            heads[store],
            tuple(stocks.get(store, ())),
            tuple(channels.get(store, ())),
            tuple(reservations.get(store, ())),
            tuple(facts.get(store, ())),
            tuple(logs.get(store, ())),
            tuple(outbox.get(store, ())),
            tuple(incidents.get(store, ())),
            tuple(due.get(store, ())),
            tuple(alerts.get(store, ())),
            next(iter(timers.get(store, ())), None),
            tuple(journals.get(store, ())),
            tuple(hubs.get(store, ())),
        )
        for store in stores
        if store in heads
    ]
