"""One at a time, in the order in which they came: changes of the configuration, and files being imported.

The database lets one change in at a time anyway. Those that wait there would each hold a connection meanwhile, and
whoever only wants to read would wait behind all of them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eightysix.storage.port import Unavailable

WAIT_SECONDS = 10.0


class Turns:
    """A queue for one place. Who waits longer than `wait_seconds` is sent away: `Unavailable`."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._place = asyncio.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep it until the end."""
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._place.acquire()
        except TimeoutError:
            raise Unavailable("other changes of the configuration take too long") from None
        try:
            yield
        finally:
            self._place.release()
