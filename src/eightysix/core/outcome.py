"""Outcomes: what a command comes to. A refusal is a value from a closed list; a fault is an exception elsewhere.

The order of `Code` is the order of precedence (DESIGN section 4): of several refusals the first named here wins.
"""

from enum import StrEnum
from typing import Any

import msgspec

from .change import Incident
from .key import StockKey
from .reservation import State
from .stock import ChannelStock, Stock


class Code(StrEnum):
    """Every refusal, in order of precedence. The wire's `code`; stable."""

    BRAND_NOT_FOUND = "BRAND_NOT_FOUND"
    STORE_NOT_FOUND = "STORE_NOT_FOUND"
    CHANNEL_NOT_FOUND = "CHANNEL_NOT_FOUND"
    ITEM_NOT_FOUND = "ITEM_NOT_FOUND"
    RULE_NOT_FOUND = "RULE_NOT_FOUND"
    HUB_NOT_FOUND = "HUB_NOT_FOUND"
    INCIDENT_NOT_FOUND = "INCIDENT_NOT_FOUND"
    QUANTITY_TOO_FINE = "QUANTITY_TOO_FINE"
    QUANTITY_OUT_OF_RANGE = "QUANTITY_OUT_OF_RANGE"
    FORCE_NOT_ALLOWED = "FORCE_NOT_ALLOWED"
    REASON_REQUIRED = "REASON_REQUIRED"
    SETTING_INVALID = "SETTING_INVALID"
    HUB_FENCED = "HUB_FENCED"
    USE_HUB = "USE_HUB"
    ORDER_AT_HUB = "ORDER_AT_HUB"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    JOURNAL_MISMATCH = "JOURNAL_MISMATCH"
    JOURNAL_GAP = "JOURNAL_GAP"
    ALREADY_DEDUCTED = "ALREADY_DEDUCTED"
    ALREADY_UNLOCKED = "ALREADY_UNLOCKED"
    ALREADY_RETURNED = "ALREADY_RETURNED"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    LOCK_EXPIRED = "LOCK_EXPIRED"
    LOCK_EXPIRED_NO_STOCK = "LOCK_EXPIRED_NO_STOCK"
    NOT_DEDUCTED = "NOT_DEDUCTED"
    QUANTITY_EXCEEDS_LOCK = "QUANTITY_EXCEEDS_LOCK"
    QUANTITY_EXCEEDS_DEDUCTED = "QUANTITY_EXCEEDS_DEDUCTED"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    STALE_REPORT = "STALE_REPORT"
    COUNT_BASE_MISSING = "COUNT_BASE_MISSING"
    GRANT_EXCEEDED = "GRANT_EXCEEDED"
    ALREADY_RESOLVED = "ALREADY_RESOLVED"
    NOTHING_TO_CANCEL = "NOTHING_TO_CANCEL"
    OUT_OF_STOCK = "OUT_OF_STOCK"

    @property
    def rank(self) -> int:
        """0 for the strongest refusal."""
        return _RANK[self]


_RANK = {code: at for at, code in enumerate(Code)}


class BlockedBy(StrEnum):
    """What stands in the way of a sale; the first that applies is named (DESIGN section 4)."""

    BRAND = "brand"
    STORE = "store"
    SPU = "spu"
    SKU = "sku"
    COMPONENT = "component"
    CHANNEL = "channel"
    QUANTITY = "quantity"
    CHANNEL_QUANTITY = "channel_quantity"


class LineView(msgspec.Struct, frozen=True, gc=False):
    """One line as an answer shows it."""

    sku_id: int
    line_no: int
    requested: int
    quantity: int
    returned: int
    state: State


class OrderDone(msgspec.Struct, frozen=True, gc=False, tag=True):
    """An order verb succeeded. `state` is the common state of all the order's lines, None where they differ (MIXED).

    `lines` are those the call was about. `expires_at` in milliseconds, None when nothing is locked.
    """

    order_id: str
    state: State | None
    lines: tuple[LineView, ...]
    expires_at: int | None = None
    replayed: bool = False


class LineRefusal(msgspec.Struct, frozen=True, gc=False):
    """Why one line refuses. `available` (thousandths) and `blocked_by` only where stock is short; `blocker` is the
    stock in the way, where it is one."""

    sku_id: int
    line_no: int
    code: Code
    requested: int | None = None
    available: int | None = None
    blocked_by: BlockedBy | None = None
    blocker: StockKey | None = None


class Refused(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Nothing was changed. `field` points at a wrong value (`lines[2].quantity`), `stock` is the current row, with its
    `channels` where they matter. `expected_seq` is the next event that a journal's gap leaves to be told."""

    code: Code
    lines: tuple[LineRefusal, ...] = ()
    field: str | None = None
    stock: Stock | None = None
    channels: tuple[ChannelStock, ...] = ()
    expected_seq: int | None = None


class StockRow(msgspec.Struct, frozen=True, gc=False):
    """A stock and its channel rows as they are after a setting; with `replayed` nothing had to be changed.

    `changes` is what was changed: `{field: [before, after]}`, quantities in thousandths, channels by code.
    """

    stock: Stock
    channels: tuple[ChannelStock, ...] = ()
    replayed: bool = False
    changes: dict[str, Any] = {}


class StocksSet(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A result for each setting, in the order they were sent."""

    results: tuple[StockRow | Refused, ...]


class ReleasedGuarantee(msgspec.Struct, frozen=True, gc=False):
    """A guarantee that flowed back, and how much of it was open."""

    key: StockKey
    channel_code: str
    quantity: int


class GuaranteesReleased(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Every guarantee that flowed back, by stock and channel."""

    released: tuple[ReleasedGuarantee, ...]


class LocksExpired(msgspec.Struct, frozen=True, gc=False, tag=True):
    """How many orders had locks released."""

    orders: int


class TimersRun(msgspec.Struct, frozen=True, gc=False, tag=True):
    """How many of the store's stocks were restored, how many it has, and when something is due next (ms)."""

    restored: int
    stocks: int
    due_at: int | None


class Cause(StrEnum):
    """Why two sides differ."""

    MISSING = "missing"
    """The device has no row of it."""
    BEHIND = "behind"
    """The device has an older version: a change was lost on its way, or is still under way."""
    ALTERED = "altered"
    """The device has the same version and other values: it changed the row without reporting it."""
    UNKNOWN = "unknown"
    """The device has a row of what was never set here."""
    AHEAD = "ahead"
    """The device has a version that was never given out: this database was restored from a backup."""
    LOCKED = "locked"
    """`locked` is not what the LOCKED reservations hold."""
    USED = "used"
    """What a channel has used is not what its reservations took."""


class Drift(msgspec.Struct, frozen=True, gc=False):
    """One difference. `expected` and `found` are versions for a device's row (found None: no row), else thousandths."""

    key: StockKey
    cause: Cause
    channel_code: str | None = None
    expected: int = 0
    found: int | None = None
    repaired: bool = False


class StockReconciled(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Every difference, how many stocks were looked at, and when."""

    drifts: tuple[Drift, ...]
    stocks: int
    at: int


class StockReported(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The row after a report. `real_applied` is False where its count was only what the POS had seen before orders
    moved it; with the row's `replayed` the report had been processed before."""

    row: StockRow
    real_applied: bool


class Result(StrEnum):
    """What an event of a journal comes to, for good."""

    APPLIED = "applied"
    SUPERSEDED = "superseded"
    INCIDENT = "incident"


class EventReplayed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """An event of a journal has its result. `code` says why all or a part of it was superseded; `expected_seq` is the
    journal's next event."""

    seq: int
    result: Result
    expected_seq: int
    code: Code | None = None
    replayed: bool = False


class GrantTotal(msgspec.Struct, frozen=True, gc=False):
    """What a hub has got or given back of a stock (signed), and what it holds in all, in thousandths."""

    key: StockKey
    given: int
    grant: int


class GrantsMoved(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A total for each stock that was asked about, or, where none was, for each that the hub holds any of."""

    totals: tuple[GrantTotal, ...]
    replayed: bool = False


class HubEventTold(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The cloud has stored an event of a hub's journal. `settled` are the versions of the stocks that it set."""

    seq: int
    expected_seq: int
    settled: tuple[tuple[StockKey, int], ...] = ()
    replayed: bool = False


class HubWrittenOff(msgspec.Struct, frozen=True, gc=False, tag=True):
    """What was written off of each stock, and the incidents it made. With `replayed` it had been done before."""

    written_off: tuple[GrantTotal, ...]
    replayed: bool = False


class CancelledLine(msgspec.Struct, frozen=True, gc=False):
    """An order line that was cancelled for an incident. `quantity` in thousandths of the line."""

    order_id: str
    sku_id: int
    line_no: int
    channel_code: str
    quantity: int


class IncidentResolved(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The incident as it is now, the lines that were cancelled for it, and the row. `opened` is the incident that goes
    on with what couldn't be settled."""

    incident: Incident
    cancelled: tuple[CancelledLine, ...]
    stock: Stock
    channels: tuple[ChannelStock, ...] = ()
    opened: Incident | None = None
    replayed: bool = False


class BooksKept(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A hub has written something down for itself. `changed`: how many stocks that changed."""

    changed: int = 0


Outcome = (
    OrderDone
    | Refused
    | StocksSet
    | GuaranteesReleased
    | LocksExpired
    | TimersRun
    | StockReconciled
    | StockReported
    | EventReplayed
    | GrantsMoved
    | HubEventTold
    | HubWrittenOff
    | IncidentResolved
    | BooksKept
)
