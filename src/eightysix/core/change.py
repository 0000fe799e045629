"""What a decision leaves behind: rows to write. A store's changes in one batch are saved and committed together."""

from enum import IntEnum

import msgspec

from .key import StockKey
from .reservation import Reservation
from .stock import ChannelStock, Stock


class Kind(IntEnum):
    """Why a stock changed; the `kind` of a log row."""

    LOCK = 1
    DEDUCT = 2
    UNLOCK = 3
    EXPIRE = 4
    RETURN = 5
    AMEND = 6
    RELOCK = 7
    SET = 8


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """One change of one stock, append-only. `seq` is the store's sequence value and becomes the stock's version.

    `quantity` is what the verb moved, in thousandths of the stock: locked, deducted, freed or returned, each positive;
    signed only for AMEND (what more is locked) and SET (the change of real). 0 where only a channel's `used` fell.
    `content` is JSON, only where a setting changed.
    """

    seq: int
    key: StockKey
    kind: Kind
    quantity: int
    real_after: int
    locked_after: int
    order_id: str | None
    channel_code: str | None
    actor: str
    source: str
    at: int
    content: str | None = None


class OutboxRow(msgspec.Struct, frozen=True, gc=False):
    """A pointer to a stock's new state; `prev_seq` is the seq of the store's previous outbox row."""

    seq: int
    prev_seq: int
    key: StockKey
    committed_at: int


class Incident(msgspec.Struct, frozen=True, gc=False):
    """A broken promise that somebody must resolve. `quantity` is by how much `oversold` rose; `seq` names it."""

    seq: int
    kind: str
    key: StockKey
    quantity: int
    order_id: str | None
    actor: str
    reason: str | None
    opened_at: int


class OrderFact(msgspec.Struct, frozen=True, gc=False):
    """What is known of an order beyond its lines: that it was closed. Has a row only when it was."""

    order_id: str
    closed_at: int


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """A remembered `request_id` with the digest of its body and its outcome (JSON)."""

    request_id: str
    digest: bytes
    outcome: bytes
    recorded_at: int


class Head(msgspec.Struct, frozen=True, gc=False):
    """A store's head row: its sequence, the seq of its last outbox row, the latest instant it has used."""

    seq: int = 0
    outbox_seq: int = 0
    last_at: int = 0


class DueLock(msgspec.Struct, frozen=True, gc=False):
    """An order with live locks and when they die. Exists exactly while the order has a LOCKED line."""

    due_at: int
    order_id: str


class StoreChanges(msgspec.Struct, gc=False):
    """The net effect of a batch on one store: each row once, as it must be afterwards.

    `stocks` and `reservations` come with what was loaded (None: the row is new), which the write is guarded by.
    """

    head_before: Head
    head: Head
    stocks: list[tuple[Stock | None, Stock]]
    channels: list[tuple[ChannelStock | None, ChannelStock]]
    reservations: list[tuple[Reservation | None, Reservation]]
    facts: list[OrderFact]
    requests: list[RequestRecord]
    logs: list[LogRow]
    outbox: list[OutboxRow]
    incidents: list[Incident]
    due_added: list[DueLock]
    due_removed: list[DueLock]

    @property
    def is_empty(self) -> bool:
        return not (
            self.reservations
            or self.stocks
            or self.channels
            or self.facts
            or self.requests
            or self.due_added
            or self.due_removed
        )
