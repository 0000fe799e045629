"""Work that gathers while the same work is being done, so that many who ask at once cost one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Gathering(Generic[T]):
    """Hands what was added to `work`, up to about `most` at a time; one call at a time."""

    def __init__(self, work: Callable[[list[T]], Awaitable[None]], most: int) -> None:
        self._work = work
        self._most = most
        self._added: list[tuple[Sequence[T], asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def add(self, things: Sequence[T]) -> None:
        """Return when `work` has been done with these. Raises what it raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._added.append((things, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await done

    async def close(self) -> None:
        """Return when nothing is left to be done."""
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        try:
            while self._added:
                things: list[T] = []
                waiting: list[asyncio.Future[None]] = []
                while self._added and (not things or len(things) + len(self._added[0][0]) <= self._most):
                    added, done = self._added.pop(0)
                    things += added
                    waiting.append(done)
                await self._do(things, waiting)
        finally:
            self._running = None

    async def _do(self, things: list[T], waiting: list["asyncio.Future[None]"]) -> None:
        try:
            await self._work(things)
        except Exception as fault:  # noqa: BLE001 - it belongs to those who wait
            for done in waiting:
                if not done.done():
                    done.set_exception(fault)
        else:
            for done in waiting:
                if not done.done():
                    done.set_result(None)
