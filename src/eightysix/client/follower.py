"""A store's state, kept current while somebody iterates.

    follower = client.follower(("golden-wok", "soho"), device_id="kiosk-3", save=cursor_file.write_text)
    for news in follower:          # or follower.run() on a thread of its own
        show(follower.rows)

The state is taken in before its news is given; the cursor is saved, and acknowledged to the service, when the next news
is asked for. So what was saved has been dealt with, and after a crash the last of it may come once more.

Without a `cursor` everything that there is comes first. Whoever hands one in also hands in the `rows` that go with it:
only what has changed since will come.
"""

from collections.abc import AsyncIterator, Callable, Iterator

from eightysix.wire.message import StockState, StoreState

from .mirror import Mirror
from .news import News


class Kept:
    """What both followers show of their state."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    @property
    def rows(self) -> dict[tuple[int, int], StockState]:
        """By (object_type, object_id). An item that isn't among them is on sale, unlimited."""
        return self._mirror.rows

    @property
    def store(self) -> StoreState | None:
        """The store as a whole; None until the service has told."""
        return self._mirror.store

    @property
    def cursor(self) -> str | None:
        """How far the state is."""
        return self._mirror.cursor


class Follower(Kept):
    """Iterated by one thread, read by any."""

    def __init__(self, mirror: Mirror, begin: Callable[[], Iterator[News]]) -> None:
        super().__init__(mirror)
        self._begin = begin

    def __iter__(self) -> Iterator[News]:
        return self._begin()

    def run(self) -> None:
        """Follow without end. Raises ClientError for what waiting doesn't change."""
        for _ in self:
            pass


class AsyncFollower(Kept):
    """As Follower, for one task."""

    def __init__(self, mirror: Mirror, begin: Callable[[], AsyncIterator[News]]) -> None:
        super().__init__(mirror)
        self._begin = begin

    def __aiter__(self) -> AsyncIterator[News]:
        return self._begin()

    async def run(self) -> None:
        """Follow without end. Raises ClientError for what waiting doesn't change."""
        async for _ in self:
            pass
