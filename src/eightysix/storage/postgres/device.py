"""The devices' rows: one statement each, its rows as arrays."""

from collections.abc import Sequence
from typing import Any

from eightysix.core.key import StoreKey
from eightysix.storage.device import Ack, Device

from .following import STORE_KEY, STORES, Fetch, by_column
from .loading import looked_up

_KEY = (*STORE_KEY, "device_id")
_COLUMNS = (*_KEY, "generation", "acked_seq", "acked_at", "lagging_since", "drift", "reconciled_at")
_SHOWN = ", ".join(f"d.{name}" for name in _COLUMNS)
_SENT = (*_KEY, "generation", "acked_seq", "acked_at")
_ARRAYS = "unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])"
_SEEN = f"{_ARRAYS} AS s ({', '.join(_SENT)})"
_UNMOVED = " AND ".join(f"d.{name} = s.{name}" for name in _SENT)

ACKNOWLEDGE_STATEMENT = (
    f"INSERT INTO poi_stock_device AS d ({', '.join(_SENT)}) SELECT * FROM {_SEEN} ORDER BY {', '.join(_KEY)} "
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET generation = EXCLUDED.generation, "
    "acked_seq = EXCLUDED.acked_seq, acked_at = EXCLUDED.acked_at, lagging_since = NULL "
    "WHERE (EXCLUDED.generation, EXCLUDED.acked_seq) >= (d.generation, d.acked_seq)"
)
"""In key order: two processes that write the same rows wait for each other, they don't block each other."""

OF_STORES_STATEMENT = f"SELECT {_SHOWN} FROM {STORES} {looked_up('poi_stock_device', 'd', 's', STORE_KEY)}"
SILENT_STATEMENT = (
    f"SELECT {_SHOWN} FROM unnest($1::smallint[]) AS b (product_shard_id) "
    f"{looked_up('poi_stock_device', 'd', 'b', ('product_shard_id',), 'd.acked_at < $2')}"
)
_LOCKED = (
    f"SELECT d.ctid, s.at FROM {_ARRAYS} WITH ORDINALITY AS s ({', '.join(_SENT)}, at) "
    f"JOIN poi_stock_device AS d ON {_UNMOVED} ORDER BY {', '.join(f'd.{name}' for name in _KEY)} FOR UPDATE OF d"
)
MARK_STATEMENT = (
    f"WITH locked AS MATERIALIZED ({_LOCKED}) UPDATE poi_stock_device AS d "
    "SET lagging_since = ($8::bigint[])[l.at] FROM locked AS l WHERE d.ctid = l.ctid"
)
RECONCILED_STATEMENT = (
    "UPDATE poi_stock_device SET drift = $5, reconciled_at = $6 "
    "WHERE product_shard_id = $1 AND brand_id = $2 AND poi_id = $3 AND device_id = $4"
)
REMOVE_STATEMENT = (
    f"WITH locked AS MATERIALIZED ({_LOCKED}) DELETE FROM poi_stock_device AS d USING locked AS l WHERE d.ctid = l.ctid"
)


class PostgresDevices:
    """See `eightysix.storage.device.Devices`."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def acknowledge(self, acks: Sequence[Ack]) -> None:
        if acks:
            rest = zip(*((ack.device_id, ack.generation, ack.seq, ack.at) for ack in acks), strict=True)
            await self._fetch(ACKNOWLEDGE_STATEMENT, *by_column([ack.store for ack in acks]), *map(list, rest))

    async def of_stores(self, stores: Sequence[StoreKey]) -> list[Device]:
        return [_device(row) for row in await self._fetch(OF_STORES_STATEMENT, *by_column(stores))]

    async def silent(self, buckets: Sequence[int], before: int) -> list[Device]:
        return [_device(row) for row in await self._fetch(SILENT_STATEMENT, list(buckets), before)]

    async def mark(self, devices: Sequence[Device]) -> None:
        if devices:
            since = [each.lagging_since for each in devices]
            await self._fetch(MARK_STATEMENT, *_seen(devices), since)

    async def reconciled(self, store: StoreKey, device_id: str, drift: int, at: int) -> None:
        await self._fetch(RECONCILED_STATEMENT, *store, device_id, drift, at)

    async def remove(self, devices: Sequence[Device]) -> None:
        if devices:
            await self._fetch(REMOVE_STATEMENT, *_seen(devices))


def _seen(devices: Sequence[Device]) -> tuple[list[Any], ...]:
    rest = zip(*((each.device_id, each.generation, each.acked_seq, each.acked_at) for each in devices), strict=True)
    return (*by_column([each.store for each in devices]), *map(list, rest))


def _device(row: Sequence[Any]) -> Device:
    return Device(StoreKey(*row[:3]), *row[3:])
