"""A hub's books outside of batches: begun once, and read by whoever tells the cloud what has happened."""

from typing import NamedTuple, Protocol

from eightysix.core.hub import HubBooks, Side
from eightysix.core.key import StoreKey


class Entry(NamedTuple):
    """An event of the journal: when it was written (milliseconds, by the clock here), and its body as it was."""

    seq: int
    at: int
    body: bytes


class Waiting(NamedTuple):
    """What the cloud hasn't acknowledged: how many events, and when the oldest was written (None: nothing waits)."""

    events: int
    oldest_at: int | None


class HubBooksTable(Protocol):
    """The books that this file holds. Their other writes are part of a batch: see `StoreChanges.books`."""

    async def start(self, store: StoreKey, hub_id: str) -> Side:
        """Begin the store's books with a journal of a new name, unless they were begun before; whose they are.

        Raises Rejected where they are another hub's.
        """
        ...

    async def books(self, store: StoreKey) -> HubBooks | None:
        """How far the journal is, and the open requests; no mirrors. None where no books were begun."""
        ...

    async def events(self, store: StoreKey, after_seq: int, limit: int) -> list[Entry]:
        """The journal's next events after `after_seq`, in order. What the cloud has acknowledged is gone."""
        ...

    async def waiting(self, store: StoreKey) -> Waiting:
        """How much the cloud hasn't acknowledged."""
        ...
