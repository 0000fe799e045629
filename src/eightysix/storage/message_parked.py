"""Messages from a bus that can't be processed, and answers that no bus takes: kept until somebody has them replayed."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

import msgspec

from eightysix.core.key import StoreKey


class ParkedKey(NamedTuple):
    """What names a parked message. Messages that name no store lie in bucket 0."""

    bucket: int
    topic: str
    message_id: str


class ParkedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message and why it is here (JSON); `parked_at` (ms) is when it came first, `tries` how often."""

    key: ParkedKey
    store: StoreKey | None
    body: str
    reason: str
    tries: int = 1
    parked_at: int = 0


class ParkedMessageTable(Protocol):
    """One statement each."""

    async def park(self, messages: Sequence[ParkedMessage]) -> None:
        """Keep the messages, all of one bucket. One that is there gets the new reason and one more try. `tries` and
        `parked_at` are the database's own."""
        ...

    async def parked(self, keys: Collection[ParkedKey]) -> list[ParkedMessage]:
        """Those of the named messages that are there; keys of one bucket."""
        ...

    async def page(self, after: ParkedKey | None, store: StoreKey | None, limit: int) -> list[ParkedMessage]:
        """Parked messages, those of one store or all, by key, from behind `after` on."""
        ...

    async def unpark(self, keys: Collection[ParkedKey]) -> None:
        """Forget these; keys of one bucket."""
        ...
