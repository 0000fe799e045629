"""What an audit can find wrong, as a closed list, and the books it reads."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from .change import DueLock, Head, Incident, Journal, LogRow, OrderFact, OutboxRow, Timer
from .hub import Hub, HubBooks
from .key import StockKey, StoreKey
from .reservation import Reservation
from .stock import ChannelStock, Stock


class Books(Protocol):
    """Everything about one store as of one moment."""

    @property
    def store(self) -> StoreKey: ...
    @property
    def head(self) -> Head: ...
    @property
    def stocks(self) -> Sequence[Stock]: ...
    @property
    def channels(self) -> Sequence[ChannelStock]: ...
    @property
    def reservations(self) -> Sequence[Reservation]: ...
    @property
    def facts(self) -> Sequence[OrderFact]: ...
    @property
    def logs(self) -> Sequence[LogRow]: ...
    @property
    def outbox(self) -> Sequence[OutboxRow]: ...
    @property
    def incidents(self) -> Sequence[Incident]: ...
    @property
    def due(self) -> Sequence[DueLock]: ...
    @property
    def timer(self) -> Timer | None: ...
    @property
    def journals(self) -> Sequence[Journal]: ...
    @property
    def hubs(self) -> Sequence[Hub]: ...
    @property
    def books(self) -> HubBooks | None:
        """At a hub: its books with all mirrors."""
        ...

    @property
    def events(self) -> Sequence[tuple[int, int, bytes]]:
        """At a hub: (seq, when it was written, body) of its journal's events that the cloud doesn't have."""
        ...


class Rule(StrEnum):
    """A promise that was found broken. Stable; `{expected}` and `{found}` of a finding are what it compares."""

    LOCKED_SUM = "locked_sum"
    """A stock's locked is the sum of the counted takes of LOCKED reservations."""
    NEGATIVE = "negative"
    """locked, grant, oversold and plan are never negative; real only as far as oversold covers it."""
    PROMISED = "promised"
    """A limited stock never promises more than there is: real + oversold >= locked + grant."""
    TURN = "turn"
    """Without a person's 86, a stock is sold out exactly while it is limited and real is 0."""
    VERSION = "version"
    """A stock's version is the sequence value of its last log row, and not above the store's."""
    LOG_COUNTERS = "log_counters"
    """The last log row of a stock has its counters."""
    LOG_STEP = "log_step"
    """Each log row explains, by its kind and quantity, how it changed real and locked."""
    LOG_BEFORE = "log_before"
    """Each log row of a stock starts from where the one before it ended."""
    LOG_CHAIN = "log_chain"
    """Each log row names the one before it of its stock and of its order; an order's lines know its last one."""
    LOG_GAP = "log_gap"
    """Every sequence value has a log row (or, for another item's message, an outbox row)."""
    LOG_TIME = "log_time"
    """Instants never go back along the sequence, nor beyond the head's last instant."""
    LOG_STOCK = "log_stock"
    """A stock that the log names has a row."""
    LOG_ORDER = "log_order"
    """What the log says an order locked of a stock is what its LOCKED lines hold."""
    OUTBOX_CHAIN = "outbox_chain"
    """Each outbox row names the one before it, and the head the last one."""
    OUTBOX_STOCK = "outbox_stock"
    """An outbox row points at the stock whose change took its sequence value."""
    DUE_MISSING = "due_missing"
    """An order with a LOCKED line has a due row at the time when its locks die; what a hub has locked dies there."""
    DUE_IDLE = "due_idle"
    """An order without LOCKED lines has no due row."""
    EXPIRY_APART = "expiry_apart"
    """All LOCKED lines of an order that one side holds die at the same time."""
    CLOSED_HOLDS = "closed_holds"
    """A closed order holds nothing LOCKED."""
    RESERVATION_QUANTITY = "reservation_quantity"
    """0 <= restocked <= returned <= quantity, and only paid lines are returned."""
    RESERVATION_STATE = "reservation_state"
    """RETURNED means returned in full."""
    CHANNEL_USED = "channel_used"
    """What a capped channel has used is what its reservations since the start of its period took."""
    RESTORE_TWICE = "restore_twice"
    """Each occurrence of a rule restores a stock once, and none after a later one."""
    RESTORE_ROW = "restore_row"
    """A stock's period begins at the last restore that the log tells of."""
    TIMER_LATE = "timer_late"
    """A store's timer wakes no later than the first of its stocks is due."""
    JOURNAL_POSITION = "journal_position"
    """No event of a journal is in the log beyond the journal's position."""
    HUB_GRANT = "hub_grant"
    """In the cloud something is granted only while a hub has the store, and a hub that was replaced holds nothing."""
    HUB_JOURNAL = "hub_journal"
    """A hub's events that the cloud doesn't have follow one another, each continues the one before, and the hub's books
    say where they end."""
    HUB_WAITS = "hub_waits"
    """What a hub waits for the cloud to decide on was written in its journal, and its requests ask for something."""
    OVERSOLD_INCIDENTS = "oversold_incidents"
    """Oversold never exceeds what its open incidents account for."""


class Finding(msgspec.Struct, frozen=True):
    """One broken promise: where, what was expected and what was found. Quantities in thousandths."""

    rule: Rule
    store: StoreKey
    key: StockKey | None = None
    order_id: str | None = None
    seq: int | None = None
    expected: int | None = None
    found: int | None = None
    detail: str = ""
    """Which column, kind or channel it is about."""
