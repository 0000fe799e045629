"""Reads of incidents, and of the order lines that may be affected by one. Everything is found by the store's key."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from eightysix.core.change import Incident
from eightysix.core.key import StoreKey
from eightysix.core.reservation import Reservation


class Below(NamedTuple):
    """Where a page goes on: with what was opened before `at`, or at that moment with a lower seq."""

    at: int
    seq: int


class Incidents(Protocol):
    """Reads outside of batches."""

    async def newest(
        self, wanted: Mapping[StoreKey, Below], limit: int, *, open_only: bool
    ) -> list[tuple[StoreKey, Incident]]:
        """Of each of these stores its newest incidents by (opened_at, seq), at most `limit`, in no particular order."""
        ...

    async def find(self, store: StoreKey, seq: int) -> Incident | None:
        """The incident of this seq."""
        ...

    async def locked(self, store: StoreKey) -> tuple[int, list[Reservation]]:
        """(the database's now, every LOCKED reservation of the store, a hub's too). Reads all that the store has kept:
        for what people ask now and then."""
        ...
