"""Messages from a bus that can't be processed, and answers that no bus takes: kept until somebody has them replayed."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

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


def message_of(row: Sequence[Any]) -> ParkedMessage:
    """A row of the table, its columns in their order; a proxy hands numbers on in whatever type it likes."""
    bucket, topic, message_id, brand_id, poi_id, body, reason, tries, parked_at = row
    return ParkedMessage(
        key=ParkedKey(int(bucket), topic, message_id),
        store=None if brand_id is None or poi_id is None else StoreKey.of(brand_id, poi_id),
        body=body,
        reason=reason,
        tries=int(tries),
        parked_at=int(parked_at),
    )


def ids_of(store: StoreKey | None) -> tuple[str | None, str | None]:
    """The columns that name a store, or none."""
    return (None, None) if store is None else (store.brand_id, store.poi_id)


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
