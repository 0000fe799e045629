"""What one process tells the others right after a commit: which stores have changed.

Only a hint, so that nobody has to look all the time: one that is lost costs a moment, never a message.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from eightysix.core.key import StoreKey

Hear = Callable[[Sequence[StoreKey]], None]
"""Called on the event loop with stores that other processes have changed; with none where some may have been missed."""


class Signals(Protocol):
    """The signals of one database."""

    def tell(self, stores: Iterable[StoreKey]) -> None:
        """Tell the other processes, within some milliseconds and together with what else there is to tell. Never
        raises, never waits."""
        ...

    def listen(self, hear: Hear) -> Callable[[], None]:
        """Have `hear` called until what this answers is called."""
        ...
