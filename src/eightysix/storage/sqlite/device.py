"""The devices' rows, on a connection of its own.

A power failure may take the last acknowledgements with it (`synchronous = NORMAL`): they are then told again. What is
gained is that no acknowledgement makes the lanes wait for the disk.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from eightysix.core.key import StoreKey
from eightysix.storage.device import Ack, Device

from . import rows
from .connection import ConnectionThread

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
REMOVE = f"DELETE FROM poi_stock_device WHERE {_UNMOVED}"  # noqa: S608 - as above

HOT_STATEMENTS = {
    "ACKNOWLEDGE": ACKNOWLEDGE,
    "OF_STORES": OF_STORES,
    "SILENT": SILENT,
    "MARK": MARK,
    "REMOVE": REMOVE,
}
"""Every statement of this page, for the test that looks at their plans."""


class SqliteDevices:
    """`storage.device.Devices`."""

    def __init__(self, path: Path) -> None:
        self._thread = ConnectionThread(path)
        self._is_open = False

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

    async def remove(self, devices: Sequence[Device]) -> None:
        """See the port."""
        await self._write(REMOVE, [_seen(each) for each in devices])

    async def close(self) -> None:
        await self._thread.close()

    async def _read(self, statement: str, *values: object) -> list[Device]:
        found = await self._run(lambda connection: connection.execute(statement, values).fetchall())
        return [Device(StoreKey(*row[:3]), *row[3:]) for row in found]

    async def _write(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(statement, values)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

        if values:
            await self._run(work)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if not self._is_open:
            await self._thread.open()
            await self._thread.run(lambda connection: connection.execute("PRAGMA synchronous = NORMAL"))
            self._is_open = True
        return await self._thread.run(work)


def _seen(device: Device) -> tuple[object, ...]:
    return (*device.store, device.device_id, device.generation, device.acked_seq, device.acked_at)
