"""One order's events: what is done, what waits, whose turn it is. Values only: who reads and writes is elsewhere."""

from collections.abc import Iterable
from enum import Enum

import msgspec
from msgspec.structs import replace

from eightysix.storage.order_event import EventState, OrderEventRow
from eightysix.storage.port import DAY_MS
from eightysix.wire.order_event import ReadEvent
from eightysix.wire.parked_event import Because, ParkedReason, because

AGE_DAYS_MAX = 30
"""What happened longer ago is not done any more: what it refers to need not be kept so long (DESIGN section 4)."""


TOO_OLD = because(Because.EVENT_TOO_OLD, days=AGE_DAYS_MAX)


def is_too_old(event: ReadEvent, now: int) -> bool:
    """Whether the event, where it wasn't done in time, is never done."""
    return event.happened_at < now - AGE_DAYS_MAX * DAY_MS


class Arrived(msgspec.Struct, frozen=True):
    """An event and the body that it came in."""

    event: ReadEvent
    body: str


class Place(Enum):
    """Where an event stands that has arrived."""

    NEXT = "next"
    """Everything before it is done: it is its turn."""
    EARLY = "early"
    """Something before it hasn't come yet."""
    WAITS = "waits"
    """It came before and waits still."""
    REPEAT = "repeat"
    """It was done before, and has its answer."""


class OrderLedger:
    """What the database has of one order's events, brought forward as they are done."""

    def __init__(self, rows: Iterable[OrderEventRow] = ()) -> None:
        self._rows = {row.order_seq: row for row in rows}
        self.done = max((row.order_seq for row in self._rows.values() if row.is_done), default=0)
        """Everything up to here is done."""

    def row(self, order_seq: int) -> OrderEventRow | None:
        """What is known of this event."""
        return self._rows.get(order_seq)

    def put(self, row: OrderEventRow) -> None:
        """The row was written."""
        self._rows[row.order_seq] = row
        if row.is_done:
            self.done = max(self.done, row.order_seq)

    @property
    def next_waiting(self) -> OrderEventRow | None:
        """The event whose turn it is, if it is among those that wait."""
        row = self._rows.get(self.done + 1)
        return None if row is None or row.is_done else row

    @property
    def decided(self) -> list[OrderEventRow]:
        """Those that were done after they had waited, and may not have been answered."""
        return [row for row in self._rows.values() if row.state is EventState.DECIDED]

    def place(self, event: ReadEvent, now: int) -> Place | ParkedReason:
        """Where the event stands, or why it can't be processed."""
        known = self._rows.get(event.order_seq)
        if known is not None:
            if known.digest != event.digest:
                return because(Because.EVENT_DIFFERS, known=known.event_id)
            return Place.REPEAT if known.is_done else Place.WAITS
        if is_too_old(event, now):
            return TOO_OLD
        if event.order_seq <= self.done:
            return because(Because.EVENT_LATE, done=self.done)
        for row in self._rows.values():
            if row.event_id == event.event_id:
                return because(Because.EVENT_ID_USED, order_seq=row.order_seq)
        return Place.NEXT if event.order_seq == self.done + 1 else Place.EARLY


def waiting_row(arrived: Arrived, now: int, state: EventState = EventState.WAITING) -> OrderEventRow:
    """The row of an event that isn't done."""
    event = arrived.event
    return OrderEventRow(
        store=event.store,
        order_id=event.order_id,
        order_seq=event.order_seq,
        event_id=event.event_id,
        type=event.type,
        digest=event.digest,
        body=arrived.body,
        state=state,
        answer=None,
        received_at=now,
    )


def done_row(arrived: Arrived, now: int, answer: str) -> OrderEventRow:
    """The row of an event that was done as soon as it came. Its body isn't kept: the digest tells a repeat."""
    return replace(waiting_row(arrived, now, EventState.DONE), body="", answer=answer)


def settled_row(row: OrderEventRow, answer: str) -> OrderEventRow:
    """The row of an event that was done after it had waited."""
    return replace(row, state=EventState.DECIDED, body="", answer=answer)
