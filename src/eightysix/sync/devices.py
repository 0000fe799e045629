"""How far the devices of stores are: their acknowledgements, written as many at a time as have come.

An acknowledgement is checked against the store's head and written together with all others that came while the last
ones were written: one look at the heads, one statement, whatever their number.

The time from a change's commit to its acknowledgement is known exactly where a device acknowledges the store's last
message for the first time: the head says when that was committed, by the clock that the acknowledgement's time is read
from. An acknowledgement of anything before, while more has changed since, is not counted; its change has another one's
time. So what is counted are the changes that nothing followed at once.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from eightysix.core.change import Head
from eightysix.core.key import StoreKey
from eightysix.storage.device import Ack, Device, Devices
from eightysix.storage.following import Following

from .latency import Latency

ACKS_MOST = 500
"""Acknowledgements that are written at a time."""


class AckedLate(Exception):
    """A cursor above the store's head: of another time of the database."""


class Acked(msgspec.Struct, frozen=True, gc=False):
    """A device's row after an acknowledgement, and the store's head."""

    device: Device
    head: Head


class _Waiting(msgspec.Struct):
    store: StoreKey
    device_id: str
    generation: int
    seq: int
    answer: "asyncio.Future[Acked]"


class Acknowledgements:
    """Takes acknowledgements. `acked` and `refused` count them; `latency` is as the module says."""

    def __init__(self, devices: Devices, following: Following) -> None:
        self._devices = devices
        self._following = following
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self.latency = Latency()
        self.acked = 0
        self.refused = 0

    async def take(self, store: StoreKey, device_id: str, generation: int, seq: int) -> Acked:
        """Return when it is written. Raises AckedLate, or StorageFault."""
        answer: asyncio.Future[Acked] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(store, device_id, generation, seq, answer))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:ACKS_MOST], self._waiting[ACKS_MOST:]
            try:
                await self._settle(some)
            except Exception as fault:  # noqa: BLE001 - whoever waits gets to know it
                for each in some:
                    if not each.answer.done():
                        each.answer.set_exception(fault)
        self._writing = None

    async def _settle(self, some: Sequence[_Waiting]) -> None:
        stores = list(dict.fromkeys(each.store for each in some))
        seen = await self._following.heads(stores)
        before = {(each.store, each.device_id): each for each in await self._devices.of_stores(stores)}
        wanted: dict[tuple[StoreKey, str], Ack] = {}
        for each in some:
            head = seen.get(each.store)
            if each.seq > (0 if head is None else head.head.seq):
                self.refused += 1
                if not each.answer.done():
                    each.answer.set_exception(AckedLate())
                continue
            key = (each.store, each.device_id)
            ack = Ack(each.store, each.device_id, each.generation, each.seq, 0 if head is None else head.now)
            known = wanted.get(key)
            if known is None or (ack.generation, ack.seq) >= (known.generation, known.seq):
                wanted[key] = ack
        await self._devices.acknowledge(list(wanted.values()))
        after: dict[tuple[StoreKey, str], Device] = {}
        for key, ack in wanted.items():
            head = seen.get(ack.store)
            after[key] = self._moved(before.get(key), ack, Head() if head is None else head.head)
        for each in some:
            if not each.answer.done():
                self.acked += 1
                head = seen.get(each.store)
                each.answer.set_result(Acked(after[each.store, each.device_id], Head() if head is None else head.head))

    def _moved(self, before: Device | None, ack: Ack, head: Head) -> Device:
        """The row as the statement has left it; what was known before is not taken back."""
        if before is not None and (ack.generation, ack.seq) < (before.generation, before.acked_seq):
            return before
        first = before is None or (before.generation, before.acked_seq) < (ack.generation, head.outbox_seq)
        if first and 0 < head.outbox_seq <= ack.seq:
            self.latency.took((ack.at - head.last_at) / 1000)
        drift, reconciled_at = (0, None) if before is None else (before.drift, before.reconciled_at)
        return Device(ack.store, ack.device_id, ack.generation, ack.seq, ack.at, None, drift, reconciled_at)
