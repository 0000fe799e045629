"""The devices' rows. Every statement names whole keys, of one physical table; repeating one does no harm, so the pool
may try twice."""

from collections.abc import Sequence

from eightysix.core.key import StoreKey
from eightysix.storage.device import Ack, Device

from . import literal, load
from .following import by_shard
from .pool import Pool
from .session import Row, Session
from .statement import key_conditions, pieces, updates
from .table import STORE

_TABLE = "poi_stock_device"
_KEY = (*STORE, "device_id")
_SEEN = ("generation", "acked_seq", "acked_at")
_COLUMNS = ",".join((*_KEY, *_SEEN, "lagging_since", "drift", "reconciled_at"))
_SENT = ",".join((*_KEY, *_SEEN))
_ROWS_MAX = 200

_ROWS = f"{_TABLE} s ON " + " AND ".join(f"s.{column} = v.c{at}" for at, column in enumerate(_KEY))
_TAKEN = "s.lagging_since = NULL,s.acked_at = v.c6,s.acked_seq = v.c5,s.generation = v.c4"
_NOT_BEHIND = "IF(s.generation = v.c4, s.acked_seq <= v.c5, s.generation < v.c4)"


class MysqlDevices:
    """See `storage.device.Devices`."""

    def __init__(self, pool: Pool, physical_shards: int) -> None:
        self._pool = pool
        self._shards = physical_shards

    async def acknowledge(self, acks: Sequence[Ack]) -> None:
        async def write(session: Session) -> None:
            for stores in by_shard(sorted({ack.store for ack in acks}), self._shards):
                chosen = set(stores)
                some = sorted((ack for ack in acks if ack.store in chosen), key=lambda ack: (ack.store, ack.device_id))
                await _make(session, some)
                for piece in pieces([_derived(ack) for ack in some], _ROWS_MAX):
                    buckets = literal.buckets(store.bucket for store in stores)
                    await session.change(
                        f"UPDATE (SELECT {' UNION ALL SELECT '.join(piece)}) v STRAIGHT_JOIN {_ROWS} SET {_TAKEN} "
                        f"WHERE s.{buckets} AND {_NOT_BEHIND}"
                    )

        await self._pool.run(write)

    async def of_stores(self, stores: Sequence[StoreKey]) -> list[Device]:
        async def read(session: Session) -> list[Device]:
            found: list[Device] = []
            for keys in by_shard(stores, self._shards):
                for condition, _ in key_conditions(STORE, [load.store_tuple(store) for store in keys]):
                    found += map(_device, await session.rows(f"SELECT {_COLUMNS} FROM {_TABLE} WHERE {condition}"))
            return found

        return await self._pool.run(read)

    async def silent(self, buckets: Sequence[int], before: int) -> list[Device]:
        where = f"{literal.buckets(buckets)} AND acked_at < {int(before)}"
        sql = f"SELECT {_COLUMNS} FROM {_TABLE} WHERE {where}"
        return [_device(row) for row in await self._pool.rows(sql)]

    async def mark(self, devices: Sequence[Device]) -> None:
        async def write(session: Session) -> None:
            for some in self._sharded(devices):
                rows = [
                    (each.store.bucket, (*_unmoved(each), literal.optional_integer(each.lagging_since)))
                    for each in some
                ]
                for sql, _ in updates(_TABLE, _KEY, _SEEN, ("lagging_since",), rows):
                    await session.change(sql)

        await self._pool.run(write)

    async def reconciled(self, store: StoreKey, device_id: str, drift: int, at: int) -> None:
        key = " AND ".join(f"{name} = {value}" for name, value in zip(_KEY, _key(store, device_id), strict=True))
        sql = f"UPDATE {_TABLE} SET drift = {int(drift)},reconciled_at = {int(at)} WHERE {key}"
        await self._pool.change(sql)

    async def remove(self, devices: Sequence[Device]) -> None:
        async def write(session: Session) -> None:
            for some in self._sharded(devices):
                for condition, _ in key_conditions((*_KEY, *_SEEN), [_unmoved(each) for each in some]):
                    await session.change(f"DELETE FROM {_TABLE} WHERE {condition}")

        await self._pool.run(write)

    def _sharded(self, devices: Sequence[Device]) -> list[list[Device]]:
        """Those of one physical shard together, in key order."""
        return [
            sorted((each for each in devices if each.store in chosen), key=lambda each: (each.store, each.device_id))
            for chosen in map(set, by_shard(sorted({each.store for each in devices}), self._shards))
        ]


async def _make(session: Session, acks: Sequence[Ack]) -> None:
    """Rows of nothing for the devices that have none: the proxy takes no condition where a key is there already."""
    there: set[tuple[str, str, str]] = set()
    for condition, _ in key_conditions(_KEY, [_key(ack.store, ack.device_id) for ack in acks]):
        found = await session.rows(f"SELECT {','.join(_KEY)} FROM {_TABLE} WHERE {condition}")
        there.update((row[1], row[2], row[3]) for row in found)
    new = [
        f"({','.join(_key(ack.store, ack.device_id))},0,0,{int(ack.at)})"
        for ack in acks
        if (ack.store.brand_id, ack.store.poi_id, ack.device_id) not in there
    ]
    for piece in pieces(new, _ROWS_MAX):
        await session.change(
            f"INSERT INTO {_TABLE} ({_SENT}) VALUES {','.join(piece)} "
            "ON DUPLICATE KEY UPDATE device_id = VALUES(device_id)"
        )


def _derived(ack: Ack) -> str:
    values = (*_key(ack.store, ack.device_id), *(str(int(each)) for each in (ack.generation, ack.seq, ack.at)))
    return ",".join(f"{value} AS c{at}" for at, value in enumerate(values))


def _key(store: StoreKey, device_id: str) -> tuple[str, ...]:
    return (*load.store_tuple(store), literal.text(device_id))


def _unmoved(device: Device) -> tuple[str, ...]:
    seen = (device.generation, device.acked_seq, device.acked_at)
    return (*_key(device.store, device.device_id), *(str(int(each)) for each in seen))


def _device(row: Row) -> Device:
    return Device(StoreKey(*row[:3]), *row[3:])
