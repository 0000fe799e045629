"""Real databases with something in the way: wrappers that stop, delay or break a lane's calls."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from eightysix.storage.port import Database, Lane

Hook = Callable[[str, int], Awaitable[None]]
"""Called with the method's name and how often the lane was asked for it (from 1)."""


async def nothing(method: str, count: int) -> None:
    """A hook that lets everything pass."""


class TamperedLane:
    """A lane whose every call passes `before` and `after`."""

    def __init__(self, lane: Lane, before: Hook, after: Hook) -> None:
        self._lane = lane
        self._before = before
        self._after = after
        self.calls: Counter[str] = Counter()

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        real = getattr(self._lane, method)

        async def call(*args: Any, **options: Any) -> Any:
            self.calls[method] += 1
            count = self.calls[method]
            await self._before(method, count)
            result = await real(*args, **options)
            await self._after(method, count)
            return result

        return call


class Tampered:
    """A database whose lanes are tampered with."""

    def __init__(self, database: Database, *, before: Hook = nothing, after: Hook = nothing) -> None:
        self._database = database
        self._hooks = before, after
        self.capabilities = database.capabilities
        self.reader = database.reader
        self.lanes: list[TamperedLane] = []

    async def lane(self, lane_no: int, marker_bucket: int) -> TamperedLane:
        lane = TamperedLane(await self._database.lane(lane_no, marker_bucket), *self._hooks)
        self.lanes.append(lane)
        return lane

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class Gate:
    """A hook that holds calls of one method while it is shut."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._open = asyncio.Event()
        self._open.set()
        self.reached = asyncio.Event()

    def shut(self) -> None:
        self.reached.clear()
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def __call__(self, method: str, count: int) -> None:
        if method == self._method:
            self.reached.set()
            await self._open.wait()
