"""Publishes what the outbox of an SQLite file holds, as messages of the real kind, in order; leaves the rows there."""

import asyncio
import sqlite3
from pathlib import Path

from eightysix.app import Service
from eightysix.core.key import StockKey, StoreKey
from eightysix.engine.days import BusinessDays
from eightysix.engine.view import store_view
from eightysix.sync.bus import Bus, BusMessage
from eightysix.wire.message import STOCK_TOPIC, encode_message, group_of, message

_ROWS = (
    "SELECT seq, prev_seq, object_type, object_id, committed_at FROM poi_stock_outbox "
    "WHERE product_shard_id = ? AND brand_id = ? AND poi_id = ? AND seq > ? ORDER BY seq"
)


class Publisher:
    """One service's, for as long as it has no relay."""

    def __init__(self, service: Service, file: Path, bus: Bus) -> None:
        self._service = service
        self._file = file
        self._bus = bus
        self._days = BusinessDays()
        self._published: dict[StoreKey, int] = {}

    async def publish(self, store: StoreKey) -> None:
        """Everything of this store that wasn't published yet."""
        for each in await self.messages(store):
            await self._bus.publish(each)

    async def messages(self, store: StoreKey) -> list[BusMessage]:
        """What is to be published next of this store; it counts as published."""
        values = (*store, self._published.get(store, 0))
        rows = await asyncio.to_thread(self._read, values)
        if not rows:
            return []
        self._published[store] = rows[-1][0]
        found = await self._service.database.reader.store_rows(store, None)
        view = store_view(store, found, found.now, self._service.catalog.current, self._days)
        return [
            BusMessage(
                STOCK_TOPIC,
                encode_message(message(view, StockKey(*key), seq, prev_seq, committed_at)),
                group_of(store),
            )
            for seq, prev_seq, *key, committed_at in rows
        ]

    def _read(self, values: tuple[object, ...]) -> list[tuple[int, ...]]:
        connection = sqlite3.connect(self._file)
        try:
            return connection.execute(_ROWS, values).fetchall()
        finally:
            connection.close()
