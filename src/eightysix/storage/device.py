"""How far each device of a store has applied what it was told, as rows."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from eightysix.core.key import StoreKey


class Device(msgspec.Struct, frozen=True, gc=False):
    """A device's row. Instants in milliseconds; `lagging_since`: how old the oldest change is that it hasn't applied,
    None where it follows well. `drift`: differences that the last reconciliation found, at `reconciled_at`."""

    store: StoreKey
    device_id: str
    generation: int
    acked_seq: int
    acked_at: int
    lagging_since: int | None = None
    drift: int = 0
    reconciled_at: int | None = None


class Ack(msgspec.Struct, frozen=True, gc=False):
    """A device has applied everything up to `seq`, as it told at `at`."""

    store: StoreKey
    device_id: str
    generation: int
    seq: int
    at: int


class Devices(Protocol):
    """The table of devices. Set-based; nothing here is part of a batch."""

    async def acknowledge(self, acks: Sequence[Ack]) -> None:
        """Write these, no device twice among them. A row never goes back: neither to an older generation nor, within
        one, to a lower seq. A device that gets on lags no more, until it is found to."""
        ...

    async def of_stores(self, stores: Sequence[StoreKey]) -> list[Device]:
        """All devices of these stores."""
        ...

    async def silent(self, buckets: Sequence[int], before: int) -> list[Device]:
        """The devices of these buckets (one physical shard) that acknowledged nothing since `before`."""
        ...

    async def mark(self, devices: Sequence[Device]) -> None:
        """Write their `lagging_since`, of those that have acknowledged nothing since they were read."""
        ...

    async def reconciled(self, store: StoreKey, device_id: str, drift: int, at: int) -> None:
        """What a reconciliation found; nothing of a device that has never acknowledged anything."""
        ...

    async def remove(self, devices: Sequence[Device]) -> None:
        """Forget these, of those that have acknowledged nothing since they were read."""
        ...
