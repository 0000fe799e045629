"""What a decision leaves behind: rows to write. A store's changes in one batch are saved and committed together."""

from enum import IntEnum

import msgspec

from .hub import Hub, HubChanges
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
    ADD = 9
    COUNT = 10
    EIGHTY_SIX = 11
    RESTORE = 12
    SKIP = 13
    FLOW_BACK = 14
    FLIP = 15
    RECONCILE = 16
    STORE = 17
    SUPERSEDED = 18
    GRANT = 19
    MIRROR = 20
    WRITE_OFF = 21
    RESOLVE = 22


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """One change of one stock, append-only. `seq` is the store's sequence value and becomes the stock's version.

    `quantity` is what the verb moved, in thousandths of the stock: locked, deducted, freed or returned, each positive;
    signed for AMEND and RECONCILE (what more is locked) and from SET on (the change of real). 0 where only a channel's
    `used` fell. FLIP: whether it can be sold has changed, because another stock did, the day began or the menu changed.
    STORE is about no stock, its key is `WHOLE_STORE`: the store opened, closed, moved or is gone. GRANT: how much more
    the hub holds. MIRROR: what the hub has taken over from the cloud's row.
    `content` is JSON, only where a setting changed or what can be sold. `real_before` and `locked_before` are None in
    rows that an earlier program wrote; `happened_at` is None where that is when it was recorded, `at`.

    `stock_prev` and `order_prev` are the seq of the row before it of the same stock and of the same order, 0 where it
    is the first: an item's and an order's rows are found along them. None in rows of an earlier program; `order_prev`
    too where there is no order, or an earlier program wrote the rest of it.
    """

    seq: int
    key: StockKey
    kind: Kind
    quantity: int
    real_before: int | None
    real_after: int
    locked_before: int | None
    locked_after: int
    order_id: str | None
    channel_code: str | None
    actor: str
    source: str
    event_id: str | None
    happened_at: int | None
    at: int
    reason: str | None = None
    content: str | None = None
    stock_prev: int | None = None
    order_prev: int | None = None


class OutboxRow(msgspec.Struct, frozen=True, gc=False):
    """A pointer to a stock's new state; `prev_seq` is the seq of the store's previous outbox row."""

    seq: int
    prev_seq: int
    key: StockKey
    committed_at: int


BEYOND_CHANNEL = "sale_beyond_channel"
"""The kind of incident of a sale that was let through although its channel had no more to take: what it took is there,
but above the channel's cap or guaranteed to others. `oversold` doesn't rise with it."""

HUB_LOST, LATE_SALE = "hub_lost", "late_sale"
"""The kinds of incident of a hub that was replaced: its grant was written off; it has told since of more sales than
that. Neither moves `oversold`: what is written off is gone from real and grant alike, late sales settle it."""

LEAVE_OVERSOLD = frozenset({BEYOND_CHANNEL, HUB_LOST, LATE_SALE})
"""The kinds with which `oversold` doesn't rise, and so doesn't fall when they are resolved."""


class Incident(msgspec.Struct, frozen=True, gc=False):
    """A broken promise that somebody must resolve. `quantity` is by how much `oversold` rose, or with `BEYOND_CHANNEL`
    how much was more than the channel had; `seq` names it. `hub_id`: the hub that told of it, or whose grant it is.

    A resolved one says when, by whom, how (`cancel`, `accept`, `recount`) and why.
    """

    seq: int
    kind: str
    key: StockKey
    quantity: int
    order_id: str | None
    actor: str
    reason: str | None
    opened_at: int
    hub_id: str | None = None
    resolved_at: int | None = None
    resolved_by: str | None = None
    how: str | None = None
    resolution: str | None = None

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None

    @property
    def oversold(self) -> int:
        """How much of its stock's `oversold` it accounts for, at most."""
        return 0 if self.kind in LEAVE_OVERSOLD else self.quantity


class Alert(msgspec.Struct, frozen=True, gc=False):
    """A crossed threshold: `quantity` was left of the stock, or for `channel_code` (empty: the stock as a whole)."""

    seq: int
    channel_code: str
    kind: str
    key: StockKey
    quantity: int
    threshold: int
    raised_at: int


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


class Timer(msgspec.Struct, frozen=True, gc=False):
    """When something of a store is due by the clock next: a restore, or guarantees that flow back.

    `due_at` None: nothing is. It was planned from the catalogue's `planned_version`; all that was due up to `timed_at`
    has been run. `revision` guards each write. `told` is what others were last told of the store as a whole (see
    `announcement`), 0: nothing; `told_seq` the seq of that log row, 0 where there is none.
    """

    due_at: int | None = None
    planned_version: int = 0
    timed_at: int = 0
    revision: int = 0
    told: int = 0
    told_seq: int = 0


class Journal(msgspec.Struct, frozen=True, gc=False):
    """How far the journal of one device was replayed: `last_seq` is its last event with a result, and guards each
    write; `last_at` when that was recorded. `marks` is JSON of what the journal itself has set last, or None: see
    `core.journal`. `chain` is the digest of a hub's journal so far: see `core.hub_event`."""

    device_id: str
    journal_id: str
    last_seq: int = 0
    last_at: int = 0
    marks: str | None = None
    chain: str | None = None

    @property
    def key(self) -> "JournalKey":
        return self.device_id, self.journal_id


JournalKey = tuple[str, str]
"""(device_id, journal_id): a device starts another journal with each installation."""


class StoreChanges(msgspec.Struct, gc=False):
    """The net effect of a batch on one store: each row once, as it must be afterwards.

    `stocks`, `reservations` and others come with what was loaded (None: the row is new), which the write is guarded by.
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
    alerts: list[Alert] = []
    timer: tuple[Timer | None, Timer] | None = None
    journals: list[tuple[Journal | None, Journal]] = []
    hubs: list[tuple[Hub | None, Hub]] = []
    resolved: list[Incident] = []
    books: HubChanges | None = None

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
            or self.timer
            or self.journals
            or self.hubs
            or self.books
        )
