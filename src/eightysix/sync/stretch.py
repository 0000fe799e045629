"""How long messages may have the event loop before others get a turn, orders above all."""

import asyncio
from time import perf_counter

_SECONDS = 0.001
"""A batch comes back to the event loop five times, and waits each time for as long as somebody else works."""


class Stretch:
    """One for all that a relay does: where each of its tasks had its own, they would have their stretches one after the
    other, and nobody between them."""

    def __init__(self) -> None:
        self._began = 0.0
        self._ends = False

    @property
    def is_over(self) -> bool:
        """Whether it is time to breathe."""
        return perf_counter() - self._began > _SECONDS

    async def breathe(self) -> None:
        """Let others have their turn. The next stretch may be over again, if another task was before this one."""
        if not self._ends:
            self._ends = True
            asyncio.get_running_loop().call_soon(self._begin)
        await asyncio.sleep(0)

    def _begin(self) -> None:
        self._began, self._ends = perf_counter(), False
