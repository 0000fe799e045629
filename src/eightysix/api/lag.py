"""How far devices are behind their stores."""

from collections.abc import Sequence

from eightysix.catalog.catalog import Catalog
from eightysix.core.change import Head
from eightysix.storage.change_log import Mark
from eightysix.storage.device import Device
from eightysix.storage.port import Database
from eightysix.wire.following import Lag


class Lags:
    """Measures them, against one database."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    async def of(self, devices: Sequence[Device]) -> list[Lag]:
        """Of each device, what it hasn't acknowledged and how old the oldest of that is."""
        heads = await self._database.following.heads(list(dict.fromkeys(each.store for each in devices)))
        lags = []
        for device in devices:
            seen = heads.get(device.store)
            behind = 0 if seen is None else changes(device, seen.head, self._catalog.generation)
            oldest = await self._first_after(device) if behind else None
            lags.append(Lag(behind, 0 if oldest is None or seen is None else max(0, seen.now - oldest.at)))
        return lags

    async def _first_after(self, device: Device) -> Mark | None:
        seq = device.acked_seq if device.generation == self._catalog.generation else 0
        return await self._database.log.table.mark(device.store, seq + 1)


def changes(device: Device, head: Head, generation: int) -> int:
    """How many changes it hasn't applied; of another generation it has applied none."""
    return max(0, head.outbox_seq - (device.acked_seq if device.generation == generation else 0))
