"""What a database keeps of the order service's events: those that were done, with their answers, and those that wait.

Rows of one order are numbered without gaps. Because they are done in this order, everything up to the last one that was
done is done, also where older rows are no longer kept.

Each write is one statement over rows of one bucket. Where a connection was lost a write may be sent twice; each is such
that the second time does no harm or tells that somebody, maybe the first, was there already (GuardFailed).
"""

from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import Any, Protocol

import msgspec

from eightysix.core.key import StoreKey


class EventState(IntEnum):
    """How far an event is. A row that is done stays done."""

    WAITING = 1
    """For the events before it, or for its store to be known."""
    DECIDED = 2
    """Done after it had waited; its answer may not have been published yet."""
    DONE = 3
    """Done, and answered as soon as its message counts as consumed."""
    OVERDUE = 4
    """Waits still, and has been parked for somebody to look at."""


UNDONE = (EventState.WAITING, EventState.OVERDUE)


class OrderEventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `body` is kept while it waits, `answer` (JSON) once it is done; `received_at` by the database's clock.

    `digest`: 32 bytes, equal for equal events.
    """

    store: StoreKey
    order_id: str
    order_seq: int
    event_id: str
    type: str
    digest: bytes
    body: str
    state: EventState
    answer: str | None
    received_at: int

    @property
    def is_done(self) -> bool:
        return self.state not in UNDONE


def event_of(row: Sequence[Any]) -> OrderEventRow:
    """A row of the table, its columns in their order; a proxy hands numbers on in whatever type it likes."""
    bucket, brand_id, poi_id, order_id, order_seq, event_id, type_, digest, body, state, answer, received_at = row
    return OrderEventRow(
        store=StoreKey(int(bucket), brand_id, poi_id),
        order_id=order_id,
        order_seq=int(order_seq),
        event_id=event_id,
        type=type_,
        digest=digest,
        body=body,
        state=EventState(int(state)),
        answer=answer,
        received_at=int(received_at),
    )


class OrderEventTable(Protocol):
    """See this module's page. All rows of a call lie in one bucket; all buckets of a call in one physical shard."""

    async def load(self, store: StoreKey, order_ids: Collection[str]) -> tuple[int, list[OrderEventRow]]:
        """(the database's now, every row of these orders)."""
        ...

    async def add(self, rows: Sequence[OrderEventRow]) -> None:
        """New rows, all or none. Raises GuardFailed where one is there already."""
        ...

    async def settle(self, rows: Sequence[OrderEventRow]) -> None:
        """What waited is done: write state and answer, and drop the body. Raises GuardFailed where a row doesn't wait
        any more; the others may have been written."""
        ...

    async def move(self, rows: Sequence[OrderEventRow], state: EventState) -> None:
        """Give the rows another state, those that are still in the one they have."""
        ...

    async def unfinished(self, buckets: Sequence[int], before: int, limit: int) -> tuple[int, list[OrderEventRow]]:
        """(the database's now, rows that are WAITING or DECIDED and were received before `before` ms ago). In no
        order; those of a single bucket, and state, the oldest first."""
        ...

    async def done_before(self, bucket: int, at: int, limit: int) -> list[OrderEventRow]:
        """The bucket's oldest DONE rows that were received before `at`, without their answers."""
        ...

    async def remove(self, rows: Sequence[OrderEventRow]) -> None:
        """Delete these rows, those that are DONE."""
        ...
