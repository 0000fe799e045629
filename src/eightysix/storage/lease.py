"""Who works for which buckets: 64 ranges, each held by one process until the database's clock passes its end.

A range is the buckets with one remainder by 64, so it lies within one physical shard wherever there are 1, 2, 4 or 8.
The row of a range lies in the bucket of its number, those of the processes in bucket 0.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

RANGES = 64

LEASE_MS = 3_000
"""How long a lease or a sign of life holds."""


class Lease(msgspec.Struct, frozen=True, gc=False):
    """A range's row. `token` steps with each new owner; `ended`: its time is over, whoever wants it may have it."""

    owner: str
    token: int
    ended: bool


class LeaseTable(Protocol):
    """One statement each, or one a physical table. Every time is the database's own."""

    async def show(self, owner: str) -> frozenset[str]:
        """Give a sign of life; everybody who gave one within LEASE_MS."""
        ...

    async def renew(self, owner: str, ranges: Collection[int]) -> frozenset[int]:
        """LEASE_MS more for these; those of them that are still the owner's."""
        ...

    async def all(self) -> dict[int, Lease]:
        """Every range that ever had an owner."""
        ...

    async def take(self, owner: str, ranges: Mapping[int, Lease | None]) -> frozenset[int]:
        """These for the owner, where they are as they were seen; which of them it got."""
        ...

    async def give_up(self, owner: str, ranges: Collection[int]) -> None:
        """Others may have these at once."""
        ...

    async def leave(self, owner: str) -> None:
        """No more signs of life are to be expected."""
        ...
