"""The devices' rows. They are written by the lane's own connection, between its batches: two connections would have to
wait for each other's lock, and SQLite waits by looking again and again.

A power failure may take the last acknowledgements with it (`synchronous = NORMAL` while they are written): they are
then told again. What is gained is that no acknowledgement makes a batch wait for the disk.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from eightysix.core.invariant import invariant
from eightysix.core.key import StoreKey
from eightysix.storage.device import Ack, Device

from . import rows
from .connection import ConnectionThread
from .lane import SqliteLane

T = TypeVar("T")

_KEY = "product_shard_id = ?1 AND brand_id = ?2 AND poi_id = ?3 AND device_id = ?4"
_COLUMNS = (
    "product_shard_id, brand_id, poi_id, device_id, generation, acked_seq, acked_at, lagging_since, drift, "
    "reconciled_at"
)
_SHOWN = ", ".join(f"t.{name}" for name in _COLUMNS.split(", "))

ACKNOWLEDGE = (
    "INSERT INTO poi_stock_device (product_shard_id, brand_id, poi_id, device_id, generation, acked_seq, acked_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (product_shard_id, brand_id, poi_id, device_id) DO UPDATE SET "
    "generation = excluded.generation, acked_seq = excluded.acked_seq, acked_at = excluded.acked_at, "
    "lagging_since = NULL WHERE (excluded.generation, excluded.acked_seq) >= (generation, acked_seq)"
)
OF_STORES = (
    f"SELECT {_SHOWN} FROM json_each(?1) j CROSS JOIN poi_stock_device t "  # noqa: S608 - names, no values
    "WHERE t.product_shard_id = json_extract(j.value, '$[0]') AND t.brand_id = json_extract(j.value, '$[1]') "
    "AND t.poi_id = json_extract(j.value, '$[2]')"
)
SILENT = (
    f"SELECT {_SHOWN} FROM json_each(?1) j CROSS JOIN poi_stock_device t "  # noqa: S608 - as above
    "WHERE t.product_shard_id = j.value AND t.acked_at < ?2"
)
_UNMOVED = f"{_KEY} AND generation = ?5 AND acked_seq = ?6 AND acked_at = ?7"
MARK = f"UPDATE poi_stock_device SET lagging_since = ?8 WHERE {_UNMOVED}"  # noqa: S608 - as above
RECONCILED = f"UPDATE poi_stock_device SET drift = ?5, reconciled_at = ?6 WHERE {_KEY}"  # noqa: S608 - as above
REMOVE = f"DELETE FROM poi_stock_device WHERE {_UNMOVED}"  # noqa: S608 - as above

HOT_STATEMENTS = {
    "ACKNOWLEDGE": ACKNOWLEDGE,
    "OF_STORES": OF_STORES,
    "SILENT": SILENT,
    "MARK": MARK,
    "RECONCILED": RECONCILED,
    "REMOVE": REMOVE,
}
"""Every statement of this page, for the test that looks at their plans."""


_FULL = 2
"""`synchronous = FULL`, as a number."""


class SqliteDevices:
    """`storage.device.Devices`. `lanes` are those that are open."""

    def __init__(self, path: Path, lanes: Collection[SqliteLane]) -> None:
        self._lanes = lanes
        self._reading = ConnectionThread(path, read_only=True)
        self._writing = ConnectionThread(path)
        self._open: set[ConnectionThread] = set()

    async def acknowledge(self, acks: Sequence[Ack]) -> None:
        """See the port."""
        await self._write(ACKNOWLEDGE, [(*ack.store, ack.device_id, ack.generation, ack.seq, ack.at) for ack in acks])

    async def of_stores(self, stores: Sequence[StoreKey]) -> list[Device]:
        """See the port."""
        return await self._read(OF_STORES, rows.encode(stores).decode())

    async def silent(self, buckets: Sequence[int], before: int) -> list[Device]:
        """See the port."""
        return await self._read(SILENT, rows.encode(buckets).decode(), before)

    async def mark(self, devices: Sequence[Device]) -> None:
        """See the port."""
        await self._write(MARK, [(*_seen(each), each.lagging_since) for each in devices])

    async def reconciled(self, store: StoreKey, device_id: str, drift: int, at: int) -> None:
        """See the port."""
        await self._write(RECONCILED, [(*store, device_id, drift, at)])

    async def remove(self, devices: Sequence[Device]) -> None:
        """See the port."""
        await self._write(REMOVE, [_seen(each) for each in devices])

    async def close(self) -> None:
        await self._reading.close()
        await self._writing.close()

    async def _read(self, statement: str, *values: object) -> list[Device]:
        found = await self._run(self._reading, lambda connection: connection.execute(statement, values).fetchall())
        return [Device(StoreKey(*row[:3]), *row[3:]) for row in found]

    async def _write(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA synchronous = NORMAL")
            try:
                _run_all(connection, statement, values)
            finally:
                connection.execute("PRAGMA synchronous = FULL")
                (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
                invariant(synchronous == _FULL, "batches are on the disk when they are committed")

        if not values:
            return
        lane = next(iter(self._lanes), None)
        if lane is not None:
            await lane.between(work)
        else:
            await self._run(self._writing, work)

    async def _run(self, thread: ConnectionThread, work: Callable[[sqlite3.Connection], T]) -> T:
        if thread not in self._open:
            await thread.open()
            self._open.add(thread)
        return await thread.run(work)


def _run_all(connection: sqlite3.Connection, statement: str, values: Sequence[tuple[object, ...]]) -> None:
    """One transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(statement, values)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _seen(device: Device) -> tuple[object, ...]:
    return (*device.store, device.device_id, device.generation, device.acked_seq, device.acked_at)
