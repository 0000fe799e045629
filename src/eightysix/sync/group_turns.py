"""Whose turn it is: of things that have the same name one at a time, in the order in which they came."""

import asyncio
from collections import deque


class GroupTurns:
    """A turn is taken by `take`, or else waited for with `wait`; `give` ends it. One that nobody waits for costs a look
    into a dictionary, where a lock would have to be made for each name and thrown away."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        """How many have a turn that isn't given yet."""
        return len(self._waiting)

    def take(self, name: str) -> bool:
        """Take the turn, if nobody has it."""
        if name in self._waiting:
            return False
        self._waiting[name] = deque()
        return True

    async def wait(self, name: str) -> None:
        """Return when it is the caller's turn, who comes after all that wait already."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[name].append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given, and can't be used
                self.give(name)
            raise

    def give(self, name: str) -> None:
        """The turn is the next one's."""
        waiting = self._waiting[name]
        while waiting:
            following = waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        del self._waiting[name]
