"""A real database whose clock is moved: what it answers as now is so many milliseconds later."""

from collections.abc import Sequence
from typing import Any

import msgspec

from eightysix.core.key import StoreKey
from eightysix.storage.port import Database, Lane, Opened, Reader


class Clock:
    """How far the clock is ahead; shared by all who use the database."""

    def __init__(self) -> None:
        self.ahead_ms = 0


class _Lane:
    def __init__(self, lane: Lane, clock: Clock) -> None:
        self._lane = lane
        self._clock = clock

    async def begin(self, stores: Sequence[StoreKey], batch_no: int, *, skip_locked: bool = False) -> Opened:
        opened = await self._lane.begin(stores, batch_no, skip_locked=skip_locked)
        return msgspec.structs.replace(opened, now=opened.now + self._clock.ahead_ms)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lane, name)


class _Reader:
    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def next_timers(self, buckets: Sequence[int], limit: int) -> tuple[int, list[tuple[int, StoreKey]]]:
        now, timers = await self._reader.next_timers(buckets, limit)
        return now + self._clock.ahead_ms, timers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class Clocked:
    """The database as seen by somebody whose clock is moved."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.capabilities = database.capabilities
        self.reader = _Reader(database.reader, clock)

    async def lane(self, lane_no: int, marker_bucket: int) -> _Lane:
        return _Lane(await self._database.lane(lane_no, marker_bucket), self._clock)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)
