"""The outbox as a relay needs it: rows of many stores at once, in order, and out of the way once they are published.

A published row is deleted, nothing else says that it was. So each of these is a statement or two by the primary key,
outside of every batch, and none of them waits for one: a relay that dies between two of them publishes some rows
again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from eightysix.core.change import Alert, Incident, OutboxRow
from eightysix.core.key import StockKey, StoreKey

from .port import StoreStocks


class Pending(msgspec.Struct, frozen=True, gc=False):
    """Outbox rows by store, each store's in order, and the database's clock when they were read."""

    now: int
    rows: Mapping[StoreKey, Sequence[OutboxRow]]


class Waiting(NamedTuple):
    """A store that has outbox rows; the first of them is of `committed_at`."""

    store: StoreKey
    committed_at: int


class ParkedRow(msgspec.Struct, frozen=True, gc=False):
    """An outbox row that could not be published in so many tries, and why."""

    store: StoreKey
    row: OutboxRow
    parked_at: int
    tries: int
    reason: str


class ParkedPlace(NamedTuple):
    """Where a parked row stands in the order of all."""

    store: StoreKey
    seq: int


class Outbox(Protocol):
    """The outbox of one database. Stores and buckets of a call may lie anywhere unless it says otherwise."""

    async def pending(self, stores: Sequence[StoreKey], most: int) -> Pending:
        """The first rows of each of these stores, at most `most`; those without any are missing."""
        ...

    async def waiting(self, buckets: Sequence[int], after: StoreKey | None, limit: int) -> list[Waiting]:
        """Stores of these buckets that have rows, by key, above `after`. The buckets lie in one physical shard."""
        ...

    async def remove(self, rows: Mapping[StoreKey, Collection[int]]) -> int:
        """Delete the rows with these sequence values; how many there still were."""
        ...

    async def park(self, store: StoreKey, row: OutboxRow, tries: int, reason: str) -> None:
        """Take the row out of its store's way: parked and gone from the outbox, or neither."""
        ...

    async def parked(self, after: ParkedPlace | None, limit: int, store: StoreKey | None = None) -> list[ParkedRow]:
        """What is parked, in all stores or in one, by store and seq, behind `after`."""
        ...

    async def put_back(self, store: StoreKey, seqs: Collection[int]) -> int:
        """Parked rows into the outbox again, as they were; how many there were."""
        ...

    async def states(self, wanted: Mapping[StoreKey, Collection[StockKey]]) -> dict[StoreKey, StoreStocks]:
        """The named stocks as they are, with all their channel rows. Every store has an entry."""
        ...

    async def incidents(self, wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[Incident]]:
        """The incidents of these seqs; stores without any are missing."""
        ...

    async def alerts(self, wanted: Mapping[StoreKey, Collection[int]]) -> dict[StoreKey, list[Alert]]:
        """The alerts with these sequence values; stores without any are missing."""
        ...
