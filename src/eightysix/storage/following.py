"""What those who follow stores ask of a database: where a store stands, and which of its stocks have changed since."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from eightysix.core.change import Head
from eightysix.core.key import StockKey, StoreKey


class SeenHead(msgspec.Struct, frozen=True, gc=False):
    """A store's head row and the database's clock when it was read, in milliseconds."""

    now: int
    head: Head


class Changed(msgspec.Struct, frozen=True, gc=False):
    """Which stocks of a store changed above some sequence value: each with its version, the lowest first.

    The head was read before the stocks or with them: whatever happened up to it is there, later changes may be too.
    """

    head: Head
    stocks: tuple[tuple[StockKey, int], ...]


class Following(Protocol):
    """Reads outside of batches, set-based and by key."""

    async def heads(self, stores: Sequence[StoreKey]) -> Mapping[StoreKey, SeenHead]:
        """The heads of these stores; one that nothing ever happened to is missing."""
        ...

    async def changed(self, store: StoreKey, since: int, limit: int) -> Changed:
        """The first `limit` of the store's stocks with `version > since`."""
        ...
